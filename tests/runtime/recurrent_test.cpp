// Unrolled recurrent networks become one op each, with the same results; what must stay apart does.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "graph/infer.hpp"
#include "graph/passes.hpp"
#include "graphs.hpp"

namespace motley::test {
namespace {

using graph::Constant;
using graph::Dims;
using graph::Graph;
using graph::TensorId;
using schema::BinaryFunction;
using schema::DataType;
using schema::Op;
using schema::UnaryFunction;

// Writes cells out as exporters do, one small node after another.
class Unrolled {
 public:
  Unrolled(int64_t steps, int64_t batch, int64_t inputs) : steps_(steps), batch_(batch) {
    module.graphs.emplace_back();
    x_ = computed("x", Dims{batch, steps, inputs});
    g().inputs = {x_};
  }

  graph::Module module;
  Graph& g() { return module.main(); }

  // x of each step, from one Split with Squeezes or a Slice and a Reshape for each.
  std::vector<TensorId> steps_of(TensorId x, bool split) {
    std::vector<TensorId> parts, result;
    for (int64_t t = 0; t < steps_; ++t) {
      parts.push_back(computed());
      if (split) continue;
      node(Op::Slice, {x, ints({t}), ints({t + 1}), ints({1})}, parts.back(), schema::NoAttributesT{});
    }
    if (split) {
      schema::SplitAttributesT a;
      a.axis = 1;
      a.num_outputs = steps_;
      g().add_node(next("split"), Op::Split, {x}, parts, a);
    }
    for (TensorId part : parts) {
      result.push_back(computed());
      node(Op::Squeeze, {part, ints({1})}, result.back(), schema::NoAttributesT{});
    }
    return result;
  }
  std::vector<TensorId> inputs(bool split) { return steps_of(x_, split); }

  TensorId weights(std::vector<int64_t> extents) {
    int64_t n = 1;
    for (int64_t e : extents) n *= e;
    std::vector<float> values = noise(static_cast<size_t>(n), ++seed_);
    for (float& v : values) v *= 0.5f;
    return g().add_constant(next("w"), DataType::float32, std::move(extents), Constant::of(values));
  }
  TensorId zeros(int64_t width) {
    return g().add_constant(next("zeros"), DataType::float32, {batch_, width},
                            Constant::of(std::vector<float>(static_cast<size_t>(batch_ * width))));
  }
  TensorId scalar(float value) {
    return g().add_constant(next("s"), DataType::float32, {}, Constant::of(std::vector<float>{value}));
  }
  TensorId state(const std::string& name, int64_t width) {
    const TensorId id = computed(name, Dims{batch_, width});
    g().inputs.push_back(id);
    return id;
  }

  TensorId binary(BinaryFunction f, TensorId a, TensorId b) {
    schema::BinaryAttributesT attributes;
    attributes.function = f;
    return node(Op::Binary, {a, b}, computed(), attributes);
  }
  TensorId add(TensorId a, TensorId b) { return binary(BinaryFunction::add, a, b); }
  TensorId sub(TensorId a, TensorId b) { return binary(BinaryFunction::sub, a, b); }
  TensorId mul(TensorId a, TensorId b) { return binary(BinaryFunction::mul, a, b); }
  TensorId matmul(TensorId a, TensorId b) { return node(Op::MatMul, {a, b}, computed(), schema::MatMulAttributesT{}); }
  TensorId gemm(TensorId a, TensorId b, TensorId c) {
    schema::MatMulAttributesT attributes;
    attributes.transpose_b = true;
    return node(Op::Gemm, {a, b, c}, computed(), attributes);
  }
  TensorId unary(UnaryFunction f, TensorId a) {
    schema::UnaryAttributesT attributes;
    attributes.function = f;
    return node(Op::Unary, {a}, computed(), attributes);
  }
  TensorId sigmoid(TensorId a) { return unary(UnaryFunction::sigmoid, a); }
  TensorId tanh(TensorId a) { return unary(UnaryFunction::tanh, a); }
  TensorId concat(std::vector<TensorId> parts, int64_t axis = 1) {
    schema::AxisAttributesT attributes;
    attributes.axis = axis;
    return node(Op::Concat, std::move(parts), computed(), attributes);
  }
  std::vector<TensorId> split(TensorId a, int64_t parts) {
    std::vector<TensorId> out;
    for (int64_t i = 0; i < parts; ++i) out.push_back(computed());
    schema::SplitAttributesT attributes;
    attributes.axis = 1;
    attributes.num_outputs = parts;
    g().add_node(next("split"), Op::Split, {a}, out, attributes);
    return out;
  }
  TensorId slice(TensorId a, int64_t begin, int64_t end) {
    return node(Op::Slice, {a, ints({begin}), ints({end}), ints({1})}, computed(), schema::NoAttributesT{});
  }
  TensorId unsqueeze(TensorId a) { return node(Op::Unsqueeze, {a, ints({1})}, computed(), schema::NoAttributesT{}); }
  void output(TensorId id, const std::string& name) {
    g().tensor(id).name = name;
    g().outputs.push_back(id);
  }
  Model model() {
    graph::infer_shapes(module);
    return Model::from_module(module);
  }

 private:
  TensorId computed(const std::string& name = "", std::optional<Dims> shape = std::nullopt) {
    graph::Tensor t;
    t.name = name.empty() ? next("t") : name;
    t.type = DataType::float32;
    t.shape = std::move(shape);
    return g().add_tensor(std::move(t));
  }
  TensorId ints(const std::vector<int64_t>& values) { return g().add_int64(next("i"), values); }
  template <class A>
  TensorId node(Op op, std::vector<TensorId> in, TensorId out, A attributes) {
    g().add_node(next("n"), op, std::move(in), {out}, std::move(attributes));
    return out;
  }
  std::string next(const char* prefix) { return prefix + std::to_string(++count_); }

  int64_t steps_, batch_;
  TensorId x_ = graph::kNone;
  unsigned seed_ = 0;
  int count_ = 0;
};

// ---- cells

// [x, h] times one kernel; gates i, j, f, o; a forget bias beside the gate. The older way of TensorFlow.
struct ConcatLstm {
  TensorId kernel, bias;
  ConcatLstm(Unrolled& u, int64_t inputs, int64_t hidden)
      : kernel(u.weights({inputs + hidden, 4 * hidden})), bias(u.weights({4 * hidden})) {}
  void step(Unrolled& u, TensorId x, TensorId& h, TensorId& c) const {
    const auto g = u.split(u.add(u.matmul(u.concat({x, h}), kernel), bias), 4);
    const TensorId f = u.sigmoid(u.add(g[2], u.scalar(1)));
    c = u.add(u.mul(c, f), u.mul(u.sigmoid(g[0]), u.tanh(g[1])));
    h = u.mul(u.tanh(c), u.sigmoid(g[3]));
  }
};
// x·W + b and h·R + b' apart, gates i, f, g, o cut by Slices: PyTorch's LSTMCell.
struct GemmLstm {
  TensorId w, r, wb, rb;
  int64_t hidden;
  GemmLstm(Unrolled& u, int64_t inputs, int64_t n)
      : w(u.weights({4 * n, inputs})),
        r(u.weights({4 * n, n})),
        wb(u.weights({4 * n})),
        rb(u.weights({4 * n})),
        hidden(n) {}
  void step(Unrolled& u, TensorId x, TensorId& h, TensorId& c) const {
    const TensorId g = u.add(u.gemm(x, w, wb), u.gemm(h, r, rb));
    const auto gate = [&](int64_t i) { return u.slice(g, i * hidden, (i + 1) * hidden); };
    c = u.add(u.mul(u.sigmoid(gate(1)), c), u.mul(u.sigmoid(gate(0)), u.tanh(gate(2))));
    h = u.mul(u.sigmoid(gate(3)), u.tanh(c));
  }
};
// Reset before the product: TensorFlow's GRUCell, gates r and u from one sigmoid.
struct ConcatGru {
  TensorId kernel, bias, candidate, candidate_bias;
  ConcatGru(Unrolled& u, int64_t inputs, int64_t n)
      : kernel(u.weights({inputs + n, 2 * n})),
        bias(u.weights({2 * n})),
        candidate(u.weights({inputs + n, n})),
        candidate_bias(u.weights({n})) {}
  void step(Unrolled& u, TensorId x, TensorId& h, TensorId&) const {
    const auto g = u.split(u.sigmoid(u.add(u.matmul(u.concat({x, h}), kernel), bias)), 2);
    const TensorId n = u.tanh(u.add(u.matmul(u.concat({x, u.mul(g[0], h)}), candidate), candidate_bias));
    h = u.add(u.mul(g[1], h), u.mul(u.sub(u.scalar(1), g[1]), n));
  }
};
// Reset behind the product, with a bias of its own: Keras's reset_after and PyTorch's GRUCell. The update gate is
// written as 1 - z where `negated`.
struct ResetAfterGru {
  TensorId w, r, wb, rb;
  bool negated = false;
  ResetAfterGru(Unrolled& u, int64_t inputs, int64_t n)
      : w(u.weights({inputs, 3 * n})), r(u.weights({n, 3 * n})), wb(u.weights({3 * n})), rb(u.weights({3 * n})) {}
  void step(Unrolled& u, TensorId x, TensorId& h, TensorId&) const {
    const auto a = u.split(u.add(u.matmul(x, w), wb), 3), b = u.split(u.add(u.matmul(h, r), rb), 3);
    const TensorId z = u.sigmoid(u.add(a[0], b[0])), reset = u.sigmoid(u.add(a[1], b[1]));
    const TensorId n = u.tanh(u.add(a[2], u.mul(reset, b[2])));
    h = negated ? u.add(h, u.mul(z, u.sub(n, h))) : u.add(n, u.mul(z, u.sub(h, n)));
  }
};

// Runs a layer over the steps; the states start at `h` and `c`.
template <class Cell>
std::vector<TensorId> layer(Unrolled& u, const Cell& cell, const std::vector<TensorId>& x, TensorId& h, TensorId& c) {
  std::vector<TensorId> all;
  for (TensorId step : x) {
    cell.step(u, step, h, c);
    all.push_back(h);
  }
  return all;
}

// ---- running

std::map<std::string, int> ops_of(const Session& session) {
  std::map<std::string, int> count;
  for (const Placement& p : session.explain().nodes) ++count[p.op.substr(0, p.op.find('('))];
  return count;
}

std::vector<std::vector<float>> run(Session& session, const std::vector<std::string>& inputs,
                                    const std::vector<std::string>& outputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto input = session.input(inputs[i]);
    input.copy_from(noise(static_cast<size_t>(input.elements()), 100 + static_cast<unsigned>(i)));
  }
  session.run();
  std::vector<std::vector<float>> results;
  for (const std::string& name : outputs) {
    const auto values = session.output(name).as<float>();
    results.emplace_back(values.begin(), values.end());
  }
  return results;
}

// The outputs are the same with the pass and without it, on both devices; the ops left are as given.
void expect_fused(Unrolled& u, const std::map<std::string, int>& expected, size_t most_nodes) {
  const size_t before = u.g().nodes.size();
  const Model model = u.model();
  std::vector<std::string> inputs, outputs;
  for (TensorId id : u.g().inputs) inputs.push_back(u.g().tensor(id).name);
  for (TensorId id : u.g().outputs) outputs.push_back(u.g().tensor(id).name);
  const Runtime rt = runtime_with();
  std::vector<std::vector<float>> first;
  for (const char* device : {"reference", "cpu"})
    for (bool optimize : {false, true}) {
      Session session = rt.compile(model, {.devices = {device}, .optimize = optimize});
      const auto results = run(session, inputs, outputs);
      if (first.empty()) first = results;
      for (size_t o = 0; o < outputs.size(); ++o) {
        ASSERT_EQ(results[o].size(), first[o].size());
        float worst = 0;
        for (size_t i = 0; i < first[o].size(); ++i) worst = std::max(worst, std::fabs(results[o][i] - first[o][i]));
        EXPECT_LT(worst, 1e-4f) << outputs[o] << " on " << device << (optimize ? ", optimized" : "");
      }
      if (!optimize) continue;
      const auto ops = ops_of(session);
      size_t nodes = 0;
      for (const auto& [op, count] : ops)
        if (op != "Reshape") nodes += static_cast<size_t>(count);  // which moves nothing
      for (const auto& [op, count] : expected)
        EXPECT_EQ(ops.count(op) ? ops.at(op) : 0, count) << op << "\n" << session.explain().to_string();
      EXPECT_LE(nodes, most_nodes) << session.explain().to_string();
      std::cout << "  " << device << ": " << before << " nodes became " << nodes << " and views\n";
    }
}

size_t fusions(Unrolled& u, const std::vector<std::string>& keep = {}) {
  graph::infer_shapes(u.module);
  graph::PassContext context;
  context.keep = keep;
  for (const graph::PassReport& report : graph::optimize(u.g(), context))
    if (report.pass == "unrolled_recurrence") return report.rewrites;
  ADD_FAILURE() << "no pass of that name";
  return 0;
}

template <class Cell>
class UnrolledCell : public testing::Test {};
using Cells = testing::Types<ConcatLstm, GemmLstm, ConcatGru, ResetAfterGru>;
TYPED_TEST_SUITE(UnrolledCell, Cells);

template <class Cell>
constexpr bool is_lstm = std::is_same_v<Cell, ConcatLstm> || std::is_same_v<Cell, GemmLstm>;
template <class Cell>
std::map<std::string, int> only(int count) {
  return {{"LSTM", is_lstm<Cell> ? count : 0}, {"GRU", is_lstm<Cell> ? 0 : count}, {"MatMul", 0}, {"Unary", 0}};
}

TYPED_TEST(UnrolledCell, TwentyStepsBecomeOneOp) {
  for (bool split : {false, true})
    for (int64_t batch : {1, 3}) {
      Unrolled u(20, batch, 5);
      const TypeParam cell(u, 5, 7);
      TensorId h = u.state("h0", 7), c = is_lstm<TypeParam> ? u.state("c0", 7) : graph::kNone;
      layer(u, cell, u.inputs(split), h, c);
      u.output(h, "last_h");
      if (is_lstm<TypeParam>) u.output(c, "last_c");
      expect_fused(u, only<TypeParam>(1), batch == 1 ? 1 : 2);
    }
}

TYPED_TEST(UnrolledCell, ZeroStatesAndResultsOfSteps) {
  Unrolled u(6, 2, 4);
  const TypeParam cell(u, 4, 3);
  TensorId h = u.zeros(3), c = u.zeros(3);
  const auto all = layer(u, cell, u.inputs(true), h, c);
  std::vector<TensorId> stacked;
  for (TensorId step : all) stacked.push_back(u.unsqueeze(step));
  u.output(u.concat(stacked), "sequence");
  u.output(all[2], "third");
  u.output(u.tanh(all[4]), "fifth");
  auto expected = only<TypeParam>(1);
  expected["Unary"] = 1;
  expect_fused(u, expected, 12);
}

TYPED_TEST(UnrolledCell, LayersOfManySteps) {
  Unrolled u(120, 1, 8);
  std::vector<TensorId> x = u.inputs(false);
  const size_t layers = 3;
  for (size_t i = 0; i < layers; ++i) {
    const TypeParam cell(u, 8, 8);
    TensorId h = u.zeros(8), c = u.zeros(8);
    x = layer(u, cell, x, h, c);
    u.output(h, "last_" + std::to_string(i));
  }
  EXPECT_GT(u.g().nodes.size(), 4000u);
  expect_fused(u, only<TypeParam>(3), 3);
}

TYPED_TEST(UnrolledCell, InputsApartAreJoined) {
  Unrolled u(3, 2, 4);
  const TypeParam cell(u, 4, 3);
  std::vector<TensorId> x = {u.state("a", 4), u.state("b", 4), u.state("e", 4)};
  TensorId h = u.state("h0", 3), c = u.zeros(3);
  layer(u, cell, x, h, c);
  u.output(h, "last");
  expect_fused(u, only<TypeParam>(1), 2);
}

TYPED_TEST(UnrolledCell, RefusesWhatIsSeenFromOutside) {
  for (int what = 0; what < 4; ++what) {
    Unrolled u(4, 2, 3);
    const TypeParam cell(u, 3, 3);
    TensorId h = u.state("h0", 3), c = u.zeros(3);
    std::vector<TensorId> x = u.inputs(true);
    const size_t begin = u.g().nodes.size();
    cell.step(u, x[0], h, c);
    const TensorId inside = u.g().nodes[begin + 2].outputs[0];
    if (what == 3) x[1] = u.add(x[1], h);  // reads what the step before wrote
    for (size_t t = 1; t < 4; ++t) {
      if (what == 3 && t > 1) x[t] = u.add(x[t], h);
      cell.step(u, x[t], h, c);
    }
    u.output(h, "last");
    if (what == 1) u.output(u.tanh(inside), "peeped");
    std::vector<std::string> keep;
    if (what == 2) keep = {u.g().tensor(inside).name};
    EXPECT_EQ(fusions(u, keep), what == 0 ? 1u : 0u) << "case " << what;
  }
}

TYPED_TEST(UnrolledCell, OtherWeightsBeginAnotherOp) {
  Unrolled u(6, 1, 3);
  const TypeParam first(u, 3, 3), second(u, 3, 3);
  TensorId h = u.state("h0", 3), c = u.zeros(3);
  const auto x = u.inputs(true);
  for (size_t t = 0; t < 6; ++t) (t < 3 ? first : second).step(u, x[t], h, c);
  u.output(h, "last");
  EXPECT_EQ(fusions(u), 2u);
}

TEST(UnrolledGru, UpdateGateTheOtherWayRound) {
  Unrolled u(8, 2, 4);
  ResetAfterGru cell(u, 4, 5);
  cell.negated = true;
  TensorId h = u.state("h0", 5), c = graph::kNone;
  layer(u, cell, u.inputs(true), h, c);
  u.output(h, "last");
  expect_fused(u, {{"GRU", 1}, {"MatMul", 0}}, 2);
}

}  // namespace
}  // namespace motley::test
