// LpNormalization and LRN: division by a power of a sum.
#include "graph/lower/rules.hpp"

namespace motley::graph {

void lower_lp_normalization(Lowering& l) {
  using schema::ReduceFunction;
  const auto& attributes = l.attr<schema::LpNormalizationAttributesT>();
  if (attributes.p != 1 && attributes.p != 2) l.unsupported("its p (%) is neither 1 nor 2", {attributes.p});
  const TensorId x = l.in(0);
  const TensorId norm = l.reduce(attributes.p == 1 ? ReduceFunction::l1 : ReduceFunction::l2, x, {attributes.axis});
  // All zeros stay zeros: their norm becomes the smallest normal number.
  const DataType type = l.type(x);
  const double smallest = type == DataType::float16 ? 0x1p-14 : type == DataType::float64 ? 0x1p-1022 : 0x1p-126;
  l.div(x, l.binary(schema::BinaryFunction::max, norm, l.scalar(type, smallest)), l.out());
}

// x / (bias + alpha · mean of squares over the neighbouring channels) ^ beta. The mean is an average pool over
// channels, whose padding counts, as the window's size divides alpha at the borders too.
void lower_lrn(Lowering& l) {
  const auto& attributes = l.attr<schema::LRNAttributesT>();
  const TensorId x = l.in(0);
  const Extents in = l.shape(x);
  const DataType type = l.type(x);
  if (in.size() < 2 || attributes.size <= 0) l.invalid("it needs channels and a window of at least one");
  const TensorId squares = l.reshape(l.unary(UnaryFunction::square, x), {in[0], 1, in[1], product(in, 2, in.size())});
  schema::PoolAttributesT pool;
  pool.function = schema::PoolFunction::average;
  pool.kernel_shape = {attributes.size, 1};
  pool.strides = {1, 1};
  pool.pads = {(attributes.size - 1) / 2, 0, attributes.size / 2, 0};
  pool.count_include_pad = true;
  const TensorId pooled = l.emit(Op::Pool, {squares}, l.temporary(type, l.shape(squares)), pool);
  const TensorId scaled = l.mul(l.reshape(pooled, in), l.scalar(type, static_cast<double>(attributes.alpha)));
  const TensorId base = l.add(scaled, l.scalar(type, static_cast<double>(attributes.bias)));
  const TensorId power =
      l.binary(schema::BinaryFunction::pow, base, l.scalar(type, static_cast<double>(attributes.beta)));
  l.div(x, power, l.out());
}

}  // namespace motley::graph
