// PRelu, Clip, Gelu and the ops of any number of inputs.
#include <algorithm>
#include <limits>

#include "graph/lower/rules.hpp"

namespace motley::graph {

void lower_prelu(Lowering& l) { l.binary(schema::BinaryFunction::prelu, l.in(0), l.in(1), l.out()); }

void lower_clip(Lowering& l) {
  using schema::BinaryFunction;
  const TensorId x = l.in(0);
  const DataType type = l.type(x);
  const auto bound = [&](size_t i, double absent) -> std::optional<double> {
    return l.has_input(i) ? scalar_value(l.tensor(l.in(i))) : absent;
  };
  const auto low = bound(1, -std::numeric_limits<double>::infinity());
  const auto high = bound(2, std::numeric_limits<double>::infinity());
  // Unary keeps its bounds as float32, which holds those of the small floating types exactly.
  if (low && high && is_floating(type) && type != DataType::float64) {
    // Where the bounds cross, the upper one wins.
    l.unary(UnaryFunction::clip, x, l.out(), static_cast<float>(std::min(*low, *high)), static_cast<float>(*high));
  } else if (l.has_input(1)) {
    const TensorId raised = l.binary(BinaryFunction::max, x, l.in(1), l.has_input(2) ? kNone : l.out());
    if (l.has_input(2)) l.binary(BinaryFunction::min, raised, l.in(2), l.out());
  } else if (l.has_input(2)) {
    l.binary(BinaryFunction::min, x, l.in(2), l.out());
  } else {
    l.reshape(x, l.shape(l.out()), l.out());
  }
}

void lower_gelu(Lowering& l) {
  const bool tanh = l.attr<schema::GeluAttributesT>().tanh_approximation;
  l.unary(tanh ? UnaryFunction::gelu_tanh : UnaryFunction::gelu, l.in(0), l.out());
}

void lower_variadic(Lowering& l) {
  using schema::BinaryFunction;
  using schema::VariadicFunction;
  const auto function = l.attr<schema::VariadicAttributesT>().function;
  const size_t count = l.node().inputs.size();
  if (count == 0) l.invalid("it has no inputs");
  const BinaryFunction step = function == VariadicFunction::max   ? BinaryFunction::max
                              : function == VariadicFunction::min ? BinaryFunction::min
                                                                  : BinaryFunction::add;
  const bool mean = function == VariadicFunction::mean && count > 1;
  TensorId result = l.in(0);
  for (size_t i = 1; i < count; ++i)
    result = l.binary(step, result, l.in(i), i + 1 == count && !mean ? l.out() : kNone);
  if (mean) l.div(result, l.scalar(l.type(l.out()), static_cast<double>(count)), l.out());
  if (count == 1) l.reshape(result, l.shape(l.out()), l.out());
}

}  // namespace motley::graph
