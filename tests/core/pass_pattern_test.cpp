// Passes that find an op in the arithmetic an exporter wrote for it.
#include <cmath>
#include <functional>

#include "pass_net.hpp"

namespace motley::graph {
namespace {

using namespace test;

const double kHalfRoot = 1 / std::sqrt(2.0);

TensorId one_plus_erf(Net& net, TensorId x, bool divides) {
  const TensorId scaled = divides ? net.div(x, net.scalar(std::sqrt(2.0))) : net.mul(net.scalar(kHalfRoot), x);
  return net.add(net.unary(UnaryFunction::erf, scaled), net.scalar(1));
}

TensorId tanh_argument(Net& net, TensorId x, int form) {
  const double scale = std::sqrt(2 / M_PI);
  if (form == 0) {  // √(2/π) · (x + 0.044715 · pow(x, 3))
    const TensorId cube = net.binary(BinaryFunction::pow, x, net.scalar(3));
    return net.mul(net.add(x, net.mul(cube, net.scalar(0.044715))), net.scalar(scale));
  }
  if (form == 1) {  // the cube as x · x · x
    const TensorId cube = net.mul(net.mul(x, x), x);
    return net.mul(net.scalar(scale), net.add(x, net.mul(net.scalar(0.044715), cube)));
  }
  // x · √(2/π) · (1 + 0.044715 · x²)
  const TensorId bend = net.add(net.scalar(1), net.mul(net.mul(x, net.scalar(0.044715)), x));
  return net.mul(net.mul(x, net.scalar(scale)), bend);
}

TEST(PassGelu, FindsAllExportedForms) {
  using Form = std::function<TensorId(Net&, TensorId)>;
  const Form forms[] = {
      [](Net& n, TensorId x) { return n.mul(n.mul(x, one_plus_erf(n, x, true)), n.scalar(0.5)); },
      [](Net& n, TensorId x) { return n.mul(n.mul(x, n.scalar(0.5)), one_plus_erf(n, x, true)); },
      [](Net& n, TensorId x) { return n.mul(n.scalar(0.5), n.mul(one_plus_erf(n, x, false), x)); },
      [](Net& n, TensorId x) { return n.mul(x, n.mul(one_plus_erf(n, x, false), n.scalar(0.5))); },
      [](Net& n, TensorId x) { return n.div(n.mul(x, one_plus_erf(n, x, true)), n.scalar(2)); },
      [](Net& n, TensorId x) {
        const TensorId erf = n.unary(UnaryFunction::erf, n.div(x, n.scalar(std::sqrt(2.0))));
        return n.mul(x, n.add(n.mul(erf, n.scalar(0.5)), n.scalar(0.5)));
      },
  };
  for (const Form& form : forms) {
    Net net;
    const TensorId x = net.unary(UnaryFunction::exp, net.input("x", {2, 3}));
    net.output(form(net, x));
    const size_t nodes = net.graph.nodes.size();
    EXPECT_EQ(net.run({"gelu"}), 1u);
    EXPECT_EQ(net.ops(), "Unary(exp) Unary(gelu)");
    EXPECT_EQ(net.graph.nodes[1].origins.size(), nodes - 1);
  }
  for (int form = 0; form < 3; ++form) {
    Net net;
    const TensorId x = net.input("x", {2, 3});
    const TensorId gate = net.add(net.scalar(1), net.unary(UnaryFunction::tanh, tanh_argument(net, x, form)));
    net.output(form == 1 ? net.mul(net.mul(net.scalar(0.5), x), gate) : net.mul(net.scalar(0.5), net.mul(x, gate)));
    EXPECT_EQ(net.run({"gelu"}), 1u) << form;
    EXPECT_EQ(net.ops(), "Unary(gelu_tanh)");
  }
}

TEST(PassGelu, RefusesOtherConstantsAndSeenIntermediates) {
  Net other;
  const TensorId x = other.input("x", {4});
  const TensorId erf = other.unary(UnaryFunction::erf, other.mul(x, other.scalar(0.7)));
  other.output(other.mul(other.mul(x, other.add(erf, other.scalar(1))), other.scalar(0.5)));
  other.output(other.mul(other.mul(x, one_plus_erf(other, x, true)), other.scalar(0.6)));
  EXPECT_EQ(other.run({"gelu"}), 0u);

  Net seen;
  const TensorId z = seen.input("x", {4});
  const TensorId gate = one_plus_erf(seen, z, true);
  seen.output(seen.mul(seen.mul(z, gate), seen.scalar(0.5)));
  EXPECT_EQ(seen.run({"gelu"}, {seen.name(gate)}), 0u);
  seen.output(gate);
  EXPECT_EQ(seen.run({"gelu"}), 0u);

  Net two;  // the factor is another tensor than the argument
  const TensorId a = two.input("a", {4}), b = two.input("b", {4});
  two.output(two.mul(two.mul(a, one_plus_erf(two, b, true)), two.scalar(0.5)));
  EXPECT_EQ(two.run({"gelu"}), 0u);
}

TEST(PassHardSwish, FindsGatesInAnyOrder) {
  const auto clip = [](Net& n, TensorId x) { return n.unary(UnaryFunction::clip, n.add(x, n.scalar(3)), 0, 6); };
  using Form = std::function<TensorId(Net&, TensorId)>;
  const std::pair<Form, const char*> forms[] = {
      {[&](Net& n, TensorId x) { return n.div(n.mul(x, clip(n, x)), n.scalar(6)); }, "Unary(hard_swish)"},
      {[&](Net& n, TensorId x) { return n.mul(x, n.div(clip(n, x), n.scalar(6))); }, "Unary(hard_swish)"},
      {[&](Net& n, TensorId x) { return n.mul(n.mul(clip(n, x), n.scalar(1.0 / 6)), x); }, "Unary(hard_swish)"},
      {[&](Net& n, TensorId x) { return n.div(clip(n, x), n.scalar(6)); }, "Unary(hard_sigmoid)"},
      {[&](Net& n, TensorId x) { return n.mul(x, n.unary(UnaryFunction::hard_sigmoid, x, 1.0f / 6, 0.5f)); },
       "Unary(hard_swish)"},
      {[&](Net& n, TensorId x) { return n.mul(n.unary(UnaryFunction::sigmoid, x), x); }, "Unary(swish)"},
      {[&](Net& n, TensorId x) { return n.mul(x, n.unary(UnaryFunction::sigmoid, n.mul(n.scalar(1.702), x))); },
       "Unary(swish)"},
  };
  for (const auto& [form, expected] : forms) {
    Net net;
    net.output(form(net, net.input("x", {5})));
    EXPECT_GE(net.run({"hard_swish"}), 1u) << expected;
    EXPECT_EQ(net.ops(), expected);
  }
}

TEST(PassHardSwish, RefusesOtherGates) {
  Net net;
  const TensorId x = net.input("x", {5}), z = net.input("z", {5});
  net.output(net.mul(x, net.unary(UnaryFunction::hard_sigmoid, x, 0.2f, 0.5f)));
  net.output(net.div(net.unary(UnaryFunction::clip, net.add(x, net.scalar(3)), -1, 6), net.scalar(6)));
  net.output(net.mul(z, net.unary(UnaryFunction::sigmoid, x)));
  EXPECT_EQ(net.run({"hard_swish"}), 0u);
}

struct NormForm {
  bool multiplies;  // by the inverse deviation
  bool rsqrt, pow_square, center;
};

TensorId layer_norm(Net& net, TensorId x, const NormForm& f, std::vector<int64_t> axes) {
  const TensorId d = f.center ? net.sub(x, net.mean(x, axes)) : x;
  const TensorId square = f.pow_square ? net.binary(BinaryFunction::pow, d, net.scalar(2)) : net.mul(d, d);
  const TensorId variance = net.add(net.mean(square, axes), net.scalar(1e-3));
  if (f.rsqrt) return net.mul(net.unary(UnaryFunction::rsqrt, variance), d);
  const TensorId deviation = net.unary(UnaryFunction::sqrt, variance);
  return f.multiplies ? net.mul(d, net.unary(UnaryFunction::reciprocal, deviation)) : net.div(d, deviation);
}

TEST(PassLayerNorm, FindsExportersVariants) {
  for (int bits = 0; bits < 16; ++bits) {
    Net net;
    const TensorId x = net.input("x", {2, 3, 4});
    const TensorId y = layer_norm(net, x, {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0}, {-1});
    net.output(net.add(net.mul(y, net.constant({4})), net.constant({1, 1, 4})));
    EXPECT_EQ(net.run({"layer_norm", "dead_code"}), 3u) << bits;
    ASSERT_EQ(net.ops(), "Normalize");
    EXPECT_EQ(net.graph.nodes[0].inputs.size(), 3u);
    EXPECT_EQ(attributes<schema::NormalizeAttributesT>(net.graph.nodes[0]).center, (bits & 8) != 0);
  }
  Net two;
  two.output(layer_norm(two, two.input("x", {2, 3, 4}), {false, false, true, true}, {1, 2}));
  EXPECT_EQ(two.run({"layer_norm"}), 1u);
  EXPECT_EQ(attributes<schema::NormalizeAttributesT>(two.graph.nodes[0]).axis, -2);
}

TEST(PassLayerNorm, RefusesInnerAxesSeenStatisticsAndOtherScales) {
  Net inner;
  inner.output(layer_norm(inner, inner.input("x", {2, 3, 4}), {false, false, true, true}, {1}));
  EXPECT_EQ(inner.run({"layer_norm"}), 0u);
  Net seen;
  const TensorId x = seen.input("x", {2, 4});
  const TensorId d = seen.sub(x, seen.mean(x, {1}));
  seen.output(d);
  seen.output(
      seen.div(d, seen.unary(UnaryFunction::sqrt, seen.add(seen.mean(seen.mul(d, d), {1}), seen.scalar(1e-5)))));
  EXPECT_EQ(seen.run({"layer_norm"}), 0u);
  Net scale;
  const TensorId y = layer_norm(scale, scale.input("x", {2, 3, 4}), {false, false, true, true}, {-1});
  scale.output(scale.mul(y, scale.constant({3, 1})));
  EXPECT_EQ(scale.run({"layer_norm"}), 1u);  // the norm, without this factor
  EXPECT_EQ(scale.ops(), "Normalize Binary(mul)");
}

TensorId softmax(Net& net, TensorId x) { return net.op(Op::Softmax, {x}, net.shape(x), schema::SoftmaxAttributesT{}); }

TEST(PassAttention, FindsScaledProductsWithAndWithoutMask) {
  for (int form = 0; form < 5; ++form) {
    Net net;
    const TensorId q = net.input("q", {2, 3, 4, 8}), v = net.input("v", {2, 3, 5, 6});
    TensorId scores;
    if (form == 0) {  // Q · Kᵀ / 8
      scores = net.div(net.matmul(q, net.transpose(net.input("k", {2, 3, 5, 8}), {0, 1, 3, 2})), net.scalar(8));
    } else if (form == 1) {  // K as (batch, steps, heads, size), transposed once
      scores = net.mul(net.matmul(q, net.transpose(net.input("k", {2, 5, 3, 8}), {0, 2, 3, 1})), net.scalar(0.25));
    } else if (form == 2) {  // both scaled before
      const TensorId k = net.transpose(net.input("k", {2, 3, 5, 8}), {0, 1, 3, 2});
      scores = net.matmul(net.mul(q, net.scalar(0.5)), net.mul(k, net.scalar(0.5)));
    } else if (form == 3) {  // transpose_b and alpha
      schema::MatMulAttributesT a;
      a.transpose_b = true, a.alpha = 0.3f;
      scores = net.matmul(q, net.input("k", {2, 3, 5, 8}), a);
    } else {  // no scale
      scores = net.matmul(q, net.transpose(net.input("k", {2, 3, 5, 8}), {0, 1, 3, 2}));
    }
    if (form % 2 == 0) scores = net.add(scores, net.input("mask", form == 2 ? Extents{4, 5} : Extents{2, 1, 1, 5}));
    const TensorId weights = softmax(net, scores);
    auto& a = attributes<schema::SoftmaxAttributesT>(net.last());
    if (form == 4) a.axis = 3, a.flatten = true;  // as opsets before 13 have it
    net.output(net.matmul(weights, v));
    EXPECT_EQ(net.run({"attention"}), 1u) << form;
    EXPECT_EQ(net.ops(), form == 1 ? "Transpose Attention" : "Attention") << form;
  }
}

TEST(PassAttention, RefusesBroadcastHeadsOtherAxesAndSeenWeights) {
  Net broadcast;
  const TensorId q = broadcast.input("q", {2, 3, 4, 8}), k = broadcast.input("k", {2, 1, 8, 5});
  const TensorId kt = broadcast.transpose(broadcast.transpose(k, {0, 1, 3, 2}), {0, 1, 3, 2});
  broadcast.output(broadcast.matmul(softmax(broadcast, broadcast.matmul(q, kt)), broadcast.input("v", {2, 1, 5, 6})));
  EXPECT_EQ(broadcast.run({"attention"}), 0u);

  Net seen;
  const TensorId scores =
      seen.matmul(seen.input("q", {1, 1, 4, 8}), seen.transpose(seen.input("k", {1, 1, 5, 8}), {0, 1, 3, 2}));
  const TensorId weights = softmax(seen, scores);
  seen.output(seen.matmul(weights, seen.input("v", {1, 1, 5, 6})));
  EXPECT_EQ(seen.run({"attention"}, {seen.name(weights)}), 0u);
  seen.output(weights);
  EXPECT_EQ(seen.run({"attention"}), 0u);
}

TEST(Passes, OptimizeReachesAFixedPointAndReports) {
  Net net;
  const TensorId x = net.input("x", {2, 3});
  TensorId y = net.matmul(x, net.constant({3, 4}));
  y = net.add(y, net.constant({4}));
  y = net.mul(net.mul(y, one_plus_erf(net, y, true)), net.scalar(0.5));
  net.output(y);
  PassContext context;
  const auto reports = optimize(net.graph, context);
  EXPECT_EQ(net.ops(), "MatMul");
  EXPECT_EQ(reports.size(), passes().size());
  for (const PassReport& report : optimize(net.graph, context)) EXPECT_EQ(report.rewrites, 0u) << report.pass;
}

}  // namespace
}  // namespace motley::graph
