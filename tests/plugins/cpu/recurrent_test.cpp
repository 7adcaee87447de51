// LSTM, GRU and RNN against the reference: sizes around the vector and the tile, every direction and option.
#include "against_reference.hpp"

namespace motley::test {
namespace {

using U = schema::UnaryFunction;

struct Sizes {
  int64_t steps, batch, inputs, hidden;
};

int64_t gates(Op op) { return op == Op::LSTM ? 4 : op == Op::GRU ? 3 : 1; }

// All inputs and outputs that the op knows, but for sequence_lens.
NodeCase recurrent(Op op, const Sizes& s, schema::RecurrentAttributesT a, bool constant_weights = true) {
  const int64_t d = a.direction == 2 ? 2 : 1, rows = gates(op) * s.hidden;
  a.hidden_size = s.hidden;
  const auto weight = [&](Value v) { return constant_weights ? constant(std::move(v)) : v; };
  const std::vector<int64_t> state =
      a.layout ? std::vector<int64_t>{s.batch, d, s.hidden} : std::vector<int64_t>{d, s.batch, s.hidden};
  const std::vector<int64_t> x =
      a.layout ? std::vector<int64_t>{s.batch, s.steps, s.inputs} : std::vector<int64_t>{s.steps, s.batch, s.inputs};
  const std::vector<int64_t> y = a.layout ? std::vector<int64_t>{s.batch, s.steps, d, s.hidden}
                                          : std::vector<int64_t>{s.steps, d, s.batch, s.hidden};
  NodeCase c = node_case(op, a,
                         {random_value(x, 1), weight(random_value({d, rows, s.inputs}, 2)),
                          weight(random_value({d, rows, s.hidden}, 3, -0.5, 0.5)),
                          weight(random_value({d, 2 * rows}, 4)), none(), random_value(state, 5)},
                         {output_of<float>(y), output_of<float>(state)});
  if (op != Op::LSTM) return c;
  c.inputs.push_back(random_value(state, 6));
  c.outputs.push_back(output_of<float>(state));
  return c;
}

void add_peepholes(NodeCase& c) {
  const std::vector<int64_t>& r = c.inputs[2].shape;
  c.inputs.push_back(constant(random_value({r[0], 3 * r[2]}, 7)));
}

constexpr Tolerance kTolerance{2e-5, 2e-5};

class Recurrent : public testing::TestWithParam<Op> {};

TEST_P(Recurrent, GridOfSizesAndDirections) {
  for (int64_t steps : {1, 3, 17})
    for (int64_t batch : {1, 3})
      for (int64_t hidden : {1, 5, 16, 33})
        for (uint8_t direction : {0, 1, 2}) {
          schema::RecurrentAttributesT a;
          a.direction = direction;
          a.layout = (steps + hidden) % 2 == 1;
          SCOPED_TRACE(testing::Message() << steps << " " << batch << " " << hidden << " direction " << int(direction));
          expect_like_reference(recurrent(GetParam(), {steps, batch, 7, hidden}, a), kTolerance);
        }
}

TEST_P(Recurrent, Options) {
  for (int64_t batch : {1, 3, 14})
    for (int64_t hidden : {5, 16})
      for (int option = 0; option < 8; ++option) {
        schema::RecurrentAttributesT a;
        a.direction = 2;
        a.layout = option & 1;
        a.clip = option & 2 ? 0.4f : 0;
        a.linear_before_reset = a.input_forget = option & 4;
        SCOPED_TRACE(testing::Message() << batch << " " << hidden << " option " << option);
        NodeCase c = recurrent(GetParam(), {3, batch, 4, hidden}, a);
        expect_like_reference(c, kTolerance);
        if (GetParam() != Op::LSTM) continue;
        add_peepholes(c);
        expect_like_reference(c, kTolerance);
      }
}

TEST_P(Recurrent, ComputedWeightsAndNoBias) {
  for (uint8_t direction : {0, 2}) {
    schema::RecurrentAttributesT a;
    a.direction = direction;
    NodeCase c = recurrent(GetParam(), {4, 2, 3, 9}, a, false);
    expect_like_reference(c, kTolerance);
    c.inputs[3] = none();
    c.inputs.resize(4);
    expect_like_reference(c, kTolerance);
    c.outputs[0] = none();
    expect_like_reference(c, kTolerance);
  }
}

TEST_P(Recurrent, SequenceLengths) {
  for (uint8_t direction : {0, 1, 2})
    for (bool layout : {false, true}) {
      schema::RecurrentAttributesT a;
      a.direction = direction;
      a.layout = layout;
      NodeCase c = recurrent(GetParam(), {5, 4, 3, 6}, a);
      c.inputs[4] = value<int32_t>({4}, {5, 1, 0, 3});
      expect_like_reference(c, kTolerance);
      c.inputs[4] = value<int32_t>({4}, {5, 1, 6, 3});
      const NodeResult got = run_node(cpu_plugin(), c);
      EXPECT_EQ(got.status, MOTLEY_INVALID_ARGUMENT);
      EXPECT_NE(got.text.find("length (6)"), std::string::npos) << got.text;
    }
}

TEST_P(Recurrent, EveryActivation) {
  const size_t functions = GetParam() == Op::LSTM ? 3 : GetParam() == Op::GRU ? 2 : 1;
  for (U f : {U::relu, U::leaky_relu, U::thresholded_relu, U::hard_sigmoid, U::elu, U::softsign, U::softplus}) {
    schema::RecurrentAttributesT a;
    a.direction = 2;
    a.activations.assign(2 * functions, f);
    a.activations[0] = U::tanh;
    NodeCase c = recurrent(GetParam(), {3, 2, 3, 5}, a);
    expect_like_reference(c, {1e-4, 1e-4});
    c.attributes.AsRecurrentAttributes()->activation_alpha.assign(2 * functions, 0.3f);
    c.attributes.AsRecurrentAttributes()->activation_beta.assign(2 * functions, 0.4f);
    expect_like_reference(c, {1e-4, 1e-4});
  }
}

// Blocks of W's depth, threads in one step, tiles over several rows.
TEST_P(Recurrent, Large) {
  expect_like_reference(recurrent(GetParam(), {2, 1, 300, 421}, {}), {1e-4, 1e-4});
  expect_like_reference(recurrent(GetParam(), {9, 30, 70, 65}, {}), {1e-4, 1e-4});
}

TEST_P(Recurrent, SaysWhyNot) {
  NodeCase c = recurrent(GetParam(), {3, 2, 4, 5}, {});
  c.inputs[1].shape[2] = 3;
  c.inputs[1].bytes.resize(c.inputs[1].byte_size());
  EXPECT_NE(reason_of(c).find("W has shape"), std::string::npos) << reason_of(c);
  c = recurrent(GetParam(), {0, 2, 4, 5}, {});
  EXPECT_EQ(reason_of(c), "an empty sequence is not supported");
  c = recurrent(GetParam(), {3, 2, 4, 5}, {});
  c.attributes.AsRecurrentAttributes()->activations.assign(1, U::logical_not);
  EXPECT_FALSE(reason_of(c).empty());
}

INSTANTIATE_TEST_SUITE_P(Cpu, Recurrent, testing::Values(Op::LSTM, Op::GRU, Op::RNN),
                         [](const auto& i) { return std::string(schema::EnumNameOp(i.param)); });

}  // namespace
}  // namespace motley::test
