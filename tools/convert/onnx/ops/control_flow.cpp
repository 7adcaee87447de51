// If, Loop and Scan. What is known while importing is taken at once: a branch chosen, a loop unrolled. The rest goes
// into the IR with its nested graphs.
#include <algorithm>

#include "onnx/op_context.hpp"

namespace motley::convert {
namespace {

constexpr int64_t kMaxUnrolled = 1024;  // iterations

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
  if (pieces.empty()) c.unsupported("a loop without iterations that collects outputs");
  schema::AxisAttributesT attributes;
  attributes.axis = axis;
  c.emit(Op::Concat, pieces, {out}, std::move(attributes));
}

// Whether the body hands its condition on, or gives a constant. Else the loop's end is computed, and only a run knows
// it.
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
  if (!condition || trips > kMaxUnrolled) return false;
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

// How sequences are read and results laid: per input, per output; 0 where a list is shorter.
struct Directions {
  std::vector<int64_t> axes_in, reversed_in, axes_out, reversed_out;
};

int64_t scan_length(OpContext& c, const std::vector<TensorId>& sequences, const Directions& d) {
  int64_t steps = -1;
  for (size_t i = 0; i < sequences.size(); ++i) {
    const auto rank = c.rank(sequences[i]);
    if (!rank) c.unsupported("a scanned input whose rank is not known");
    const int64_t axis = at(d.axes_in, i) + (at(d.axes_in, i) < 0 ? static_cast<int64_t>(*rank) : 0);
    if (axis < 0 || axis >= static_cast<int64_t>(*rank)) c.invalid("scans along axis " + std::to_string(axis));
    const graph::Dim& extent = (*c.shape(sequences[i]))[static_cast<size_t>(axis)];
    if (!extent.known() || extent.value > kMaxUnrolled)
      c.unsupported("a scanned input whose length is not known, or over " + std::to_string(kMaxUnrolled));
    if (steps >= 0 && extent.value != steps) c.invalid("scans inputs of different lengths");
    steps = extent.value;
  }
  return steps;
}

TensorId element(OpContext& c, TensorId x, int64_t axis, int64_t index, const std::string& suffix) {
  schema::AxisAttributesT along;
  along.axis = axis;
  return c.temp(suffix, Op::Gather, {x, c.scalar(suffix + "/index", DataType::int64, static_cast<double>(index))},
                along);
}

// The body for each element of the sequences: the last state, then the results of all steps, one tensor per output.
std::vector<TensorId> scanned(OpContext& c, std::vector<TensorId> state, const std::vector<TensorId>& sequences,
                              const Directions& d, const std::string& prefix) {
  const size_t carried = state.size();
  const int64_t steps = scan_length(c, sequences, d);
  std::vector<std::vector<TensorId>> pieces;
  for (int64_t t = 0; t < steps; ++t) {
    const std::string step = prefix + std::to_string(t);
    std::vector<TensorId> inputs = state;
    for (size_t i = 0; i < sequences.size(); ++i)
      inputs.push_back(element(c, sequences[i], at(d.axes_in, i), at(d.reversed_in, i) != 0 ? steps - 1 - t : t,
                               step + "/slice" + std::to_string(i)));
    const std::vector<TensorId> outputs = c.inline_graph("body", inputs, step);
    state.assign(outputs.begin(), outputs.begin() + static_cast<std::ptrdiff_t>(carried));
    pieces.resize(outputs.size() - carried);
    for (size_t k = 0; k < pieces.size(); ++k)
      pieces[k].push_back(unsqueezed(c, outputs[carried + k], at(d.axes_out, k), step + "/piece" + std::to_string(k)));
  }
  if (steps == 0) c.unsupported("a scan of no elements");
  for (size_t k = 0; k < pieces.size(); ++k) {
    if (at(d.reversed_out, k) != 0) std::reverse(pieces[k].begin(), pieces[k].end());
    state.push_back(c.declare(prefix + "result" + std::to_string(k)));
    join(c, pieces[k], at(d.axes_out, k), state.back());
  }
  return state;
}

struct ScanInputs {
  std::vector<TensorId> state, sequences;
};

// Inputs `first` on: states, then sequences.
ScanInputs scan_inputs(OpContext& c, size_t first) {
  const int64_t count = c.integer("num_scan_inputs");
  const auto& body = c.graph_attribute("body");
  if (count < 1 || count > static_cast<int64_t>(c.input_count() - first))
    c.invalid("scans " + std::to_string(count) + " of its " + std::to_string(c.input_count() - first) + " inputs");
  const auto begin = c.inputs().begin() + static_cast<std::ptrdiff_t>(first), split = c.inputs().end() - count;
  ScanInputs result{{begin, split}, {split, c.inputs().end()}};
  for (size_t i = first; i < c.input_count(); ++i) c.required(i);
  if (static_cast<size_t>(body.output_size()) < result.state.size()) c.invalid("has a body of too few outputs");
  if (c.output_count() > static_cast<size_t>(body.output_size())) c.invalid("has more outputs than its body");
  return result;
}

// One step per element along the axes of the scanned inputs, whose extent must be known.
void scan(OpContext& c) {
  const Directions directions{c.integers("scan_input_axes"), c.integers("scan_input_directions"),
                              c.integers("scan_output_axes"), c.integers("scan_output_directions")};
  const ScanInputs inputs = scan_inputs(c, 0);
  const std::vector<TensorId> results = scanned(c, inputs.state, inputs.sequences, directions, "");
  for (size_t i = 0; i < c.output_count(); ++i) c.connect(results[i], c.out(i));
}

// Opset 8: every input and output has the batch as its first dimension, and sequences run along the second.
void scan_of_batches(OpContext& c) {
  if (c.in(0) != kNone) c.unsupported("lengths of its sequences");
  const Directions directions{{}, c.integers("directions"), {}, {}};
  const ScanInputs inputs = scan_inputs(c, 1);
  const auto& shape = c.shape(inputs.sequences[0]);
  if (!shape || shape->empty() || !(*shape)[0].known() || (*shape)[0].value < 1 || (*shape)[0].value > kMaxUnrolled)
    c.unsupported("a batch whose size is not known, 0, or over " + std::to_string(kMaxUnrolled));
  std::vector<std::vector<TensorId>> rows;
  for (int64_t n = 0; n < (*c.shape(inputs.sequences[0]))[0].value; ++n) {
    const std::string prefix = "batch" + std::to_string(n) + "/";
    const auto row = [&](const std::vector<TensorId>& all, const char* what) {
      std::vector<TensorId> result;
      for (size_t i = 0; i < all.size(); ++i)
        result.push_back(element(c, all[i], 0, n, prefix + what + std::to_string(i)));
      return result;
    };
    const std::vector<TensorId> results =
        scanned(c, row(inputs.state, "state"), row(inputs.sequences, "sequence"), directions, prefix);
    rows.resize(results.size());
    for (size_t k = 0; k < results.size(); ++k)
      rows[k].push_back(unsqueezed(c, results[k], 0, prefix + "row" + std::to_string(k)));
  }
  for (size_t k = 0; k < c.output_count(); ++k) join(c, rows[k], 0, c.out(k));
}

constexpr OpRule kRules[] = {
    {"If", 1, 1, 1, kAny, branch},
    {"Loop", 1, 0, kAny, kAny, loop, 0, nullptr, 0, nullptr, 0, "", true},
    {"Scan", 8, 0, kAny, kAny, scan_of_batches},
    {"Scan", 9, 1, kAny, kAny, scan},
};

}  // namespace

std::span<const OpRule> ops::control_flow() { return kRules; }

}  // namespace motley::convert
