// LSTM, GRU, RNN: one unit, worked out by hand.
#include "reference.hpp"

namespace motley::test {
namespace {

using U = schema::UnaryFunction;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// All gates linear-ish: relu lets positive numbers through unchanged.
schema::RecurrentAttributesT linear(size_t functions) {
  schema::RecurrentAttributesT a;
  a.hidden_size = 1;
  a.activations.assign(functions, U::relu);
  return a;
}

TEST(ReferenceRnn, ForwardReverseAndBoth) {
  const Value x = floats({3, 1, 1}, {1, 2, 3}), w = floats({1, 1, 1}, {1}), r = floats({1, 1, 1}, {10});
  schema::RecurrentAttributesT a = linear(1);
  expect(node_case(Op::RNN, a, {x, w, r}, {}), {floats({3, 1, 1, 1}, {1, 12, 123}), floats({1, 1, 1}, {123})});
  a.direction = 1;
  expect(node_case(Op::RNN, a, {x, w, r}, {}), {floats({3, 1, 1, 1}, {321, 32, 3}), floats({1, 1, 1}, {321})});
  a = linear(2);
  a.direction = 2;
  expect(node_case(Op::RNN, a, {x, floats({2, 1, 1}, {1, 1}), floats({2, 1, 1}, {10, 100})}, {}),
         {floats({3, 2, 1, 1}, {1, 30201, 12, 302, 123, 3}), floats({2, 1, 1}, {123, 30201})});
}

TEST(ReferenceRnn, BiasInitialStateLengthsAndLayout) {
  const Value w = floats({1, 1, 1}, {1}), r = floats({1, 1, 1}, {10});
  schema::RecurrentAttributesT a = linear(1);
  a.layout = true;
  const Value x = floats({2, 2, 1}, {1, 2, 3, 4});
  const NodeCase c =
      node_case(Op::RNN, a,
                {x, w, r, floats({1, 2}, {0.25f, 0.25f}), value<int32_t>({2}, {2, 1}), floats({2, 1, 1}, {0, 7})}, {});
  expect(c, {floats({2, 2, 1, 1}, {1.5f, 17.5f, 73.5f, 0}), floats({2, 1, 1}, {17.5f, 73.5f})});
  NodeCase bad = c;
  bad.inputs[4] = value<int32_t>({2}, {3, 1});
  bad.outputs = {output_of<float>({2, 2, 1, 1}), none()};
  EXPECT_NE(run_error(bad).find("length (3)"), std::string::npos);
}

TEST(ReferenceRnn, ClipsBeforeTheActivation) {
  schema::RecurrentAttributesT a = linear(1);
  a.clip = 2;
  expect(node_case(Op::RNN, a, {floats({1, 1, 1}, {9}), floats({1, 1, 1}, {1}), floats({1, 1, 1}, {0})}, {}),
         {floats({1, 1, 1, 1}, {2})});
}

TEST(ReferenceGru, BothFormsOfTheReset) {
  // z = σ(0) = 0.5, r = σ(x), h0 = 2, candidate = tanh(x + r · (h · R) [+ bias]).
  const Value x = floats({1, 1, 1}, {1}), w = floats({1, 3, 1}, {0, 1, 1}), r = floats({1, 3, 1}, {0, 0, 0.5f});
  const Value b = floats({1, 6}, {0, 0, 0, 0, 0, 0.25f}), h0 = floats({1, 1, 1}, {2});
  schema::RecurrentAttributesT a;
  a.hidden_size = 1;
  const double reset = sigmoid(1);
  const auto wanted = [](double candidate) {
    return value<float>({1, 1, 1}, std::vector<float>{static_cast<float>(0.5 * std::tanh(candidate) + 0.5 * 2)});
  };
  NodeCase c = node_case(Op::GRU, a, {x, w, r, b, none(), h0}, {none(), output_of<float>({1, 1, 1})});
  expect(c, {none(), wanted(1 + reset * 2 * 0.5 + 0.25)}, 1e-6);
  c.attributes.AsRecurrentAttributes()->linear_before_reset = true;
  expect(c, {none(), wanted(1 + reset * (2 * 0.5 + 0.25))}, 1e-6);
}

TEST(ReferenceLstm, GatesPeepholesAndState) {
  // Gates in ONNX's order i, o, f, c; weights 1, 2, 3, 4 on x = 0.1; recurrence 0; peepholes 1, 1, 1; c0 = 0.5.
  const Value x = floats({1, 1, 1}, {0.1f}), w = floats({1, 4, 1}, {1, 2, 3, 4}), r = floats({1, 4, 1}, {0, 0, 0, 0});
  const Value c0 = floats({1, 1, 1}, {0.5f}), p = floats({1, 3}, {1, 1, 1});
  schema::RecurrentAttributesT a;
  a.hidden_size = 1;
  const auto wanted = [](double i, double f, double peephole) {
    const double c = f * 0.5 + i * std::tanh(0.4), o = sigmoid(0.2 + peephole * c), h = o * std::tanh(c);
    const Value hv = value<float>({1, 1, 1}, std::vector<float>{static_cast<float>(h)});
    return std::vector<Value>{none(), hv, value<float>({1, 1, 1}, std::vector<float>{static_cast<float>(c)})};
  };
  NodeCase c = node_case(Op::LSTM, a, {x, w, r, none(), none(), none(), c0},
                         {none(), output_of<float>({1, 1, 1}), output_of<float>({1, 1, 1})});
  expect(c, wanted(sigmoid(0.1), sigmoid(0.3), 0), 1e-6);
  c.inputs.push_back(p);
  expect(c, wanted(sigmoid(0.6), sigmoid(0.8), 1), 1e-6);
  c.attributes.AsRecurrentAttributes()->input_forget = true;
  expect(c, wanted(sigmoid(0.6), 1 - sigmoid(0.6), 1), 1e-6);
}

TEST(ReferenceLstm, RefusesWeightsThatDoNotFit) {
  schema::RecurrentAttributesT a;
  NodeCase c = node_case(Op::LSTM, a, {counting({1, 1, 1}), counting({1, 3, 1}), counting({1, 4, 1})},
                         {output_of<float>({1, 1, 1, 1})});
  EXPECT_EQ(refusal(c), "W has shape (1, 3, 1), expected (1, 4, 1)");
  c.inputs[1] = counting({1, 4, 1});
  EXPECT_EQ(refusal(c), "");
  c.attributes.AsRecurrentAttributes()->hidden_size = 7;
  EXPECT_EQ(refusal(c), "hidden_size does not fit the weights");
}

}  // namespace
}  // namespace motley::test
