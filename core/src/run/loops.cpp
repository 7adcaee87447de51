// Loop and Scan, step by step.
#include "run/loops.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"

namespace motley::run {

using graph::DataType;
using graph::Graph;
using graph::Node;

namespace {

using Shape = std::vector<int64_t>;

[[noreturn]] void invalid(const Node& node, const char* format, std::initializer_list<base::Piece> values = {}) {
  base::fail(ErrorCode::invalid_model, "node \"%\" (%) %",
             {node.name, graph::describe_op(node), base::text(format, values)});
}

// Bytes of the elements from `first` on along the shape: what one index of axis `first - 1` covers.
uint64_t bytes_within(const Shape& shape, size_t first, DataType type) {
  uint64_t bytes = graph::element_bytes(type);
  for (size_t i = first; i < shape.size(); ++i) bytes *= static_cast<uint64_t>(shape[i]);
  return bytes;
}
uint64_t count_before(const Shape& shape, size_t axis) {
  uint64_t count = 1;
  for (size_t i = 0; i < axis; ++i) count *= static_cast<uint64_t>(shape[i]);
  return count;
}

// The pieces of one output, one per step, joined along a new axis when all are there.
class Collected {
 public:
  explicit Collected(int64_t axis = 0, bool reversed = false) : axis_(axis), reversed_(reversed) {}

  void add(const Node& node, const Value& piece) {
    if (count_ == 0) shape_ = piece.shape;
    if (piece.shape != shape_) invalid(node, "collects an output whose shape changes between its steps");
    type_ = piece.type;
    const auto* data = static_cast<const std::byte*>(piece.data.data);
    bytes_->insert(bytes_->end(), data, data + piece.data.bytes);
    ++count_;
  }
  // Where no step ran.
  void set_piece(const Value& piece) { shape_ = piece.shape, type_ = piece.type; }
  uint64_t bytes() const { return bytes_->size(); }

  Value finish(const Node& node) {
    const auto rank = static_cast<int64_t>(shape_.size()) + 1;
    if (axis_ < -rank || axis_ >= rank) invalid(node, "collects an output along axis % (its rank is %)", {axis_, rank});
    const auto axis = static_cast<size_t>(axis_ < 0 ? axis_ + rank : axis_);
    if (axis != 0 || reversed_) arrange(axis);
    Value value{type_, shape_, {}};
    value.shape.insert(value.shape.begin() + static_cast<std::ptrdiff_t>(axis), count_);
    bytes_->reserve(1);  // an empty one has an address too
    value.data = {bytes_->data(), bytes_->size(), bytes_};
    return value;
  }

 private:
  // Step by step becomes: for each index before the axis, a block of each step.
  void arrange(size_t axis) {
    const auto steps = static_cast<uint64_t>(count_);
    const uint64_t outer = count_before(shape_, axis), block = bytes_within(shape_, axis, type_);
    auto arranged = std::make_shared<std::vector<std::byte>>(bytes_->size());
    for (uint64_t step = 0; block != 0 && step < steps; ++step)
      for (uint64_t o = 0; o < outer; ++o)
        std::memcpy(arranged->data() + (o * steps + (reversed_ ? steps - 1 - step : step)) * block,
                    bytes_->data() + (step * outer + o) * block, block);
    bytes_ = std::move(arranged);
  }

  int64_t axis_;
  bool reversed_;
  DataType type_ = DataType::undefined;
  Shape shape_;
  std::shared_ptr<std::vector<std::byte>> bytes_ = std::make_shared<std::vector<std::byte>>();
  int64_t count_ = 0;
};

// Adds a step's pieces, which are the outputs from `first` on.
void collect(const Node& node, const Limits& limits, std::vector<Collected>& collected,
             const std::vector<Value>& outputs, size_t first) {
  uint64_t bytes = 0;
  for (size_t k = 0; k < collected.size(); ++k) {
    collected[k].add(node, outputs[first + k]);
    bytes += collected[k].bytes();
  }
  if (bytes > limits.max_run_bytes)
    base::fail(ErrorCode::limit, "node \"%\" (%) collected % bytes (limit %); raise Limits::max_run_bytes",
               {node.name, graph::describe_op(node), bytes, limits.max_run_bytes});
}

int64_t int64_at(const Node& node, const Value& value, const char* what) {
  if (value.type != DataType::int64 || value.data.bytes < 8) invalid(node, "has % that is no int64 scalar", {what});
  int64_t number;
  std::memcpy(&number, value.data.data, sizeof number);
  return number;
}

bool bool_at(const Node& node, const Value& value, const char* what) {
  if (value.type != DataType::bool_ || value.data.bytes < 1) invalid(node, "has % that is no bool scalar", {what});
  return *static_cast<const uint8_t*>(value.data.data) != 0;
}

void check_body(const Node& node, const Graph& body, size_t inputs, size_t least_outputs) {
  if (body.inputs.size() != inputs || body.outputs.size() < least_outputs)
    invalid(node, "has a body of % inputs and % outputs (expected % and at least %)",
            {body.inputs.size(), body.outputs.size(), inputs, least_outputs});
}

std::vector<Value> carried_values(const Node& node, const std::vector<const Value*>& inputs, size_t first, size_t end) {
  std::vector<Value> state;
  for (size_t i = first; i < end; ++i) {
    if (!inputs[i]) invalid(node, "lacks input %", {i});
    state.push_back(*inputs[i]);
  }
  return state;
}

// A Scan's attributes, checked against its inputs.
struct ScanShape {
  size_t states = 0, sequences = 0;
  std::vector<size_t> axes;  // of sequences
  std::vector<bool> reversed;
  int64_t steps = 0;
};

int64_t at(const std::vector<int64_t>& list, size_t i) { return i < list.size() ? list[i] : 0; }

ScanShape scan_shape(const Node& node, const std::vector<const Value*>& inputs) {
  const auto& a = graph::attributes<schema::ScanAttributesT>(node);
  if (a.num_scan_inputs < 1 || static_cast<uint64_t>(a.num_scan_inputs) > inputs.size())
    invalid(node, "scans % of its % inputs", {a.num_scan_inputs, inputs.size()});
  ScanShape s;
  s.sequences = static_cast<size_t>(a.num_scan_inputs);
  s.states = inputs.size() - s.sequences;
  for (size_t k = 0; k < s.sequences; ++k) {
    if (!inputs[s.states + k]) invalid(node, "lacks input %", {s.states + k});
    const Shape& shape = inputs[s.states + k]->shape;
    const auto rank = static_cast<int64_t>(shape.size());
    const int64_t axis = at(a.scan_input_axes, k);
    if (axis < -rank || axis >= rank) invalid(node, "scans along axis % of an input of rank %", {axis, rank});
    s.axes.push_back(static_cast<size_t>(axis < 0 ? axis + rank : axis));
    s.reversed.push_back(at(a.scan_input_directions, k) != 0);
    const int64_t steps = shape[s.axes.back()];
    if (k != 0 && steps != s.steps) invalid(node, "scans inputs of different lengths (% and %)", {s.steps, steps});
    s.steps = steps;
  }
  return s;
}

// One step of a sequence. Along the first axis it lies in the sequence's own memory.
Value slice(const Value& sequence, size_t axis, int64_t index) {
  Value part{sequence.type, sequence.shape, {}};
  part.shape.erase(part.shape.begin() + static_cast<std::ptrdiff_t>(axis));
  const uint64_t outer = count_before(sequence.shape, axis),
                 block = bytes_within(sequence.shape, axis + 1, sequence.type);
  const auto* from = static_cast<const std::byte*>(sequence.data.data) + static_cast<uint64_t>(index) * block;
  if (outer == 1) {
    part.data = {from, block, sequence.data.owner};
    return part;
  }
  std::vector<std::byte> bytes(outer * block);
  const uint64_t stride = block * static_cast<uint64_t>(sequence.shape[axis]);
  for (uint64_t o = 0; block != 0 && o < outer; ++o) std::memcpy(bytes.data() + o * block, from + o * stride, block);
  part.data = graph::Constant::of(bytes);
  return part;
}

std::vector<Value> finish(const Node& node, std::vector<Value> results, std::vector<Collected>& collected) {
  for (Collected& c : collected) results.push_back(c.finish(node));
  results.resize(std::max(results.size(), node.outputs.size()));
  return results;
}

// Shapes of what is collected, where no step ran.
void describe(const Values& first_step, LoopBody& body, std::vector<Collected>& collected, size_t first) {
  if (collected.empty()) return;
  const std::vector<Value> outputs = body.describe_outputs(first_step);
  for (size_t k = 0; k < collected.size(); ++k) collected[k].set_piece(outputs[first + k]);
}

}  // namespace

std::vector<Value> run_loop(const Node& node, const std::vector<const Value*>& inputs, const Limits& limits,
                            LoopBody& body) {
  const Graph& graph = body.graph();
  const size_t carried = inputs.size() > 2 ? inputs.size() - 2 : 0;
  check_body(node, graph, carried + 2, carried + 1);
  const int64_t trips = inputs.empty() || !inputs[0] ? INT64_MAX : int64_at(node, *inputs[0], "a trip count");
  bool condition = inputs.size() < 2 || !inputs[1] || bool_at(node, *inputs[1], "a condition");
  std::vector<Value> state = carried_values(node, inputs, inputs.size() - carried, inputs.size());
  std::vector<Collected> collected(graph.outputs.size() - 1 - carried);
  const auto step_inputs = [&](int64_t i) {
    Values values;
    values[graph.tensor(graph.inputs[0]).name] = {DataType::int64, {}, graph::Constant::of(std::vector<int64_t>{i})};
    values[graph.tensor(graph.inputs[1]).name] = {DataType::bool_, {}, graph::Constant::of(std::vector<uint8_t>{1})};
    for (size_t k = 0; k < carried; ++k) values[graph.tensor(graph.inputs[2 + k]).name] = state[k];
    return values;
  };
  int64_t i = 0;
  for (; i < trips && condition; ++i) {
    if (static_cast<uint64_t>(i) >= limits.max_iterations)
      base::fail(ErrorCode::limit, "node \"%\" (Loop) ran % iterations (limit %); raise Limits::max_iterations",
                 {node.name, i, limits.max_iterations});
    std::vector<Value> outputs = body.run(step_inputs(i));
    condition = bool_at(node, outputs[0], "a body whose condition");
    for (size_t k = 0; k < carried; ++k) state[k] = std::move(outputs[1 + k]);
    collect(node, limits, collected, outputs, 1 + carried);
  }
  if (i == 0) describe(step_inputs(0), body, collected, 1 + carried);
  return finish(node, std::move(state), collected);
}

std::vector<Value> run_scan(const Node& node, const std::vector<const Value*>& inputs, const Limits& limits,
                            LoopBody& body) {
  const auto& a = graph::attributes<schema::ScanAttributesT>(node);
  const ScanShape s = scan_shape(node, inputs);
  const Graph& graph = body.graph();
  check_body(node, graph, inputs.size(), s.states);
  std::vector<Value> state = carried_values(node, inputs, 0, s.states);
  std::vector<Collected> collected;
  for (size_t k = 0; k + s.states < graph.outputs.size(); ++k)
    collected.emplace_back(at(a.scan_output_axes, k), at(a.scan_output_directions, k) != 0);
  const auto step_inputs = [&](int64_t i) {
    Values values;
    for (size_t k = 0; k < inputs.size(); ++k) {
      Value& value = values[graph.tensor(graph.inputs[k]).name];
      if (k < s.states) value = state[k];
      else value = slice(*inputs[k], s.axes[k - s.states], s.reversed[k - s.states] ? s.steps - 1 - i : i);
    }
    return values;
  };
  for (int64_t i = 0; i < s.steps; ++i) {
    std::vector<Value> outputs = body.run(step_inputs(i));
    for (size_t k = 0; k < s.states; ++k) state[k] = std::move(outputs[k]);
    collect(node, limits, collected, outputs, s.states);
  }
  if (s.steps == 0) {
    Values values;
    for (size_t k = 0; k < inputs.size(); ++k) {
      Value value = *inputs[k];
      if (k >= s.states) value.shape.erase(value.shape.begin() + static_cast<std::ptrdiff_t>(s.axes[k - s.states]));
      values[graph.tensor(graph.inputs[k]).name] = std::move(value);
    }
    describe(values, body, collected, s.states);
  }
  return finish(node, std::move(state), collected);
}

}  // namespace motley::run
