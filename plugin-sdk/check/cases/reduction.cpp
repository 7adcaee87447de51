// Reduce, ArgReduce, Softmax, Normalize, CumSum.
#include "../cases.hpp"

namespace motley::check {

using schema::DataType;
using schema::Op;

void reduction_cases(CaseList& list) {
  const std::vector<std::vector<int64_t>> shapes = {{17}, {3, 5}, {2, 3, 7, 5}, {1, 17, 1, 1}, {4, 1, 1031}};
  for (schema::ReduceFunction function : schema::EnumValuesReduceFunction()) {
    for (const auto& shape : shapes) {
      const auto rank = static_cast<int64_t>(shape.size());
      for (const std::vector<int64_t>& axes : {std::vector<int64_t>{}, {-1}, {0}, {1}, {2, 3}, {1, -1}, {0, 2}}) {
        bool fits = true;
        for (int64_t axis : axes) fits = fits && axis < rank && axis >= -rank;
        if (!fits || (axes.size() == 2 && axes[1] < 0 && rank == 2)) continue;
        schema::ReduceAttributesT a;
        a.function = function;
        a.axes = axes;
        a.keepdims = axes.size() != 1;
        const bool logs = function == schema::ReduceFunction::log_sum,
                   product = function == schema::ReduceFunction::prod;
        const Fill fill = logs ? Fill{0.1, 3} : product ? Fill{0.98, 1.03} : Fill{-3, 3};
        list.add(Op::Reduce, a, {{shape, DataType::float32, fill}}, 1,
                 shape_text(shape) + ", " + std::to_string(axes.size()) + " axes");
      }
    }
  }
  for (bool take_max : {true, false})
    for (int64_t axis : {0, -1}) {
      schema::ArgReduceAttributesT a;
      a.take_max = take_max;
      a.axis = axis;
      for (const auto& shape : shapes) list.add(Op::ArgReduce, a, {{shape}}, 1, shape_text(shape));
    }
  for (schema::SoftmaxFunction function : schema::EnumValuesSoftmaxFunction())
    for (int64_t axis : {0, 1, -1})
      for (bool flatten : {false, true})
        for (const auto& shape : shapes) {
          if (axis >= static_cast<int64_t>(shape.size())) continue;
          schema::SoftmaxAttributesT a;
          a.function = function;
          a.axis = axis;
          a.flatten = flatten;
          list.add(Op::Softmax, a, {{shape, DataType::float32, {-20, 20}}}, 1,
                   shape_text(shape) + ", axis " + std::to_string(axis));
        }
  for (bool center : {true, false})
    for (int64_t axis : {-1, 1}) {
      schema::NormalizeAttributesT a;
      a.axis = axis;
      a.center = center;
      list.add(Op::Normalize, a, {{{2, 3, 17}}}, 1, "2x3x17");
      const std::vector<int64_t> tail = axis == -1 ? std::vector<int64_t>{17} : std::vector<int64_t>{3, 17};
      list.add(Op::Normalize, a, {{{2, 3, 17}}, {tail}, {tail}}, 1, "2x3x17 with scale and bias");
    }
  for (bool exclusive : {false, true})
    for (bool reverse : {false, true}) {
      schema::CumSumAttributesT a;
      a.exclusive = exclusive;
      a.reverse = reverse;
      CaseList::Input axis;
      axis.values = {1};
      list.add(Op::CumSum, a, {{{3, 17, 2}}, axis}, 1, "3x17x2");
    }
}

}  // namespace motley::check
