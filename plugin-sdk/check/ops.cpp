// Claimed ops against the reference plugin.
#include <cstring>
#include <memory>
#include <stdexcept>

#include "checks.hpp"
#include "graph/lower.hpp"
#include "library.hpp"
#include "runner.hpp"

namespace motley::check {

namespace {

// The plugin under test and the oracle, loaded and opened in the child.
struct Pair {
  std::vector<std::unique_ptr<OpenDevice>> devices;
  std::unique_ptr<OpenDevice> reference;
};

Pair open_pair(const Options& options, Reporter& reporter) {
  Pair pair;
  const auto open = [&](const std::string& path, bool all) {
    reporter.stage("loading " + path);
    const motley_plugin api = copy_api(load(path));
    ErrorBuffer message;
    if (api.init && api.init(&message.error) != MOTLEY_OK)
      throw std::runtime_error(std::string("init failed: ") + message.text);
    for (const motley_device_info& info : enumerate(api)) {
      if (all) pair.devices.push_back(std::make_unique<OpenDevice>(api, info));
      else if (!pair.reference) pair.reference = std::make_unique<OpenDevice>(api, info);
    }
  };
  open(options.reference, false);
  open(options.library, true);
  if (!pair.reference) throw std::runtime_error("the reference plugin offers no device");
  return pair;
}

std::vector<Bytes> make_inputs(const Case& c, uint64_t seed) {
  std::vector<Bytes> inputs;
  for (size_t i = 0; i < c.graph.inputs.size(); ++i)
    inputs.push_back(random_bytes(c.graph.tensor(c.graph.inputs[i]), c.fills[i], seed + 31 * i));
  return inputs;
}

// NaN in the first element of the first float input: must come out where the reference lets it out, and crash nothing.
bool put_nan(const Case& c, std::vector<Bytes>& inputs) {
  if (inputs.empty() || inputs[0].size() < 4 || c.graph.tensor(c.graph.inputs[0]).type != schema::DataType::float32)
    return false;
  const uint32_t nan = 0x7fc00000;
  std::memcpy(inputs[0].data(), &nan, 4);
  return true;
}

void expect_equal(const Case& c, const std::vector<Bytes>& expected, const std::vector<Bytes>& got, const char* when) {
  for (size_t i = 0; i < expected.size(); ++i) {
    const std::string difference = compare(c.graph.tensor(c.graph.outputs[i]), expected[i], got[i]);
    if (!difference.empty()) throw std::runtime_error(difference + when);
  }
}

// What the reference runs for a case: it has primitives only, so a composite is lowered for it first.
graph::Graph plain(graph::Graph graph) {
  while (true) {
    std::vector<graph::Node> nodes;
    bool changed = false;
    const std::vector<graph::Node> before = std::move(graph.nodes);
    graph.nodes.clear();
    for (const graph::Node& node : before) {
      if (graph::is_plain_primitive(node)) {
        nodes.push_back(node);
        continue;
      }
      changed = true;
      for (graph::Node& simple : graph::lower(graph, node)) nodes.push_back(std::move(simple));
    }
    graph.nodes = std::move(nodes);
    if (!changed) return graph;
  }
}

void run_case(const Case& c, OpenDevice& device, OpenDevice& reference, const std::string& config = {}) {
  Program oracle(reference, plain(c.graph)), program(device, c.graph, config);
  for (uint64_t seed : {1, 2}) {
    const std::vector<Bytes> inputs = make_inputs(c, seed);
    const std::vector<Bytes> expected = oracle.run(inputs);
    expect_equal(c, expected, program.run(inputs), seed == 1 ? "" : " in its second run");
    if (seed == 1) expect_equal(c, expected, program.run(inputs, 64), " with memory bound at an offset of 64");
  }
  std::vector<Bytes> inputs = make_inputs(c, 3);
  if (put_nan(c, inputs)) program.run(inputs);  // the value is not prescribed for every op; staying alive is
}

bool claims(OpenDevice& device, const Case& c, std::string& reason) {
  const model::SerializedGraph serialized = model::serialize(c.graph);
  for (const std::string& why : query(device, serialized.view())) {
    reason = why;
    if (!reason.empty()) return false;
  }
  return true;
}

}  // namespace

void check_op(const Options& options, const std::string& label, const std::vector<Case>& cases, Reporter& reporter) {
  Pair pair = open_pair(options, reporter);
  int ran = 0;
  std::string refusal;
  for (const Case& c : cases) {
    const std::string where = label + ", " + c.detail;
    reporter.stage(where);
    try {
      std::string reason;
      for (const auto& device : pair.devices) {
        if (!claims(*device, c, reason)) {
          if (refusal.empty()) refusal = reason;
          continue;
        }
        std::string undefined;
        const Case simple{c.label, c.detail, plain(c.graph), c.fills};
        if (!claims(*pair.reference, simple, undefined)) continue;  // a form that the oracle does not define
        run_case(c, *device, *pair.reference);
        ++ran;
      }
    } catch (const std::exception& e) {
      reporter.result({"ops", label, Verdict::fail, c.detail + ": " + e.what(), ran});
      return;
    }
  }
  if (ran == 0) reporter.result({"ops", label, Verdict::unsupported, refusal.empty() ? "no case applies" : refusal, 0});
  else reporter.result({"ops", label, Verdict::pass, "", ran});
}

void check_tuning(const Options& options, const std::vector<Case>& cases, Reporter& reporter) {
  Pair pair = open_pair(options, reporter);
  int configs = 0;
  for (const auto& device : pair.devices) {
    const auto* tuning = device->api().get_extension
                             ? static_cast<const motley_tuning*>(device->api().get_extension(MOTLEY_TUNING_EXTENSION))
                             : nullptr;
    if (!tuning) continue;
    for (const Case& c : cases) {
      std::string reason;
      if (!claims(*device, c, reason)) continue;
      const model::SerializedGraph serialized = model::serialize(c.graph);
      const motley_graph view = serialized.view();
      std::vector<std::string> tries;
      motley_parameter_sink sink{
          sizeof sink, &tries,
          [](void* context, const char* name, const char* values, const char*) {
            std::string value;
            for (const char* p = values;; ++p) {
              if (*p && *p != '|') {
                value += *p;
                continue;
              }
              static_cast<std::vector<std::string>*>(context)->push_back(std::string(name) + "=" + value);
              value.clear();
              if (!*p) break;
            }
          },
          [](void*, uint32_t, uint64_t) {}};
      if (tuning->space(device->handle(), &view, &sink) != MOTLEY_OK) {
        reporter.result({"tuning", "space", Verdict::fail,
                         c.label + ", " + c.detail + ": space failed on a claimed node", configs});
        return;
      }
      for (const std::string& config : tries) {
        const std::string where = c.label + ", " + c.detail + ", " + config;
        reporter.stage(where);
        ErrorBuffer message;
        if (tuning->config_check(device->handle(), &view, config.c_str(), &message.error) != MOTLEY_OK) continue;
        try {
          run_case(c, *device, *pair.reference, config);
          ++configs;
        } catch (const std::exception& e) {
          reporter.result({"tuning", "configs", Verdict::fail, where + ": " + e.what(), configs});
          return;
        }
      }
    }
  }
  if (configs == 0)
    reporter.result(
        {"tuning", "configs", Verdict::unsupported, "the plugin offers no tuning space for the checker's cases", 0});
  else reporter.result({"tuning", "configs", Verdict::pass, "", configs});
}

}  // namespace motley::check
