// Operations between DequantizeLinear and QuantizeLinear, done on the integers.
//
// Convolutions and products become QLinearConv and QLinearMatMul; functions of elements and averages become
// QLinearUnary, QLinearBinary and QLinearPool, which give the very integers that they gave before; data movement and
// maxima move the integers themselves. The dequantized tensor stays for whoever else reads it.
#include <algorithm>
#include <map>

#include "graph/passes/all.hpp"
#include "graph/passes/quantized_linear.hpp"
#include "graph/patterns.hpp"

namespace motley::graph {
namespace {

// Sums of more products than this may not fit 32 bits.
constexpr int64_t kMostDepth = 32768;

// What computes the tensor that node q quantizes: the node itself, maybe behind a Relu or Clip, which saturation does
// or a clamp of the integers.
struct Source {
  size_t node = 0;
  std::set<size_t> vanishing;  // the node, and what stands between it and q
  std::optional<schema::UnaryAttributesT> clamp;
};

std::optional<Source> source_of(const Rewriter& r, size_t q, const Linear& y) {
  auto at = r.producer(r.node(q).inputs[0]);
  if (!at || !r.may_absorb(*at)) return std::nullopt;
  Source source{*at, {*at}, std::nullopt};
  if (r.node(*at).op != Op::Unary) return source;
  const auto& unary = attributes<schema::UnaryAttributesT>(r.node(*at));
  if (unary.function != UnaryFunction::relu && unary.function != UnaryFunction::clip) return std::nullopt;
  if (!saturation_does(y, unary.function, static_cast<double>(unary.alpha), static_cast<double>(unary.beta)))
    source.clamp = unary;
  at = r.producer(r.node(*at).inputs[0]);
  if (!at || !r.may_absorb(*at)) return std::nullopt;
  source.node = *at;
  source.vanishing.insert(*at);
  return source;
}

// A node on integers in the place of one on reals, and what its result is quantized by.
struct Integers {
  Node node;
  Linear of;
};

Node qlinear_unary(Rewriter& r, TensorId x, const Linear& from, const Linear& to, schema::UnaryAttributesT attributes) {
  Node node;
  node.op = Op::QLinearUnary;
  node.inputs = {x, from.scale, zero_point(r, from), to.scale, zero_point(r, to)};
  node.attributes.Set(std::move(attributes));
  return node;
}

// Conv or MatMul: x, w, maybe a bias, as the inputs of the QLinear op. w's scales are along `axis`.
std::optional<Node> weighted(Rewriter& r, const Node& node, const Linear& y, Op op, int64_t axis, int64_t channels) {
  const auto x = dequantized_bytes(r, node.inputs[0]), w = dequantized_bytes(r, node.inputs[1]);
  if (!x || !w || !x->per_tensor()) return std::nullopt;
  if (!w->per_tensor() && (w->axis != axis || static_cast<int64_t>(w->scales.size()) != channels)) return std::nullopt;
  std::optional<std::vector<double>> bias;
  if (node.input(2) != kNone) {
    bias = integer_bias(r, node.inputs[2], *x, *w, y, channels);
    if (!bias) return std::nullopt;
  }
  Node result;
  result.op = op;
  result.inputs = {x->integers, x->scale,          zero_point(r, *x), w->integers,
                   w->scale,    zero_point(r, *w), y.scale,           zero_point(r, y)};
  if (bias) result.inputs.push_back(r.add_constant(node.inputs[2], "_int32", DataType::int32, {channels}, *bias));
  return result;
}

std::optional<Node> convolution(Rewriter& r, const Node& conv, const Linear& y) {
  auto attributes = graph::attributes<schema::ConvAttributesT>(conv);
  const Tensor& w = r.tensor(conv.inputs[1]);
  if (conv.input(3) != kNone || !saturation_does(y, attributes.activation) || !w.shape_known()) return std::nullopt;
  const auto weights = dequantized_bytes(r, conv.inputs[1]);
  if (!weights || !r.tensor(weights->integers).is_constant()) return std::nullopt;
  const int64_t channels = w.extents()[0];
  if (w.elements() > channels * kMostDepth) return std::nullopt;
  auto node = weighted(r, conv, y, Op::QLinearConv, 0, channels);
  if (!node) return std::nullopt;
  attributes.activation = Activation();
  node->attributes.Set(std::move(attributes));
  return node;
}

// A constant matrix of bytes with rows and columns exchanged.
TensorId transposed(Rewriter& r, TensorId matrix) {
  const Extents extents = r.tensor(matrix).extents();
  const auto rows = static_cast<size_t>(extents[0]), columns = static_cast<size_t>(extents[1]);
  const auto* from = static_cast<const uint8_t*>(r.tensor(matrix).constant->data);
  std::vector<uint8_t> bytes(rows * columns);
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < columns; ++j) bytes[j * rows + i] = from[i * columns + j];
  const TensorId id = r.add_tensor_like(matrix, "_transposed");
  Tensor& tensor = r.graph().tensor(id);
  tensor.shape = Dims{Dim(extents[1]), Dim(extents[0])};
  tensor.constant = Constant::of(bytes);
  return id;
}

std::optional<Node> product(Rewriter& r, const Node& matmul, const Linear& y) {
  const auto& a = attributes<schema::MatMulAttributesT>(matmul);
  const Tensor& b = r.tensor(matmul.inputs[1]);
  if (a.transpose_a || a.alpha != 1 || a.beta != 1 || !saturation_does(y, a.activation)) return std::nullopt;
  if (!b.shape_known() || b.extents().size() < 2 || matmul.input(3) != kNone) return std::nullopt;
  const Extents extents = b.extents();
  const auto rank = static_cast<int64_t>(extents.size());
  const int64_t axis = a.transpose_b ? rank - 2 : rank - 1, columns = extents[static_cast<size_t>(axis)];
  if (extents[static_cast<size_t>(2 * rank - 3 - axis)] > kMostDepth) return std::nullopt;
  const auto weights = dequantized_bytes(r, matmul.inputs[1]);
  if (!weights) return std::nullopt;
  if (a.transpose_b && (rank != 2 || !r.tensor(weights->integers).is_constant())) return std::nullopt;
  if (matmul.input(2) != kNone) {  // one value per column
    const Tensor& c = r.tensor(matmul.inputs[2]);
    if (!c.shape_known() || c.extents().empty() || c.extents().back() != columns) return std::nullopt;
  }
  auto node = weighted(r, matmul, y, Op::QLinearMatMul, axis, columns);
  if (!node) return std::nullopt;
  if (a.transpose_b) node->inputs[3] = transposed(r, node->inputs[3]);
  node->attributes.Set(schema::NoAttributesT{});
  return node;
}

std::optional<Node> binary(Rewriter& r, const Node& node, const Linear& y) {
  auto attributes = graph::attributes<schema::BinaryAttributesT>(node);
  if (attributes.function > schema::BinaryFunction::div || node.input(2) != kNone) return std::nullopt;
  if (!saturation_does(y, attributes.activation)) return std::nullopt;
  const auto a = dequantized_bytes(r, node.inputs[0]), b = dequantized_bytes(r, node.inputs[1]);
  if (!a || !b || !a->per_tensor() || !b->per_tensor()) return std::nullopt;
  attributes.activation = Activation();
  Node result;
  result.op = Op::QLinearBinary;
  result.inputs = {a->integers, a->scale,          zero_point(r, *a), b->integers,
                   b->scale,    zero_point(r, *b), y.scale,           zero_point(r, y)};
  result.attributes.Set(std::move(attributes));
  return result;
}

std::optional<Node> average(Rewriter& r, const Node& node, const Linear& y) {
  schema::PoolAttributesT attributes;
  if (node.op == Op::Pool) {
    attributes = graph::attributes<schema::PoolAttributesT>(node);
  } else {
    attributes.function = graph::attributes<schema::GlobalPoolAttributesT>(node).function;
    if (!r.tensor(node.inputs[0]).shape_known()) return std::nullopt;
    const Extents extents = r.tensor(node.inputs[0]).extents();
    if (extents.size() < 3 || std::count(extents.begin(), extents.end(), 0) != 0) return std::nullopt;
    attributes.kernel_shape.assign(extents.begin() + 2, extents.end());
  }
  const auto x = dequantized_bytes(r, node.inputs[0]);
  if (attributes.function != schema::PoolFunction::average || !x || !x->per_tensor()) return std::nullopt;
  Node result;
  result.op = Op::QLinearPool;
  result.inputs = {x->integers, x->scale, zero_point(r, *x), y.scale, zero_point(r, y)};
  result.attributes.Set(std::move(attributes));
  return result;
}

// The greatest of reals is that of the integers, and what moves is the same: scale and zero point may change behind.
bool keeps_values(const Node& node) {
  switch (node.op) {
    case Op::Pool: {
      return attributes<schema::PoolAttributesT>(node).function == schema::PoolFunction::max;
    }
    case Op::Reshape:
    case Op::Squeeze:
    case Op::Unsqueeze:
    case Op::Flatten:
    case Op::Identity:
    case Op::Transpose:
    case Op::Slice:
    case Op::Expand:
    case Op::Tile:
    case Op::DepthToSpace:
    case Op::SpaceToDepth:
    case Op::Concat: return true;
    default: return false;
  }
}

// The inputs of a concatenation by other scales are brought to y's, where nobody else reads their reals.
std::optional<Integers> movement(Rewriter& r, Node node, const Linear& y) {
  if (node.op != Op::Concat) {
    const auto x = dequantized_bytes(r, node.inputs[0]);
    if (!x || !x->per_tensor()) return std::nullopt;
    node.inputs[0] = x->integers;
    return Integers{std::move(node), *x};
  }
  const auto same = [&](const Linear& x) { return x.same_parameters(y); };
  for (TensorId id : node.inputs) {
    const auto x = dequantized_bytes(r, id);
    if (!x || !x->per_tensor() || (!same(*x) && !r.may_absorb(*r.producer(id)))) return std::nullopt;
  }
  std::map<TensorId, TensorId> brought;  // an input may stand there twice
  for (TensorId& id : node.inputs) {
    const TensorId reals = id;
    if (brought.count(reals) == 0) {
      const size_t dequantize = *r.producer(reals);
      const Linear x = *read_linear(r, r.node(dequantize));
      brought[reals] = x.integers;
      if (!same(x)) {
        const TensorId integers = brought[reals] = r.add_tensor_like(reals, "_requantized");
        r.graph().tensor(integers).type = y.type;
        Node requantize = qlinear_unary(r, x.integers, x, y, {});
        requantize.outputs = {integers};
        r.replace(dequantize, std::move(requantize));
      }
    }
    id = brought[reals];
  }
  return Integers{std::move(node), y};
}

std::optional<Integers> on_integers(Rewriter& r, const Node& node, const Linear& y) {
  if (keeps_values(node)) return movement(r, node, y);
  std::optional<Node> made;
  switch (node.op) {
    case Op::Conv: made = convolution(r, node, y); break;
    case Op::MatMul: made = product(r, node, y); break;
    case Op::Binary: made = binary(r, node, y); break;
    case Op::Pool:
    case Op::GlobalPool: made = average(r, node, y); break;
    default: break;
  }
  if (!made) return std::nullopt;
  return Integers{*std::move(made), y};
}

// A function of a quantized tensor, with nothing but Quantize and Dequantize around.
bool function(Rewriter& r, size_t q, const Linear& y) {
  const auto at = r.producer(r.node(q).inputs[0], Op::Unary);
  const auto x = at ? dequantized_bytes(r, r.node(*at).inputs[0]) : std::nullopt;
  if (!x || !x->per_tensor() || !r.may_absorb(*at)) return false;
  const auto unary = attributes<schema::UnaryAttributesT>(r.node(*at));
  Node node = qlinear_unary(r, x->integers, *x, y, unary);
  node.outputs = r.node(q).outputs;
  r.replace(q, std::move(node), {*at});
  return true;
}

bool quantize_at(Rewriter& r, size_t q) {
  const auto y = read_linear(r, r.node(q));
  if (!y || !y->is_byte() || !y->per_tensor()) return false;
  const TensorId result = r.node(q).outputs[0];
  if (const auto x = dequantized_bytes(r, r.node(q).inputs[0])) {
    if (x->same_parameters(*y)) return r.bypass(q, x->integers);
    if (!x->per_tensor()) return false;
    Node node = qlinear_unary(r, x->integers, *x, *y, {});
    node.outputs = {result};
    r.replace(q, std::move(node));
    return true;
  }
  if (function(r, q, *y)) return true;
  auto source = source_of(r, q, *y);
  if (!source) return false;
  auto made = on_integers(r, r.node(source->node), *y);
  if (!made) return false;
  if (!source->clamp && made->of.same_parameters(*y)) {
    made->node.outputs = {result};
    r.replace(q, std::move(made->node), source->vanishing);
    return true;
  }
  const TensorId between = r.add_tensor_like(r.node(source->node).outputs[0], "_integers");
  r.graph().tensor(between).type = made->of.type;
  made->node.outputs = {between};
  r.replace(source->node, std::move(made->node));
  source->vanishing.erase(source->node);
  Node behind = qlinear_unary(r, between, made->of, *y, source->clamp.value_or(schema::UnaryAttributesT{}));
  behind.outputs = {result};
  r.replace(q, std::move(behind), source->vanishing);
  return true;
}

}  // namespace

size_t find_integer_segments(Graph& graph, const PassContext& context) {
  return fuse_each(graph, context, Op::QuantizeLinear, quantize_at);
}

}  // namespace motley::graph
