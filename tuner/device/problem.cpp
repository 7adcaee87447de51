// One kernel problem.
#include "device/problem.hpp"

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "model/model_file.hpp"
#include "model/serialize.hpp"
#include "plugin/call.hpp"

namespace motley::tuner {

namespace {

using graph::kNone;
using graph::TensorId;

motley_sink sink_to(std::string& text) {
  return {sizeof(motley_sink), &text, [](void* context, const void* data, uint64_t size) {
            static_cast<std::string*>(context)->append(static_cast<const char*>(data), size);
          }};
}

void check(motley_status status, const plugin::ErrorRoom& room, const plugin::Device& device, const char* what) {
  if (status != MOTLEY_OK)
    base::fail(ErrorCode::plugin, "the device \"%\" has no % (%)", {device.name(), what, room.describe(status)});
}

struct Parameters {
  std::vector<Parameter> list;
  uint32_t space_rev = 0;
  uint64_t workspace_bound = 0;
  std::string error;  // of a parameter that cannot be read; exceptions must not cross the plugin
};

void take_parameter(void* context, const char* name, const char* values, const char* default_value) {
  auto& parameters = *static_cast<Parameters*>(context);
  try {
    parameters.list.push_back(Space::plugin_parameter(name, values, default_value));
  } catch (const std::exception& error) {
    parameters.error = error.what();
  }
}
void take_space(void* context, uint32_t space_rev, uint64_t workspace_bound) {
  auto& parameters = *static_cast<Parameters*>(context);
  parameters.space_rev = space_rev;
  parameters.workspace_bound = workspace_bound;
}

}  // namespace

namespace {

// Takes nodes over, one after the other.
class Cutter {
 public:
  Cutter(const graph::Graph& graph, const std::vector<uint32_t>& nodes) : graph_(graph), nodes_(nodes) {
    one_.name = "problem";
  }
  graph::Graph run() {
    for (const uint32_t n : nodes_) {
      graph::Node copy = graph_.nodes[n];
      for (TensorId& id : copy.inputs)
        if (id != kNone) id = read(id);
      for (TensorId& id : copy.outputs)
        if (id != kNone) id = make(id);
      one_.nodes.push_back(std::move(copy));
    }
    return std::move(one_);
  }

 private:
  TensorId take(TensorId id) {
    const graph::Tensor& tensor = graph_.tensor(id);
    if (!tensor.shape_known())
      base::fail(ErrorCode::invalid_argument, "the tensor \"%\" has no known shape: give the model its input shapes",
                 {tensor.name});
    return taken_[id] = one_.add_tensor(tensor);
  }
  TensorId read(TensorId id) {
    if (const auto known = taken_.find(id); known != taken_.end()) return known->second;
    const TensorId fresh = take(id);
    if (!one_.tensor(fresh).is_constant()) one_.inputs.push_back(fresh);
    return fresh;
  }
  TensorId make(TensorId id) {
    const TensorId fresh = take(id);
    if (nodes_.size() == 1 || is_read_outside(id)) one_.outputs.push_back(fresh);
    return fresh;
  }
  bool is_read_outside(TensorId id) const {
    if (std::find(graph_.outputs.begin(), graph_.outputs.end(), id) != graph_.outputs.end()) return true;
    for (uint32_t n = 0; n < graph_.nodes.size(); ++n) {
      const auto& inputs = graph_.nodes[n].inputs;
      if (!std::binary_search(nodes_.begin(), nodes_.end(), n) &&
          std::find(inputs.begin(), inputs.end(), id) != inputs.end())
        return true;
    }
    return false;
  }

  const graph::Graph& graph_;
  const std::vector<uint32_t>& nodes_;
  graph::Graph one_;
  std::map<TensorId, TensorId> taken_;
};

}  // namespace

graph::Graph problem_of(const graph::Graph& graph, const std::vector<uint32_t>& nodes) {
  return Cutter(graph, nodes).run();
}

void save_problem(const graph::Graph& problem, const std::filesystem::path& path) {
  graph::Module module;
  module.producer = "motley tuner";
  module.graphs.push_back(problem);
  model::write_model(module, path);
}

graph::Graph load_problem(const std::filesystem::path& path) {
  graph::Module module = model::read_model(path);
  if (module.graphs.size() != 1 || module.main().nodes.empty())
    base::fail(ErrorCode::invalid_argument, "the problem \"%\" has no nodes: save it with the tuner", {path.string()});
  return std::move(module.main());
}

std::unique_ptr<DeviceProblem> describe_problem(plugin::Device& device, const graph::Graph& graph) {
  const auto& api = device.api();
  const auto* tuning =
      api.get_extension ? static_cast<const motley_tuning*>(api.get_extension(MOTLEY_TUNING_EXTENSION)) : nullptr;
  if (!tuning) return nullptr;
  const auto serialized = std::make_shared<model::SerializedGraph>(model::serialize(graph));
  const motley_graph view = serialized->view();
  auto problem = std::make_unique<DeviceProblem>();
  plugin::ErrorRoom room;
  const motley_sink key_sink = sink_to(problem->key);
  check(plugin::guarded(room, [&] { return tuning->problem_key(device.handle(), &view, &key_sink); }), room, device,
        "problem key");
  Parameters parameters;
  const motley_parameter_sink sink{sizeof sink, &parameters, take_parameter, take_space};
  check(plugin::guarded(room, [&] { return tuning->space(device.handle(), &view, &sink); }), room, device,
        "tuning space");
  if (!parameters.error.empty())
    base::fail(ErrorCode::plugin, "the device \"%\" has a tuning space that cannot be read: %",
               {device.name(), parameters.error});
  if (parameters.list.empty()) return nullptr;
  problem->space_rev = parameters.space_rev;
  problem->workspace_bound = parameters.workspace_bound;
  problem->space = Space(std::move(parameters.list), {}, [&device, tuning, serialized](const std::string& config) {
    const motley_graph segment = serialized->view();
    plugin::ErrorRoom why;
    return plugin::guarded(why, [&] {
             return tuning->config_check(device.handle(), &segment, config.c_str(), &why.error);
           }) == MOTLEY_OK;
  });
  return problem;
}

std::string fingerprint_of(plugin::Device& device) {
  std::string text;
  const motley_sink sink = sink_to(text);
  plugin::ErrorRoom room;
  if (device.api().device_fingerprint)
    check(plugin::guarded(room, [&] { return device.api().device_fingerprint(device.handle(), &sink); }), room, device,
          "fingerprint");
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text + "kernels build=" + (device.api().build_id ? device.api().build_id : "") + "\n";
}

}  // namespace motley::tuner
