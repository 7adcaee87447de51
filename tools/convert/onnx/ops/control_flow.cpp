// If, Loop and Scan. What is known while importing is taken at once: a branch chosen, a loop unrolled. The rest goes
// into the IR with its nested graphs.
#include <algorithm>

#include "onnx/op_context.hpp"

namespace motley::convert {
namespace {

constexpr int64_t kMaxUnrolled = 1024;         // iterations
constexpr int64_t kMaxUnrolledNodes = 20'000;  // of all iterations together; more cost less as a loop

void branch(OpContext& c) {
  const onnx::GraphProto &then_graph = c.graph_attribute("then_branch"), &else_graph = c.graph_attribute("else_branch");
  for (const onnx::GraphProto* graph : {&then_graph, &else_graph})
    if (static_cast<size_t>(graph->output_size()) != c.output_count())
      c.invalid("has a branch of " + std::to_string(graph->output_size()) + " outputs (expected " +
                std::to_string(c.output_count()) + ")");
  if (const std::optional<bool> condition = c.folded_bool(c.in(0))) {
    const std::vector<TensorId> results = c.inline_graph(*condition ? "then_branch" : "else_branch", {});
    for (size_t i = 0; i < results.size(); ++i) c.connect(results[i], c.out(i));
    return;
  }
  schema::IfAttributesT attributes;
  attributes.then_graph = c.nested("then_branch");
  attributes.else_graph = c.nested("else_branch");
  c.emit(Op::If, {c.in(0)}, c.outputs(), std::move(attributes));
}

TensorId unsqueezed(OpContext& c, TensorId id, int64_t axis, const std::string& suffix) {
  return c.temp(suffix, Op::Unsqueeze, {id, c.ints(suffix + "/axes", {axis})}, schema::AxesAttributesT());
}

// The pieces of one output, one per iteration, laid along an axis.
void join(OpContext& c, const std::vector<TensorId>& pieces, int64_t axis, TensorId out) {
  if (out == kNone) return;
  schema::AxisAttributesT attributes;
  attributes.axis = axis;
  c.emit(Op::Concat, pieces, {out}, std::move(attributes));
}

// Whether the body hands its condition on, or gives a constant. Else the loop's end is computed, and only a run knows it.
bool hands_condition_on(const onnx::GraphProto& body) {
  if (body.output_size() < 1 || body.input_size() < 2) return false;
  std::string name = body.output(0).name();
  for (int steps = 0; steps < body.node_size() + 1; ++steps) {
    if (name == body.input(1).name()) return true;
    const auto writer = std::find_if(body.node().begin(), body.node().end(), [&](const onnx::NodeProto& node) {
      return std::find(node.output().begin(), node.output().end(), name) != node.output().end();
    });
    if (writer == body.node().end() || writer->op_type() == "Constant") return true;  // an initializer, or from outside
    if (writer->op_type() != "Identity" || writer->input_size() != 1) return false;
    name = writer->input(0);
  }
  return false;
}

// Iterations while trip count and condition are known; false where one is not.
bool unroll(OpContext& c) {
  const auto& body = c.graph_attribute("body");
  if (!hands_condition_on(body)) return false;
  const size_t carried = c.input_count() > 2 ? c.input_count() - 2 : 0;
  if (static_cast<size_t>(body.output_size()) < 1 + carried)
    c.invalid("has a body of " + std::to_string(body.output_size()) + " outputs (at least " +
              std::to_string(1 + carried) + ")");
  const size_t collected = static_cast<size_t>(body.output_size()) - 1 - carried;
  if (c.output_count() > carried + collected) c.invalid("has more outputs than its body");
  std::optional<bool> condition = c.in(1) == kNone ? std::optional<bool>(true) : c.folded_bool(c.in(1));
  int64_t trips = INT64_MAX;
  if (c.in(0) != kNone) {
    const auto folded = c.folded_ints(c.in(0));
    if (!folded || folded->size() != 1) return false;
    trips = (*folded)[0];
  }
  if (!condition || trips > kMaxUnrolled || trips * body.node_size() > kMaxUnrolledNodes) return false;
  if (collected != 0 && (trips <= 0 || !*condition)) return false;  // the core finds the shapes of what is empty
  std::vector<TensorId> state(c.inputs().begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(2, c.input_count())),
                              c.inputs().end());
  std::vector<std::vector<TensorId>> pieces(collected);
  for (int64_t i = 0; i < trips && *condition; ++i) {
    const std::string step = std::to_string(i);
    std::vector<TensorId> inputs{c.scalar(step + "/iteration", DataType::int64, static_cast<double>(i)),
                                 c.scalar(step + "/condition", DataType::bool_, 1)};
    inputs.insert(inputs.end(), state.begin(), state.end());
    const std::vector<TensorId> outputs = c.inline_graph("body", inputs, step);
    state.assign(outputs.begin() + 1, outputs.begin() + 1 + static_cast<std::ptrdiff_t>(carried));
    for (size_t k = 0; k < collected; ++k)
      pieces[k].push_back(unsqueezed(c, outputs[1 + carried + k], 0, step + "/piece" + std::to_string(k)));
    condition = c.folded_bool(outputs[0]);
    if (!condition) c.unsupported("a loop whose end depends on computed values");
  }
  for (size_t k = 0; k < carried; ++k) c.connect(state[k], c.out(k));
  for (size_t k = 0; k < collected; ++k) join(c, pieces[k], 0, c.out(carried + k));
  return true;
}

void loop(OpContext& c) {
  if (unroll(c)) return;
  for (TensorId id : c.inputs())
    if (c.sequence(id) || c.is_empty_optional(id)) c.unsupported("a sequence carried through a loop of unknown length");
  schema::LoopAttributesT attributes;
  attributes.body_graph = c.nested("body");
  c.emit(Op::Loop, c.inputs(), c.outputs(), std::move(attributes));
}

int64_t at(const std::vector<int64_t>& list, size_t i) { return i < list.size() ? list[i] : 0; }

// A Scan's attributes as they are in both forms; since version 9 it has axes and directions of what it collects too.
schema::ScanAttributesT scan_attributes(OpContext& c) {
  schema::ScanAttributesT a;
  a.num_scan_inputs = c.integer("num_scan_inputs");
  if (c.version() < 9) {
    a.scan_input_directions = c.integers("directions");
    return a;
  }
  a.scan_input_directions = c.integers("scan_input_directions");
  a.scan_input_axes = c.integers("scan_input_axes");
  a.scan_output_directions = c.integers("scan_output_directions");
  a.scan_output_axes = c.integers("scan_output_axes");
  return a;
}

void check_scan(OpContext& c, const schema::ScanAttributesT& a, size_t inputs) {
  const auto& body = c.graph_attribute("body");
  if (a.num_scan_inputs < 1 || a.num_scan_inputs > static_cast<int64_t>(inputs))
    c.invalid("scans " + std::to_string(a.num_scan_inputs) + " of its " + std::to_string(inputs) + " inputs");
  if (static_cast<size_t>(body.input_size()) != inputs)
    c.invalid("has a body of " + std::to_string(body.input_size()) + " inputs (expected " + std::to_string(inputs) + ")");
  const size_t carried = inputs - static_cast<size_t>(a.num_scan_inputs);
  if (static_cast<size_t>(body.output_size()) < carried) c.invalid("has a body of too few outputs");
  if (c.output_count() > static_cast<size_t>(body.output_size())) c.invalid("has more outputs than its body");
}

// How many steps there are, where that is known and few enough to write them all out.
std::optional<int64_t> known_steps(OpContext& c, const schema::ScanAttributesT& a, size_t carried) {
  int64_t steps = -1;
  for (size_t i = carried; i < c.input_count(); ++i) {
    const auto rank = c.rank(c.in(i));
    if (!rank) return std::nullopt;
    const int64_t given = at(a.scan_input_axes, i - carried);
    const int64_t axis = given < 0 ? given + static_cast<int64_t>(*rank) : given;
    if (axis < 0 || axis >= static_cast<int64_t>(*rank)) c.invalid("scans along axis " + std::to_string(given));
    const graph::Dim& extent = (*c.shape(c.in(i)))[static_cast<size_t>(axis)];
    if (!extent.known()) return std::nullopt;
    if (steps >= 0 && extent.value != steps) c.invalid("scans inputs of different lengths");
    steps = extent.value;
  }
  // Without steps the collected outputs are empty, of a shape that the core finds.
  const bool few = steps <= kMaxUnrolled && steps * c.graph_attribute("body").node_size() <= kMaxUnrolledNodes;
  return steps > 0 && few ? std::optional<int64_t>(steps) : std::nullopt;
}

// One step per element along the axes of the scanned inputs.
void scan(OpContext& c) {
  schema::ScanAttributesT a = scan_attributes(c);
  check_scan(c, a, c.input_count());
  const size_t carried = c.input_count() - static_cast<size_t>(a.num_scan_inputs);
  const size_t collected = static_cast<size_t>(c.graph_attribute("body").output_size()) - carried;
  const std::optional<int64_t> steps = known_steps(c, a, carried);
  if (!steps) {
    a.body_graph = c.nested("body");
    return c.emit(Op::Scan, c.inputs(), c.outputs(), std::move(a));
  }
  std::vector<TensorId> state(c.inputs().begin(), c.inputs().begin() + static_cast<std::ptrdiff_t>(carried));
  std::vector<std::vector<TensorId>> pieces(collected);
  for (int64_t t = 0; t < *steps; ++t) {
    const std::string step = std::to_string(t);
    std::vector<TensorId> inputs = state;
    for (size_t i = carried; i < c.input_count(); ++i) {
      const std::string suffix = step + "/slice" + std::to_string(i - carried);
      schema::AxisAttributesT along;
      along.axis = at(a.scan_input_axes, i - carried);
      const int64_t index = at(a.scan_input_directions, i - carried) != 0 ? *steps - 1 - t : t;
      inputs.push_back(c.temp(suffix, Op::Gather,
                              {c.in(i), c.scalar(suffix + "/index", DataType::int64, static_cast<double>(index))},
                              along));
    }
    const std::vector<TensorId> outputs = c.inline_graph("body", inputs, step);
    state.assign(outputs.begin(), outputs.begin() + static_cast<std::ptrdiff_t>(carried));
    for (size_t k = 0; k < collected; ++k)
      pieces[k].push_back(
          unsqueezed(c, outputs[carried + k], at(a.scan_output_axes, k), step + "/piece" + std::to_string(k)));
  }
  for (size_t k = 0; k < carried; ++k) c.connect(state[k], c.out(k));
  for (size_t k = 0; k < collected; ++k) {
    if (at(a.scan_output_directions, k) != 0) std::reverse(pieces[k].begin(), pieces[k].end());
    join(c, pieces[k], at(a.scan_output_axes, k), c.out(carried + k));
  }
}

// The first form scans each element of a batch: a Scan over the batch, whose body is a Scan as we know it.
void scan_of_batch(OpContext& c) {
  schema::ScanAttributesT a = scan_attributes(c);
  if (c.in(0) != kNone) c.unsupported("sequences of different lengths (its first input)");
  const std::vector<TensorId> inputs(c.inputs().begin() + 1, c.inputs().end());
  check_scan(c, a, inputs.size());
  schema::ScanAttributesT batch;
  batch.num_scan_inputs = static_cast<int64_t>(inputs.size());
  a.body_graph = c.nested("body");
  batch.body_graph = c.graph_around(a.body_graph, "element", Op::Scan, a);
  c.emit(Op::Scan, inputs, c.outputs(), std::move(batch));
}

constexpr OpRule kRules[] = {
    {"If", 1, 1, 1, kAny, branch},
    {"Loop", 1, 0, kAny, kAny, loop, 0, nullptr, 0, nullptr, 0, "", true},
    {"Scan", 8, 0, kAny, kAny, scan_of_batch},
    {"Scan", 9, 1, kAny, kAny, scan},
};

}  // namespace

std::span<const OpRule> ops::control_flow() { return kRules; }

}  // namespace motley::convert
