// Reduce, ArgReduce, Softmax, Normalize, CumSum, TopK.
#include "reference.hpp"

namespace motley::test {
namespace {

using F = schema::ReduceFunction;

NodeCase reduce(F f, std::vector<int64_t> axes, bool keepdims, std::vector<Value> inputs, bool noop = false) {
  schema::ReduceAttributesT a;
  a.function = f;
  a.axes = std::move(axes);
  a.keepdims = keepdims;
  a.noop_with_empty_axes = noop;
  return node_case(Op::Reduce, a, std::move(inputs), {});
}

TEST(ReferenceReduce, EveryFunction) {
  const Value x = floats({2, 2}, {1, -2, 3, 4});
  expect(reduce(F::sum, {1}, false, {x}), {floats({2}, {-1, 7})});
  expect(reduce(F::mean, {0}, true, {x}), {floats({1, 2}, {2, 1})});
  expect(reduce(F::max, {}, false, {x}), {scalar<float>(4)});
  expect(reduce(F::min, {-1}, true, {x}), {floats({2, 1}, {-2, 3})});
  expect(reduce(F::prod, {0, 1}, false, {x}), {scalar<float>(-24)});
  expect(reduce(F::l1, {1}, false, {x}), {floats({2}, {3, 7})});
  expect(reduce(F::l2, {1}, false, {x}), {floats({2}, {2.236068f, 5})}, 1e-6);
  expect(reduce(F::sum_square, {1}, false, {x}), {floats({2}, {5, 25})});
  expect(reduce(F::log_sum, {1}, false, {x}), {floats({2}, {NAN, 1.9459101f})}, 1e-6);
  expect(reduce(F::log_sum_exp, {0}, false, {floats({2, 2}, {1000, 0, 1000, 0})}),
         {floats({2}, {1000.6931f, 0.6931472f})}, 1e-4);
}

TEST(ReferenceReduce, AxesFromAnInput) {
  const Value x = counting({2, 2});
  expect(reduce(F::sum, {}, true, {x, constant(longs({1}, {0}))}), {floats({1, 2}, {2, 4})});
  expect(reduce(F::sum, {}, true, {x, longs({1}, {1})}), {floats({2, 1}, {1, 5})});
  expect(reduce(F::sum, {}, true, {x, value<int64_t>({0}, std::vector<int64_t>{})}, true), {counting({2, 2})});
  NodeCase c = reduce(F::sum, {}, true, {x, longs({1}, {1})});
  c.outputs = {output_of<float>({1, 2})};
  EXPECT_NE(run_error(c).find("axes given at run time"), std::string::npos);
  c = reduce(F::sum, {}, true, {x, longs({1}, {9})});
  c.outputs = {output_of<float>({1, 2})};
  EXPECT_NE(run_error(c).find("axis (9)"), std::string::npos);
}

TEST(ReferenceReduce, EmptyGroupsHaveTheNeutralElement) {
  const Value x = value<float>({0, 2}, std::vector<float>{});
  expect(reduce(F::sum, {0}, false, {x}), {floats({2}, {0, 0})});
  expect(reduce(F::prod, {0}, false, {x}), {floats({2}, {1, 1})});
  expect(reduce(F::max, {0}, false, {x}), {floats({2}, {-INFINITY, -INFINITY})});
  expect(reduce(F::min, {0}, false, {value<int8_t>({0}, std::vector<int8_t>{})}), {scalar<int8_t>(127)});
  expect(reduce(F::log_sum_exp, {0}, false, {x}), {floats({2}, {-INFINITY, -INFINITY})});
}

TEST(ReferenceReduce, EveryNumberTypeAndBool) {
  for (DataType type : kNumberTypes) {
    SCOPED_TRACE(schema::EnumNameDataType(type));
    const Value x = value_of(type, {3}, {2, 3, 4});
    expect(reduce(F::sum, {}, false, {x}), {value_of(type, {}, {9})});
    expect(reduce(F::mean, {}, false, {x}), {value_of(type, {}, {3})});
    expect(reduce(F::prod, {}, false, {x}), {value_of(type, {}, {24})});
    expect(reduce(F::max, {}, false, {x}), {value_of(type, {}, {4})});
  }
  expect(reduce(F::max, {}, false, {bools({2}, {false, true})}), {bools({}, {true})});
  expect(reduce(F::min, {0}, true, {bools({2}, {false, true})}), {bools({1}, {false})});
  expect(reduce(F::max, {}, false, {longs({2}, {INT64_MAX - 1, INT64_MAX})}), {scalar<int64_t>(INT64_MAX)});
}

TEST(ReferenceArgReduce, FirstLastAndNaN) {
  const auto arg = [](bool max, int64_t axis, bool keep, bool last, Value x) {
    schema::ArgReduceAttributesT a;
    a.take_max = max;
    a.axis = axis;
    a.keepdims = keep;
    a.select_last_index = last;
    return node_case(Op::ArgReduce, a, {std::move(x)}, {});
  };
  const Value x = floats({2, 3}, {2, 2, 1, 0, 5, 5});
  expect(arg(true, 1, true, false, x), {longs({2, 1}, {0, 1})});
  expect(arg(true, 1, false, true, x), {longs({2}, {1, 2})});
  expect(arg(false, 0, false, false, x), {longs({3}, {1, 0, 0})});
  expect(arg(true, 0, false, false, floats({3}, {1, NAN, 7})), {scalar<int64_t>(2)});
  expect(arg(true, -1, false, false, value<uint8_t>({3}, {1, 200, 7})), {scalar<int64_t>(1)});
}

TEST(ReferenceSoftmax, AlongAnAxisAndFlattened) {
  const auto softmax = [](schema::SoftmaxFunction f, int64_t axis, bool flatten, Value x) {
    schema::SoftmaxAttributesT a;
    a.function = f;
    a.axis = axis;
    a.flatten = flatten;
    return node_case(Op::Softmax, a, {std::move(x)}, {});
  };
  using S = schema::SoftmaxFunction;
  const float e = 2.7182818f, s = 1 + e;
  expect(softmax(S::softmax, -1, false, floats({1, 2}, {1000, 1001})), {floats({1, 2}, {1 / s, e / s})}, 1e-6);
  expect(softmax(S::softmax, 0, false, floats({2, 2}, {0, 1, 1, 1})), {floats({2, 2}, {1 / s, 0.5f, e / s, 0.5f})},
         1e-6);
  expect(softmax(S::softmax, 1, true, floats({1, 2, 2}, {1, 1, 1, 1})),
         {floats({1, 2, 2}, {0.25f, 0.25f, 0.25f, 0.25f})});
  expect(softmax(S::log_softmax, 0, false, floats({2}, {0, 0})), {floats({2}, {-0.6931472f, -0.6931472f})}, 1e-6);
  expect(softmax(S::hardmax, 1, false, floats({2, 3}, {1, 3, 3, 2, 1, 0})), {floats({2, 3}, {0, 1, 0, 1, 0, 0})});
}

TEST(ReferenceNormalize, CenteredAndRootMeanSquare) {
  schema::NormalizeAttributesT a;
  a.epsilon = 0;
  const Value x = floats({2, 2}, {1, 3, 10, 30});
  expect(node_case(Op::Normalize, a, {x}, {}), {floats({2, 2}, {-1, 1, -1, 1})}, 1e-6);
  expect(node_case(Op::Normalize, a, {x, floats({2}, {2, 3}), floats({2}, {0, 1})}, {}),
         {floats({2, 2}, {-2, 4, -2, 4})}, 1e-6);
  a.axis = 0;
  a.center = false;
  expect(node_case(Op::Normalize, a, {floats({2, 2}, {2, 2, -2, 2})}, {}), {floats({2, 2}, {1, 1, -1, 1})}, 1e-6);
}

TEST(ReferenceCumSum, BothWays) {
  const auto cumsum = [](bool exclusive, bool reverse, Value x, Value axis) {
    schema::CumSumAttributesT a;
    a.exclusive = exclusive;
    a.reverse = reverse;
    return node_case(Op::CumSum, a, {std::move(x), std::move(axis)}, {});
  };
  const Value x = floats({3}, {1, 2, 3});
  expect(cumsum(false, false, x, scalar<int32_t>(0)), {floats({3}, {1, 3, 6})});
  expect(cumsum(true, false, x, scalar<int32_t>(0)), {floats({3}, {0, 1, 3})});
  expect(cumsum(false, true, x, scalar<int64_t>(-1)), {floats({3}, {6, 5, 3})});
  expect(cumsum(true, true, x, scalar<int32_t>(0)), {floats({3}, {5, 3, 0})});
  expect(cumsum(false, false, value<int32_t>({2, 2}, {1, 2, 3, 4}), scalar<int32_t>(0)),
         {value<int32_t>({2, 2}, {1, 2, 4, 6})});
  NodeCase c = cumsum(false, false, x, scalar<int32_t>(1));
  c.outputs = {output_of<float>({3})};
  EXPECT_NE(run_error(c).find("index (1)"), std::string::npos);
}

TEST(ReferenceTopK, OrdersWithTiesByIndex) {
  const auto topk = [](bool largest, Value x, int64_t k) {
    schema::TopKAttributesT a;
    a.largest = largest;
    return node_case(Op::TopK, a, {std::move(x), constant(longs({1}, {k}))}, {});
  };
  const Value x = floats({2, 4}, {1, 4, 4, 2, 9, 8, 7, 6});
  expect(topk(true, x, 3), {floats({2, 3}, {4, 4, 2, 9, 8, 7}), longs({2, 3}, {1, 2, 3, 0, 1, 2})});
  expect(topk(false, x, 1), {floats({2, 1}, {1, 6}), longs({2, 1}, {0, 3})});
  expect(topk(true, floats({3}, {1, NAN, 2}), 2), {floats({2}, {NAN, 2}), longs({2}, {1, 2})});
  NodeCase c = topk(true, x, 2);
  c.outputs = {output_of<float>({2, 3}), output_of<int64_t>({2, 3})};
  EXPECT_EQ(refusal(c), "K is not the output's extent");
  c.inputs[1].constant = false;
  EXPECT_NE(run_error(c).find("K (2)"), std::string::npos);
}

}  // namespace
}  // namespace motley::test
