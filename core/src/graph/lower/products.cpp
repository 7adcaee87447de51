// Gemm and GlobalPool: the same numbers from MatMul and Reduce.
#include "graph/lower/rules.hpp"

namespace motley::graph {

void lower_gemm(Lowering& l) {
  std::vector<TensorId> inputs{l.in(0), l.in(1)};
  if (l.has_input(2)) inputs.push_back(l.in(2));
  l.emit(Op::MatMul, std::move(inputs), l.out(), l.attr<schema::MatMulAttributesT>());
}

void lower_global_pool(Lowering& l) {
  using schema::ReduceFunction;
  const auto& attributes = l.attr<schema::GlobalPoolAttributesT>();
  const TensorId x = l.in(0);
  std::vector<int64_t> axes;
  for (size_t i = 2; i < l.shape(x).size(); ++i) axes.push_back(static_cast<int64_t>(i));
  if (attributes.function == schema::PoolFunction::max) {
    l.reduce(ReduceFunction::max, x, axes, l.out());
  } else if (attributes.function == schema::PoolFunction::average) {
    l.reduce(ReduceFunction::mean, x, axes, l.out());
  } else if (attributes.p == 1 || attributes.p == 2) {
    l.reduce(attributes.p == 1 ? ReduceFunction::l1 : ReduceFunction::l2, x, axes, l.out());
  } else {
    const auto p = static_cast<double>(attributes.p);
    const DataType type = l.type(x);
    if (attributes.p <= 0) l.invalid("its p (%) is not positive", {attributes.p});
    const TensorId powers = l.binary(schema::BinaryFunction::pow, l.unary(UnaryFunction::abs, x), l.scalar(type, p));
    l.binary(schema::BinaryFunction::pow, l.reduce(ReduceFunction::sum, powers, axes), l.scalar(type, 1 / p), l.out());
  }
}

}  // namespace motley::graph
