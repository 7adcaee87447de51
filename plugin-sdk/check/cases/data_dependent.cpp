// NonZero, NonMaxSuppression: the inferred result is as large as it may get, and the count is a second output.
#include "../cases.hpp"

namespace motley::check {

using schema::DataType;
using schema::Op;
using Input = CaseList::Input;

void data_dependent_cases(CaseList& list) {
  for (DataType type : {DataType::float32, DataType::int8, DataType::int64, DataType::bool_})
    for (const std::vector<int64_t>& shape : {std::vector<int64_t>{2, 17, 3}, {1}, {0, 3}, {2100}})
      list.add(Op::NonZero, schema::NoAttributesT{}, {{shape, type, {-1.4, 1.4}}}, 1, shape_text(shape));
  for (bool center : {false, true}) {
    schema::NonMaxSuppressionAttributesT a;
    a.center_point_box = center;
    Input most;
    most.values = {5};
    const auto boxes = [](std::vector<int64_t> shape) { return Input{std::move(shape), DataType::float32, {0, 1}}; };
    list.add(Op::NonMaxSuppression, a, {boxes({2, 37, 4}), {{2, 3, 37}}, most}, 1, "5 of 37");
    list.add(Op::NonMaxSuppression, a, {boxes({1, 9, 4}), {{1, 2, 9}}, most, boxes({1}), boxes({1})}, 1,
             "5 of 9, with thresholds");
  }
}

}  // namespace motley::check
