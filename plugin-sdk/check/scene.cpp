// Loading, opening and preparing on demand.
#include "scene.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "graph/lower.hpp"
#include "graph/steering.hpp"

namespace motley::check {

Scene::Scene(const Options& o, const std::vector<Case>& all, std::string device, Reporter& r, double budget_s)
    : options(o),
      cases(all),
      reporter(r),
      device_id_(std::move(device)),
      end_(std::chrono::steady_clock::now() +
           std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(budget_s))) {}

bool Scene::out_of_time() {
  if (std::chrono::steady_clock::now() < end_) return false;
  reporter.note("part of it, for want of time");
  return true;
}

const motley_plugin& Scene::api() {
  if (!api_) {
    reporter.stage("loading");
    api_ = std::make_unique<motley_plugin>(start(options.library));
  }
  return *api_;
}

const motley_device_info& Scene::info() {
  if (!info_) {
    for (const motley_device_info& found : enumerate(api()))
      if (!info_ && found.id == device_id_) info_ = std::make_unique<motley_device_info>(found);
    if (!info_) throw std::runtime_error("the device \"" + device_id_ + "\" is no longer enumerated");
  }
  return *info_;
}

OpenDevice& Scene::device() {
  if (!device_) {
    const motley_device_info& which = info();
    reporter.stage("opening the device");
    device_ = std::make_unique<OpenDevice>(api(), which);
    reporter.stage("right after opening the device");
  }
  return *device_;
}

OpenDevice& Scene::reference() {
  if (!reference_) {
    const motley_plugin oracle = start(options.reference, Role::oracle);
    const std::vector<motley_device_info> devices = enumerate(oracle);
    if (devices.empty()) throw std::runtime_error("the reference plugin offers no device");
    reference_ = std::make_unique<OpenDevice>(oracle, devices.front());
  }
  return *reference_;
}

std::string Scene::refusal(const Case& c) {
  const model::SerializedGraph serialized = model::serialize(c.graph);
  for (const std::string& why : query(device(), serialized.view()))
    if (!why.empty()) return why;
  return {};
}

namespace {

bool defined(OpenDevice& reference, const Case& c) {
  const model::SerializedGraph serialized = model::serialize(plain(c.graph));
  for (const std::string& why : query(reference, serialized.view()))
    if (!why.empty()) return false;
  return true;
}

}  // namespace

const Case& Scene::simple() {
  for (size_t i = 0; !simple_ && i < cases.size(); ++i) {
    const Case& c = cases[i];
    if (c.graph.tensor(c.graph.outputs[0]).elements() < 15 || !refusal(c).empty()) continue;
    if (defined(reference(), c)) simple_ = &c;
  }
  if (!simple_) throw Unsupported("no case of the checker is claimed");
  return *simple_;
}

std::vector<const Case*> Scene::some(size_t count) {
  std::vector<const Case*> found = {&simple()};
  for (const Case& c : cases) {
    if (found.size() >= count) break;
    const schema::Op op = c.graph.nodes[0].op;
    const bool known =
        std::any_of(found.begin(), found.end(), [&](const Case* f) { return f->graph.nodes[0].op == op; });
    if (known || c.graph.tensor(c.graph.outputs[0]).elements() < 15 || !refusal(c).empty()) continue;
    if (defined(reference(), c)) found.push_back(&c);
  }
  return found;
}

Prepared Scene::prepare(const Case& c, uint64_t seed) {
  if (!defined(reference(), c)) throw Unsupported("the reference does not define it");
  std::vector<Bytes> inputs = make_inputs(c, seed);
  std::vector<Bytes> expected = Program(reference(), plain(c.graph)).run(inputs);
  return {&c, std::move(inputs), std::move(expected)};
}

std::vector<Bytes> make_inputs(const Case& c, uint64_t seed) {
  std::vector<Bytes> inputs;
  for (size_t i = 0; i < c.graph.inputs.size(); ++i)
    inputs.push_back(random_bytes(c.graph.tensor(c.graph.inputs[i]), c.fills[i], seed + 31 * i));
  return inputs;
}

namespace {

// Of an op whose size depends on data, what lies past the count is anything: it becomes zeros.
std::vector<Bytes> only_valid(const graph::Graph& graph, std::vector<Bytes> outputs) {
  const graph::Node& node = graph.nodes.front();
  if (graph.nodes.size() != 1 || !graph::size_depends_on_data(node.op)) return outputs;
  const graph::Extents room = graph.tensor(node.outputs[0]).extents();
  const bool by_column = node.op == schema::Op::NonZero;
  int64_t count = 0;
  std::memcpy(&count, outputs[1].data(), sizeof count);
  for (int64_t row = 0; row < room[0]; ++row)
    for (int64_t column = 0; column < room[1]; ++column)
      if ((by_column ? column : row) >= count)
        std::memset(outputs[0].data() + (row * room[1] + column) * 8, 0, sizeof(int64_t));
  return outputs;
}

}  // namespace

void expect_equal(const graph::Graph& graph, const std::vector<Bytes>& expected, const std::vector<Bytes>& got,
                  const std::string& when, schema::DataType computed) {
  const std::vector<Bytes> wanted = only_valid(graph, expected), given = only_valid(graph, got);
  for (size_t i = 0; i < wanted.size(); ++i) {
    const std::string difference = compare(graph.tensor(graph.outputs[i]), wanted[i], given[i], computed);
    if (!difference.empty()) throw std::runtime_error(difference + when);
  }
}

// The reference has primitives only, so a composite is lowered for it, until nothing is left to lower.
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

std::optional<Case> chain(const Case& c, int length) {
  const graph::Node first = c.graph.nodes.front();
  if (c.graph.outputs.size() != 1 || c.graph.inputs.empty() || first.input(0) != c.graph.inputs[0]) return {};
  const graph::Tensor &in = c.graph.tensor(c.graph.inputs[0]), &out = c.graph.tensor(c.graph.outputs[0]);
  if (in.type != out.type || in.shape != out.shape || out.elements() < 15) return {};
  Case longer = c;
  longer.detail += ", " + std::to_string(length) + " in a row";
  for (int i = 1; i < length; ++i) {
    graph::Tensor next = longer.graph.tensor(c.graph.outputs[0]);
    next.name += "_" + std::to_string(i);
    graph::Node node = first;
    node.name += "_" + std::to_string(i);
    node.inputs[0] = longer.graph.outputs[0];
    longer.graph.outputs[0] = longer.graph.add_tensor(std::move(next));
    node.outputs = {longer.graph.outputs[0]};
    longer.graph.nodes.push_back(std::move(node));
  }
  return longer;
}

Case chained(Scene& scene, int length) {
  for (const Case& c : scene.cases) {
    std::optional<Case> longer = chain(c, length);
    if (longer && scene.refusal(c).empty() && scene.refusal(*longer).empty() && defined(scene.reference(), *longer))
      return std::move(*longer);
  }
  throw Unsupported("no case of the checker can be put in a row");
}

}  // namespace motley::check
