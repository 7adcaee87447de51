// What there is to measure for some models on some devices.
#include "campaign/workload.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <numeric>

#include "base/text.hpp"
#include "graph/steering.hpp"
#include "model/serialize.hpp"
#include "plan/cost.hpp"
#include "run/dynamic.hpp"
#include "run/evaluate.hpp"
#include "table/advisor.hpp"
#include "table/fingerprint.hpp"
#include "table/node_key.hpp"
#include "table/rows.hpp"
#include "table/text.hpp"
#include "table/tuning.hpp"

namespace motley::tuner {

TunedDevice describe_device(std::shared_ptr<plugin::Device> device) {
  TunedDevice tuned;
  tuned.fingerprint = table::fingerprint_of(*device);
  if (tuned.fingerprint.kernels.empty())
    base::fail(ErrorCode::plugin,
               "the device \"%\" says no fingerprint, so nothing measured on it could be used: leave it out",
               {device->name()});
  tuned.journal_name = fingerprint_of(*device);
  nlohmann::json document = empty_document("motley");
  document["devices"].push_back(device_row("device", device->plugin().id, tuned.fingerprint));
  tuned.row = canonical(document)["devices"][0];
  tuned.device = std::move(device);
  return tuned;
}

namespace {

// Floats from 0 to 1, integers 0 or 1.
graph::Constant made_up(const graph::Tensor& tensor) {
  std::vector<std::byte> data(tensor.bytes());
  uint32_t state = 12345;
  const size_t size = size_of(static_cast<DataType>(tensor.type));
  for (size_t i = 0; size > 0 && i + size <= data.size(); i += size) {
    state = state * 1664525u + 1013904223u;
    const float value = static_cast<float>(state >> 8) / 16777216.0F;
    if (tensor.type == graph::DataType::float32) std::memcpy(data.data() + i, &value, 4);
    else if (tensor.type >= graph::DataType::int8) data[i] = static_cast<std::byte>(state >> 31);
  }
  return graph::Constant::copy_of(data.data(), data.size());
}

// The network of a request that is planned in stages; nothing where it is planned at once, and `prepared` is that.
std::optional<run::DynamicRunner> runner_of(const graph::Module& module, const plan::Request& request,
                                            run::DeviceEvaluator& evaluator, plan::Prepared& prepared) {
  prepared = plan::prepare(module, request, &evaluator);
  if (!prepared.staged) return std::nullopt;
  return std::optional<run::DynamicRunner>(std::in_place, std::move(*prepared.staged), request, &evaluator,
                                           std::make_shared<const plan::Kept>());
}

// Of a network's inputs, with made-up contents.
run::Values inputs_of(const run::DynamicRunner& runner) {
  run::Values inputs;
  const graph::Graph& graph = runner.module().main();
  for (const graph::TensorId id : graph.inputs) {
    const graph::Tensor& tensor = graph.tensor(id);
    const auto extents = tensor.extents();
    inputs[tensor.name] = {tensor.type, {extents.begin(), extents.end()}, made_up(tensor)};
  }
  return inputs;
}

PlannedStage stage_of(graph::Graph graph) {
  std::string hash = table::graph_hash(graph);
  return {std::move(graph), std::move(hash), {}};
}

}  // namespace

PlannedModel plan_model(const graph::Module& module, const plan::Request& request) {
  run::DeviceEvaluator evaluator(request.devices);
  plan::Prepared prepared;
  PlannedModel planned;
  if (auto runner = runner_of(module, request, evaluator, prepared)) {
    planned.is_whole = false;
    if (const auto first = runner->plan_first(inputs_of(*runner))) planned.stages.push_back(stage_of(first->graph));
    return planned;
  }
  plan::lower_for(prepared.graph, request, {});
  planned.stages.push_back(stage_of(std::move(prepared.graph)));
  return planned;
}

std::vector<PlannedStage> plan_later(const graph::Module& module, const plan::Request& request,
                                     const PlannedModel& known, std::string& ended_by) {
  run::DeviceEvaluator evaluator(request.devices);
  plan::Prepared prepared;
  auto runner = runner_of(module, request, evaluator, prepared);
  std::vector<PlannedStage> later;
  if (!runner) return later;
  run::StagedRun run;
  try {
    runner->run(inputs_of(*runner), run);
  } catch (const Error& error) {
    ended_by = error.what();
  }
  for (const auto& weak : run.plans) {
    const auto plan = weak.lock();
    // What runs alone because its result is as large as the data say has one more output, which no model can hold.
    const auto runs_alone = [](const graph::Node& node) { return graph::size_depends_on_data(node.op); };
    if (!plan || std::any_of(plan->graph.nodes.begin(), plan->graph.nodes.end(), runs_alone)) continue;
    PlannedStage stage = stage_of(plan->graph);
    const auto same = [&](const PlannedStage& other) { return other.hash == stage.hash; };
    if (std::none_of(known.stages.begin(), known.stages.end(), same) && std::none_of(later.begin(), later.end(), same))
      later.push_back(std::move(stage));
  }
  return later;
}

namespace {

// A problem on a device, without the parts that cost something to make.
struct Key {
  size_t device;
  std::string key;
  auto operator<=>(const Key&) const = default;
};

bool shapes_known(const graph::Graph& graph, const graph::Node& node) {
  const auto known = [&](graph::TensorId id) { return id == graph::kNone || graph.tensor(id).shape_known(); };
  return std::all_of(node.inputs.begin(), node.inputs.end(), known) &&
         std::all_of(node.outputs.begin(), node.outputs.end(), known);
}

bool is_in(const Space& space, const std::string& config) {
  try {
    return space.valid(space.parse(config));
  } catch (const Error&) {
    return false;
  }
}

class Collector {
 public:
  Collector(const std::vector<TunedDevice>& devices, Precisions precisions)
      : devices_(devices), precisions_(precisions) {}

  void add(const graph::Graph& graph) {
    plan::DeviceList list;
    for (const TunedDevice& d : devices_) list.push_back(d.device);
    const plan::SupportTable support = plan::query_support(graph, list);
    for (size_t n = 0; n < graph.nodes.size(); ++n)
      for (size_t d = 0; d < devices_.size() && shapes_known(graph, graph.nodes[n]); ++d)
        if (support.at(d, n).supported) add(graph, n, d);
    for (const plan::Offer& offer : support.offers) add(graph, offer, support);
  }
  std::vector<Problem> take() {
    std::move(candidates_.begin(), candidates_.end(), std::back_inserter(problems_));
    return std::move(problems_);
  }

 private:
  void add(const graph::Graph& graph, size_t n, size_t d) {
    const graph::Node& node = graph.nodes[n];
    // The core's key tells more apart than a plugin's, so each is described once.
    const std::string own_key = table::node_key(graph, node);
    const auto [described, fresh] = described_.try_emplace(Key{d, own_key}, 0);
    if (fresh) described->second = describe(graph, n, d, own_key);
    ++problems_[described->second].count;
  }

  size_t describe(const graph::Graph& graph, size_t n, size_t d, const std::string& own_key) {
    Problem problem;
    problem.device = d;
    problem.graph = problem_of(graph, {static_cast<uint32_t>(n)});
    plugin::Device& device = *devices_[d].device;
    problem.tunable = describe_problem(device, problem.graph);
    // As the advisor asks for it: a plugin may name problems in which there is nothing to choose.
    problem.key = table::problem_key(device, model::serialize(problem.graph).view());
    if (problem.key.empty()) problem.key = own_key;
    const auto [known, fresh] = by_key_.try_emplace(Key{d, problem.key}, problems_.size());
    if (!fresh) return known->second;
    const plan::Work work = plan::work_of(graph, graph.nodes[n]);
    problem.work = work.flops + work.bytes;
    problem.estimate_ns = plan::estimate_cost(graph, n, device);
    problems_.push_back(std::move(problem));
    return known->second;
  }

  // What a plan can be told apart by is a candidate's config.
  void add(const graph::Graph& graph, const plan::Offer& offer, const plan::SupportTable& support) {
    const bool is_lower = offer.precision != schema::DataType::undefined;
    const auto possible = [&](uint32_t n) {
      return support.at(offer.device, n).supported && shapes_known(graph, graph.nodes[n]);
    };
    // What is measured here reads and writes row-major tensors.
    if (offer.layout != schema::Layout::row_major) return;
    if (offer.config.empty() || (is_lower && precisions_ == Precisions::own) ||
        !std::all_of(offer.nodes.begin(), offer.nodes.end(), possible))
      return;
    plugin::Device& device = *devices_[offer.device].device;
    Problem problem;
    problem.key = table::problem_of(graph, offer.nodes, device);
    problem.candidate = offer.config;
    const auto [known, fresh] = by_key_.try_emplace(Key{offer.device, problem.name()}, candidates_.size());
    if (!fresh) return void(++candidates_[known->second].count);
    problem.count = 1;
    problem.device = offer.device;
    problem.precision = offer.precision;
    problem.graph = problem_of(graph, offer.nodes);
    for (const uint32_t n : offer.nodes) {
      const plan::Work work = plan::work_of(graph, graph.nodes[n]);
      problem.work += work.flops + work.bytes;
    }
    if (offer.nodes.size() == 1) problem.tunable = describe_problem(device, problem.graph);
    // One of the plain kernel's own configs is found by the search for it.
    if (problem.tunable && !is_lower && is_in(problem.tunable->space, offer.config)) return void(by_key_.erase(known));
    candidates_.push_back(std::move(problem));
  }

  const std::vector<TunedDevice>& devices_;
  Precisions precisions_;
  std::map<Key, size_t> described_, by_key_;
  std::vector<Problem> problems_, candidates_;
};

}  // namespace

std::vector<Problem> collect(const std::vector<PlannedModel>& models, const std::vector<TunedDevice>& devices,
                             Precisions precisions) {
  Collector collector(devices, precisions);
  for (const PlannedModel& model : models)
    for (const PlannedStage& stage : model.stages) collector.add(stage.graph);
  return collector.take();
}

std::vector<Problem> shard(std::vector<Problem> problems, size_t part, size_t parts) {
  std::vector<size_t> order(problems.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const Problem &x = problems[a], &y = problems[b];
    return x.work != y.work ? x.work > y.work
                            : std::tie(x.key, x.candidate, x.device) < std::tie(y.key, y.candidate, y.device);
  });
  std::vector<double> loads(std::min(parts, problems.size()),
                            0);  // where there are more parts, the last ones are empty
  std::vector<Problem> mine;
  for (const size_t i : order) {
    const auto lightest = std::min_element(loads.begin(), loads.end());
    *lightest += std::max(problems[i].work, 1.0);
    if (static_cast<size_t>(lightest - loads.begin()) + 1 == part) mine.push_back(std::move(problems[i]));
  }
  return mine;
}

}  // namespace motley::tuner
