// Ops on quantized numbers: the op on the reals that these stand for.
#include "graph/lower/rules.hpp"

namespace motley::graph {

namespace {

// The reals that input i stands for, with its scale and zero point behind it.
TensorId dequantized(Lowering& l, size_t i) {
  const TensorId x = l.in(i), reals = l.temporary(DataType::float32, l.shape(x));
  return l.emit(Op::DequantizeLinear, {x, l.in(i + 1), l.in(i + 2)}, reals, schema::QuantizeAttributesT{});
}

// The node's op on reals, and its result as the integers that scale (input i) and zero point make of it.
template <class AttributesT>
void on_reals(Lowering& l, Op op, std::vector<TensorId> inputs, size_t i) {
  const TensorId y = l.temporary(DataType::float32, l.shape(l.out()));
  l.emit(op, std::move(inputs), y, l.attr<AttributesT>());
  l.emit(Op::QuantizeLinear, {y, l.in(i), l.in(i + 1)}, l.out(), schema::QuantizeAttributesT{});
}

}  // namespace

void lower_qlinear_unary(Lowering& l) { on_reals<schema::UnaryAttributesT>(l, Op::Unary, {dequantized(l, 0)}, 3); }

void lower_qlinear_binary(Lowering& l) {
  const TensorId a = dequantized(l, 0), b = dequantized(l, 3);
  on_reals<schema::BinaryAttributesT>(l, Op::Binary, {a, b}, 6);
}

void lower_qlinear_pool(Lowering& l) { on_reals<schema::PoolAttributesT>(l, Op::Pool, {dequantized(l, 0)}, 3); }

}  // namespace motley::graph
