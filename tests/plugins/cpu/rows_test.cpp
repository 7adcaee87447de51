// Softmax, Normalize, Reduce: along rows and across them.
#include "against_reference.hpp"

namespace motley::test {
namespace {

void expect_softmax(const std::vector<int64_t>& shape, Tolerance tolerance) {
  for (auto f : {schema::SoftmaxFunction::softmax, schema::SoftmaxFunction::log_softmax})
    for (int64_t axis = -static_cast<int64_t>(shape.size()); axis < static_cast<int64_t>(shape.size()); ++axis)
      for (bool flatten : {false, true}) {
        schema::SoftmaxAttributesT a;
        a.function = f;
        a.axis = axis;
        a.flatten = flatten;
        expect_like_reference(node_case(Op::Softmax, a, {random_value(shape, 1, -20, 20)}, {output_of<float>(shape)}),
                              tolerance);
      }
}

TEST(Softmax, AxesAndFunctions) {
  for (const std::vector<int64_t>& shape :
       std::vector<std::vector<int64_t>>{{1}, {5}, {3, 37}, {2, 17, 3}, {2, 3, 300}, {1000}, {0, 4}, {2, 1, 1}})
    expect_softmax(shape, {1e-7, 1e-5});
}

// Side by side; more of them than are turned at once. The log of a float sum near 1 is known to 1.2e-7.
TEST(Softmax, ShortRows) {
  expect_softmax({9, 70, 2}, {2e-7, 1e-5});
  expect_softmax({300, 13}, {2e-7, 1e-5});
}

TEST(Softmax, LargeNumbersDoNotOverflow) {
  for (auto f : {schema::SoftmaxFunction::softmax, schema::SoftmaxFunction::log_softmax}) {
    schema::SoftmaxAttributesT a;
    a.function = f;
    expect_like_reference(
        node_case(Op::Softmax, a, {value<float>({4}, {1e4f, 1e4f - 1, -1e4f, 0})}, {output_of<float>({4})}));
  }
}

TEST(Normalize, RowsAndOperands) {
  for (const std::vector<int64_t>& shape : std::vector<std::vector<int64_t>>{{1}, {7}, {3, 64}, {2, 5, 33}, {0, 3}})
    for (int64_t axis = 0; axis < static_cast<int64_t>(shape.size()); ++axis)
      for (int operands = 0; operands < 4; ++operands)
        for (bool center : {false, true}) {
          schema::NormalizeAttributesT a;
          a.axis = axis;
          a.center = center;
          const std::vector<int64_t> row(shape.begin() + axis, shape.end());
          expect_like_reference(node_case(Op::Normalize, a,
                                          {random_value(shape, 1, 2, 4), operands & 1 ? random_value(row, 2) : none(),
                                           operands & 2 ? random_value(row, 3) : none()},
                                          {output_of<float>(shape)}),
                                {2e-5, 2e-5});
        }
}

NodeCase reduce_case(schema::ReduceFunction f, const Value& x, const std::vector<int64_t>& axes, bool keepdims) {
  schema::ReduceAttributesT a;
  a.function = f;
  a.axes = axes;
  a.keepdims = keepdims;
  std::vector<int64_t> y;
  for (size_t i = 0; i < x.shape.size(); ++i) {
    bool reduced = axes.empty();
    for (int64_t axis : axes)
      reduced = reduced || axis == static_cast<int64_t>(i) ||
                axis + static_cast<int64_t>(x.shape.size()) == static_cast<int64_t>(i);
    if (!reduced) y.push_back(x.shape[i]);
    else if (keepdims) y.push_back(1);
  }
  return node_case(Op::Reduce, a, {x}, {output_of<float>(y)});
}

TEST(Reduce, AllFunctionsOverAllAxes) {
  for (schema::ReduceFunction f : schema::EnumValuesReduceFunction())
    for (int mask = 0; mask < 16; ++mask) {
      std::vector<int64_t> axes;
      for (int64_t i = 0; i < 4; ++i)
        if (mask >> i & 1) axes.push_back(i % 2 ? i : i - 4);
      SCOPED_TRACE(std::string(schema::EnumNameReduceFunction(f)) + " " + std::to_string(mask));
      expect_like_reference(reduce_case(f, random_value({3, 5, 2, 19}, 1, 0.5, 1.1), axes, mask % 3 == 0),
                            {1e-6, 2e-5});
    }
}

TEST(Reduce, ShapesOfOne) {
  for (auto f : {schema::ReduceFunction::sum, schema::ReduceFunction::max, schema::ReduceFunction::log_sum_exp}) {
    expect_like_reference(reduce_case(f, random_value({}, 1), {}, false));
    expect_like_reference(reduce_case(f, random_value({1, 1, 1}, 1), {1}, true));
    expect_like_reference(reduce_case(f, random_value({1, 1200}, 1), {0}, false));
    expect_like_reference(reduce_case(f, random_value({0, 3}, 1), {1}, false));
    expect_like_reference(reduce_case(f, random_value({2, 1700}, 1), {1}, false), {1e-5, 1e-5});
  }
}

TEST(Reduce, NotANumberAndInfinity) {
  for (auto f : {schema::ReduceFunction::max, schema::ReduceFunction::min, schema::ReduceFunction::log_sum_exp,
                 schema::ReduceFunction::sum})
    for (float special : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN()}) {
      Value x = random_value({4, 21}, 1);
      std::memcpy(x.bytes.data() + 12, &special, sizeof special);
      for (int64_t axis : {0, 1}) expect_like_reference(reduce_case(f, x, {axis}, true), {1e-5, 1e-5});
    }
}

TEST(Reduce, AxesAsInput) {
  schema::ReduceAttributesT a;
  expect_like_reference(node_case(Op::Reduce, a, {random_value({3, 4}, 1), constant(value<int64_t>({1}, {1}))},
                                  {output_of<float>({3, 1})}));
  EXPECT_NE(reason_of(node_case(Op::Reduce, a, {random_value({3, 4}, 1), value<int64_t>({1}, {1})},
                                {output_of<float>({3, 1})})),
            "");
  a.noop_with_empty_axes = true;
  a.function = schema::ReduceFunction::sum_square;
  expect_like_reference(node_case(Op::Reduce, a, {random_value({3, 4}, 1)}, {output_of<float>({3, 4})}));
}

}  // namespace
}  // namespace motley::test
