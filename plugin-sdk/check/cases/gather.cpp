// Gather, GatherElements, GatherND, ScatterElements, ScatterND, TopK.
#include "../cases.hpp"

namespace motley::check {

using schema::DataType;
using schema::Op;
using Input = CaseList::Input;

void gather_cases(CaseList& list) {
  const auto indices = [](std::vector<int64_t> shape, double end) {
    return Input{std::move(shape), DataType::int64, {0, end}};
  };
  for (DataType type : {DataType::float32, DataType::int8, DataType::int64}) {
    for (int64_t axis : {0, 1, -1}) {
      schema::AxisAttributesT a;
      a.axis = axis;
      list.add(Op::Gather, a, {{{4, 5, 6}, type}, indices({3}, 3.99)}, 1, "axis " + std::to_string(axis));
      list.add(Op::Gather, a, {{{4, 5, 6}, type}, indices({}, 3.99)}, 1, "one index, axis " + std::to_string(axis));
      list.add(Op::Gather, a, {{{4, 5, 6}, type}, indices({2, 0}, 3.99)}, 1, "no index, axis " + std::to_string(axis));
      list.add(Op::GatherElements, a, {{{4, 5, 6}, type}, indices({4, 5, 6}, 3.99)}, 1, "axis " + std::to_string(axis));
      schema::ScatterAttributesT s;
      s.axis = axis;
      s.reduction = schema::ScatterReduction::max;  // the result does not depend on order
      list.add(Op::ScatterElements, s, {{{4, 5, 6}, type}, indices({2, 5, 3}, 3.99), {{2, 5, 3}, type}}, 1,
               "axis " + std::to_string(axis));
    }
    list.add(Op::GatherND, schema::BatchDimsAttributesT{}, {{{4, 5, 6}, type}, indices({3, 2}, 3.99)}, 1,
             "3x2 indices");
    schema::ScatterAttributesT s;
    s.reduction = schema::ScatterReduction::max;
    list.add(Op::ScatterND, s, {{{4, 5, 6}, type}, indices({3, 2}, 3.99), {{3, 6}, type}}, 1, "3x2 indices");
  }
  for (bool largest : {true, false}) {
    schema::TopKAttributesT a;
    a.largest = largest;
    Input k;
    k.values = {3};
    list.add(Op::TopK, a, {{{2, 17}}, k}, 2, "3 of 17");
  }
}

}  // namespace motley::check
