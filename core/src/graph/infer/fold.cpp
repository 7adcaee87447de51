// Replacing nodes by the constants they would compute.
#include "graph/infer/fold.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"
#include "graph/infer/propagate.hpp"

namespace motley::graph::infer {

namespace {

// Filled tensors up to this size become constants even where nothing else could compute with them.
constexpr uint64_t kSmallFill = 4096;

bool is_view(Op op) {
  return op == Op::Reshape || op == Op::Squeeze || op == Op::Unsqueeze || op == Op::Flatten || op == Op::Identity;
}

// The same bytes under another shape.
bool fold_view(Graph& graph, const Node& node) {
  if (!is_view(node.op)) return false;
  const Tensor& input = graph.tensor(node.input(0));
  Tensor& output = graph.tensor(node.output(0));
  if (!input.is_constant() || !output.shape_known() || output.bytes() > input.constant->bytes) return false;
  output.constant = input.constant;
  return true;
}

bool fold_fill(Graph& graph, const Node& node, const InferOptions& options) {
  if (node.op != Op::Fill && node.op != Op::ConstantOfShape) return false;
  Tensor& output = graph.tensor(node.output(0));
  if (node.input(0) == kNone || !graph.tensor(node.input(0)).is_constant() || !output.shape_known()) return false;
  if (output.bytes() > std::min(options.evaluator ? options.fold_limit_bytes : kSmallFill, options.fold_limit_bytes))
    return false;
  const std::vector<uint8_t>& value = graph::attributes<schema::FillAttributesT>(node).value;
  auto bytes = std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(std::max<uint64_t>(output.bytes(), 1)));
  // What is filled doubles with each copy: weights that are written as fills are large.
  if (!value.empty() && value.size() <= bytes->size()) {
    std::memcpy(bytes->data(), value.data(), value.size());
    for (size_t filled = value.size(), more; filled < bytes->size(); filled += more) {
      more = std::min(filled, bytes->size() - filled);
      std::memcpy(bytes->data() + filled, bytes->data(), more);
    }
  }
  output.constant = Constant{bytes->data(), output.bytes(), bytes};
  return true;
}

bool fold_values(Graph& graph, const Node& node, ValueTable& values) {
  std::optional<std::vector<Elements>> results = propagate_values(Context(graph, node, &values));
  if (!results) return false;
  std::vector<std::optional<Constant>> constants;
  bool all = true;
  for (size_t i = 0; i < results->size(); ++i) {
    const TensorId id = node.output(i);
    constants.push_back(id == kNone ? std::nullopt : make_constant(graph.tensor(id).type, (*results)[i]));
    all = all && (id == kNone || constants.back());
  }
  const auto informative = [](const Element& e) { return e.known || e.non_negative; };
  for (size_t i = 0; i < results->size(); ++i) {
    const TensorId id = node.output(i);
    if (id == kNone) continue;
    if (all) graph.tensor(id).constant = std::move(constants[i]);
    else if (std::any_of((*results)[i].begin(), (*results)[i].end(), informative))
      values.set(id, std::move((*results)[i]));
  }
  return all;
}

// Whether the evaluator may be asked: inputs constant, outputs known and not too large.
bool can_evaluate(const Graph& graph, const Node& node, const InferOptions& options) {
  if (options.keep_dequantize && node.op == Op::DequantizeLinear) return false;
  bool any = false;
  for (TensorId id : node.inputs) {
    if (id == kNone) continue;
    if (!graph.tensor(id).is_constant()) return false;
    any = true;
  }
  uint64_t total = 0;
  for (TensorId id : node.outputs) {
    if (id == kNone) continue;
    if (!graph.tensor(id).shape_known()) return false;
    total += graph.tensor(id).bytes();
    if (total > options.fold_limit_bytes) return false;
  }
  return any;
}

bool fold_by_evaluation(Graph& graph, const Node& node, const InferOptions& options) {
  if (!options.evaluator || !can_evaluate(graph, node, options)) return false;
  std::optional<std::vector<Constant>> results = options.evaluator->evaluate(graph, node);
  if (!results) return false;
  const auto wrong = [&](const char* format, std::initializer_list<base::Piece> values = {}) {
    base::fail(ErrorCode::internal, "evaluating node \"%\" (%) gave %",
               {node.name, describe_op(node), base::text(format, values)});
  };
  if (results->size() != node.outputs.size()) wrong("% results (expected %)", {results->size(), node.outputs.size()});
  for (size_t i = 0; i < results->size(); ++i) {
    if (node.outputs[i] == kNone) continue;
    const uint64_t expected = graph.tensor(node.outputs[i]).bytes();
    if ((*results)[i].bytes != expected) wrong("% bytes for output % (expected %)", {(*results)[i].bytes, i, expected});
  }
  for (size_t i = 0; i < results->size(); ++i)
    if (node.outputs[i] != kNone) graph.tensor(node.outputs[i]).constant = std::move((*results)[i]);
  return true;
}

}  // namespace

bool fold(Graph& graph, const Node& node, ValueTable& values, const InferOptions& options) {
  return fold_view(graph, node) || fold_fill(graph, node, options) || fold_values(graph, node, values) ||
         fold_by_evaluation(graph, node, options);
}

}  // namespace motley::graph::infer
