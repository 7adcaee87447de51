// Arithmetic composites: what their primitives compute, against the formula of each op.
#include <gtest/gtest.h>

#include <functional>

#include "lower_interpreter.hpp"

namespace motley::graph {
namespace {

using namespace test;

struct Case {
  Graph graph;
  std::map<TensorId, Values> inputs;
  Random random{42};

  TensorId input(const std::string& name, const Extents& extents, double low = -1, double high = 1) {
    const TensorId id = add_value(graph, name, extents);
    inputs[id] = random.values(product(extents), low, high);
    return id;
  }
  TensorId constant(const std::string& name, const Extents& extents, double low = -1, double high = 1) {
    return add_constant(graph, name, extents, random.values(product(extents), low, high));
  }
  Values values(TensorId id) const {
    const auto it = inputs.find(id);
    return it == inputs.end() ? decode_constant(graph.tensor(id)) : it->second;
  }
  template <class AttributesT>
  std::vector<Values> run(Op op, std::vector<TensorId> in, std::vector<TensorId> out, AttributesT a) {
    graph.nodes.clear();
    graph.add_node("n", op, std::move(in), out, std::move(a));
    const auto all = Interpreter::run(graph, inputs);
    std::vector<Values> result;
    for (TensorId id : out) result.push_back(id == kNone ? Values{} : all[static_cast<size_t>(id)]);
    return result;
  }
};

void expect_near(const Values& actual, const Values& expected, double tolerance = 1e-5) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], tolerance * std::max(1.0, std::fabs(expected[i]))) << "element " << i;
}

TEST(LowerArithmetic, BatchNormalizationConstantAndComputed) {
  for (bool constant : {true, false}) {
    Case t;
    const TensorId x = t.input("x", {2, 3, 4, 5});
    std::vector<TensorId> in{x};
    for (const char* name : {"scale", "bias", "mean", "var"})
      in.push_back(constant ? t.constant(name, {3}, 0.1, 2) : t.input(name, {3}, 0.1, 2));
    const TensorId y = add_value(t.graph, "y", {2, 3, 4, 5});
    schema::BatchNormalizationAttributesT a;
    a.epsilon = 0.01f;
    const Values actual = t.run(Op::BatchNormalization, in, {y}, a)[0];
    const Values v = t.values(x), s = t.values(in[1]), b = t.values(in[2]), m = t.values(in[3]), var = t.values(in[4]);
    Values expected;
    for (size_t i = 0; i < v.size(); ++i) {
      const size_t c = i / 20 % 3;
      expected.push_back((v[i] - m[c]) / std::sqrt(var[c] + 0.01) * s[c] + b[c]);
    }
    expect_near(actual, expected);
  }
}

TEST(LowerArithmetic, InstanceAndGroupNormalization) {
  for (int groups : {0, 2, 6}) {  // 0: instance
    for (bool per_group : {false, true}) {
      if (groups == 0 && per_group) continue;
      Case t;
      const TensorId x = t.input("x", {2, 6, 3, 2});
      const int64_t count = per_group ? groups : 6;
      const TensorId scale = t.constant("s", {count}), bias = t.constant("b", {count});
      const TensorId y = add_value(t.graph, "y", {2, 6, 3, 2});
      schema::BatchNormalizationAttributesT instance;
      schema::GroupNormalizationAttributesT group;
      group.num_groups = groups;
      group.per_group_scale = per_group;
      const Values actual = groups == 0 ? t.run(Op::InstanceNormalization, {x, scale, bias}, {y}, instance)[0]
                                        : t.run(Op::GroupNormalization, {x, scale, bias}, {y}, group)[0];
      const size_t size = static_cast<size_t>(groups == 0 ? 1 : 6 / groups) * 6;
      const Values v = t.values(x), s = t.values(scale), b = t.values(bias);
      Values expected;
      for (size_t i = 0; i < v.size(); ++i) {
        double mean = 0, variance = 0;
        const size_t first = i / size * size;
        for (size_t k = 0; k < size; ++k) mean += v[first + k] / static_cast<double>(size);
        for (size_t k = 0; k < size; ++k) variance += std::pow(v[first + k] - mean, 2) / static_cast<double>(size);
        const size_t c = per_group ? i / size % static_cast<size_t>(groups) : i / 6 % 6;
        expected.push_back((v[i] - mean) / std::sqrt(variance + 1e-5) * s[c] + b[c]);
      }
      expect_near(actual, expected);
    }
  }
}

TEST(LowerArithmetic, LayerNormalizationWithAndWithoutStatistics) {
  Case t;
  const TensorId x = t.input("x", {2, 3, 4}), scale = t.constant("s", {3, 4}), bias = t.constant("b", {3, 4});
  const TensorId y = add_value(t.graph, "y", {2, 3, 4}), mean = add_value(t.graph, "m", {2, 1, 1}),
                 inverse = add_value(t.graph, "i", {2, 1, 1});
  schema::LayerNormalizationAttributesT a;
  a.axis = 1;
  const Values fused = t.run(Op::LayerNormalization, {x, scale, bias}, {y}, a)[0];
  EXPECT_EQ(lower(t.graph, t.graph.nodes[0]).size(), 1u);  // one Normalize
  const auto all = t.run(Op::LayerNormalization, {x, scale, bias}, {y, mean, inverse}, a);
  expect_near(all[0], fused);
  const Values v = t.values(x);
  for (size_t n = 0; n < 2; ++n) {
    double m = 0, variance = 0;
    for (size_t i = 0; i < 12; ++i) m += v[n * 12 + i] / 12;
    for (size_t i = 0; i < 12; ++i) variance += std::pow(v[n * 12 + i] - m, 2) / 12;
    EXPECT_NEAR(all[1][n], m, 1e-9);
    EXPECT_NEAR(all[2][n], 1 / std::sqrt(variance + 1e-5), 1e-6);
    EXPECT_NEAR(fused[n * 12], (v[n * 12] - m) / std::sqrt(variance + 1e-5) * t.values(scale)[0] + t.values(bias)[0],
                1e-6);
  }
  // A scale of another shape is applied after the Normalize.
  const TensorId one = t.constant("one", {1, 4});
  const Values broadcast = t.run(Op::LayerNormalization, {x, one}, {y}, a)[0];
  EXPECT_NEAR(broadcast[0] / t.values(one)[0], (fused[0] - t.values(bias)[0]) / t.values(scale)[0], 1e-6);
}

TEST(LowerArithmetic, RmsNormalization) {
  Case t;
  const TensorId x = t.input("x", {3, 4}), scale = t.constant("s", {4}), y = add_value(t.graph, "y", {3, 4});
  const Values actual = t.run(Op::RMSNormalization, {x, scale}, {y}, schema::LayerNormalizationAttributesT{})[0];
  const Values v = t.values(x), s = t.values(scale);
  Values expected;
  for (size_t i = 0; i < 12; ++i) {
    double square = 0;
    for (size_t k = 0; k < 4; ++k) square += v[i / 4 * 4 + k] * v[i / 4 * 4 + k] / 4;
    expected.push_back(v[i] / std::sqrt(square + 1e-5) * s[i % 4]);
  }
  expect_near(actual, expected);
}

TEST(LowerArithmetic, LrnSumsNeighbouringChannels) {
  for (int64_t size : {1, 2, 3, 5}) {
    Case t;
    const TensorId x = t.input("x", {2, 4, 3, 2}), y = add_value(t.graph, "y", {2, 4, 3, 2});
    schema::LRNAttributesT a;
    a.size = size;
    a.alpha = 0.5f, a.beta = 0.75f, a.bias = 2;
    const Values actual = t.run(Op::LRN, {x}, {y}, a)[0], v = t.values(x);
    Values expected;
    for_each_index({2, 4, 3, 2}, [&](const Index& i) {
      double sum = 0;
      for (int64_t c = std::max<int64_t>(0, i[1] - (size - 1) / 2); c <= std::min<int64_t>(3, i[1] + size / 2); ++c)
        sum += std::pow(v[static_cast<size_t>(address({i[0], c, i[2], i[3]}, {2, 4, 3, 2}))], 2);
      expected.push_back(v[static_cast<size_t>(address(i, {2, 4, 3, 2}))] /
                         std::pow(2 + 0.5 / static_cast<double>(size) * sum, 0.75));
    });
    expect_near(actual, expected);
  }
}

TEST(LowerArithmetic, LpNormalizationKeepsZeros) {
  Case t;
  const TensorId x = add_value(t.graph, "x", {2, 2}), y = add_value(t.graph, "y", {2, 2});
  t.inputs[x] = {3, 4, 0, 0};
  schema::LpNormalizationAttributesT a;
  expect_near(t.run(Op::LpNormalization, {x}, {y}, a)[0], {0.6, 0.8, 0, 0});
  a.p = 1;
  expect_near(t.run(Op::LpNormalization, {x}, {y}, a)[0], {3.0 / 7, 4.0 / 7, 0, 0});
}

TEST(LowerArithmetic, MeanVarianceNormalization) {
  Case t;
  const TensorId x = t.input("x", {2, 3, 2, 2}), y = add_value(t.graph, "y", {2, 3, 2, 2});
  const Values actual = t.run(Op::MeanVarianceNormalization, {x}, {y}, schema::AxesAttributesT{})[0], v = t.values(x);
  for (size_t c = 0; c < 3; ++c) {
    double mean = 0, variance = 0;
    for (size_t i = 0; i < 8; ++i) mean += v[i / 4 * 12 + c * 4 + i % 4] / 8;
    for (size_t i = 0; i < 8; ++i) variance += std::pow(v[i / 4 * 12 + c * 4 + i % 4] - mean, 2) / 8;
    EXPECT_NEAR(actual[c * 4], (v[c * 4] - mean) / std::sqrt(variance), 1e-5);
  }
}

TEST(LowerArithmetic, ClipInAllForms) {
  Case t;
  const TensorId x = t.input("x", {40}, -5, 5), y = add_value(t.graph, "y", {40});
  const TensorId low = add_constant(t.graph, "low", {}, {-1}), high = add_constant(t.graph, "high", {}, {2});
  const TensorId computed = add_value(t.graph, "computed", {});
  t.inputs[computed] = {2};
  const auto expect = [&](std::vector<TensorId> in, double a, double b, size_t nodes) {
    Values expected = t.values(x);
    for (double& v : expected) v = std::min(std::max(v, a), b);
    expect_near(t.run(Op::Clip, in, {y}, schema::NoAttributesT{})[0], expected);
    EXPECT_EQ(lower(t.graph, t.graph.nodes[0]).size(), nodes);
  };
  expect({x, low, high}, -1, 2, 1);
  expect({x, kNone, high}, -9, 2, 1);
  expect({x, low}, -1, 9, 1);
  expect({x, low, computed}, -1, 2, 2);
  expect({x, high, low}, -1, -1, 1);  // crossed bounds: the upper one wins
  expect({x}, -9, 9, 1);
}

TEST(LowerArithmetic, ClipOfIntegersKeepsTheirBounds) {
  Graph graph;
  const TensorId x = add_value(graph, "x", {3}, DataType::int64), y = add_value(graph, "y", {3}, DataType::int64);
  const TensorId low =
      graph.add_constant("low", DataType::int64, {}, Constant::of(std::vector<int64_t>{(1LL << 53) + 1}));
  Node node = graph.add_node("n", Op::Clip, {x, low}, {y}, schema::NoAttributesT{});
  const std::vector<Node> nodes = lower(graph, node);
  ASSERT_EQ(nodes.size(), 1u);
  EXPECT_EQ(describe_op(nodes[0]), "Binary(max)");
  EXPECT_EQ(nodes[0].inputs[1], low);
}

TEST(LowerArithmetic, VariadicPReluGeluGemmAndGlobalPool) {
  Case t;
  const TensorId a = t.input("a", {2, 3}), b = t.input("b", {3}), c = t.input("c", {2, 1}),
                 y = add_value(t.graph, "y", {2, 3});
  const Values va = t.values(a), vb = t.values(b), vc = t.values(c);
  for (auto function : {schema::VariadicFunction::sum, schema::VariadicFunction::mean, schema::VariadicFunction::max,
                        schema::VariadicFunction::min}) {
    schema::VariadicAttributesT attributes;
    attributes.function = function;
    Values expected;
    for (size_t i = 0; i < 6; ++i) {
      const double p = va[i], q = vb[i % 3], r = vc[i / 3];
      expected.push_back(function == schema::VariadicFunction::sum    ? p + q + r
                         : function == schema::VariadicFunction::mean ? (p + q + r) / 3
                         : function == schema::VariadicFunction::max  ? std::max({p, q, r})
                                                                      : std::min({p, q, r}));
    }
    expect_near(t.run(Op::Variadic, {a, b, c}, {y}, attributes)[0], expected);
    expect_near(t.run(Op::Variadic, {a}, {y}, attributes)[0], va);
  }
  Values prelu;
  for (size_t i = 0; i < 6; ++i) prelu.push_back(va[i] < 0 ? va[i] * vb[i % 3] : va[i]);
  expect_near(t.run(Op::PRelu, {a, b}, {y}, schema::NoAttributesT{})[0], prelu);
  Values gelu;
  for (double v : va) gelu.push_back(0.5 * v * (1 + std::erf(v / std::sqrt(2.0))));
  expect_near(t.run(Op::Gelu, {a}, {y}, schema::GeluAttributesT{})[0], gelu);

  schema::MatMulAttributesT gemm;
  gemm.transpose_a = true, gemm.alpha = 0.5f, gemm.beta = 2;
  const TensorId w = t.input("w", {2, 4}), bias = t.input("bias", {4}), product_out = add_value(t.graph, "g", {3, 4});
  const Values vw = t.values(w), vbias = t.values(bias);
  Values expected;
  for (size_t i = 0; i < 12; ++i)
    expected.push_back(0.5 * (va[i / 4] * vw[i % 4] + va[3 + i / 4] * vw[4 + i % 4]) + 2 * vbias[i % 4]);
  expect_near(t.run(Op::Gemm, {a, w, bias}, {product_out}, gemm)[0], expected);

  const TensorId image = t.input("image", {1, 2, 2, 2}), pooled = add_value(t.graph, "p", {1, 2, 1, 1});
  const Values v = t.values(image);
  schema::GlobalPoolAttributesT pool;
  pool.function = schema::PoolFunction::average;
  expect_near(t.run(Op::GlobalPool, {image}, {pooled}, pool)[0],
              {(v[0] + v[1] + v[2] + v[3]) / 4, (v[4] + v[5] + v[6] + v[7]) / 4});
  pool.function = schema::PoolFunction::max;
  EXPECT_EQ(t.run(Op::GlobalPool, {image}, {pooled}, pool)[0][0], std::max({v[0], v[1], v[2], v[3]}));
  pool.function = schema::PoolFunction::lp;
  pool.p = 3;
  double cubes = 0;
  for (size_t i = 0; i < 4; ++i) cubes += std::pow(std::fabs(v[i]), 3);
  EXPECT_NEAR(t.run(Op::GlobalPool, {image}, {pooled}, pool)[0][0], std::cbrt(cubes), 1e-6);
}

TEST(LowerArithmetic, OneHotCountsNegativeIndicesFromTheEnd) {
  for (int64_t axis : {0, 1, -1}) {
    Case t;
    const TensorId indices = add_value(t.graph, "i", {4}, DataType::int64);
    t.inputs[indices] = {0, -1, 2, 7};
    const bool first = axis == 0;
    const TensorId y = add_value(t.graph, "y", first ? Extents{3, 4} : Extents{4, 3});
    schema::OneHotAttributesT a;
    a.axis = axis;
    const TensorId depth = t.graph.add_int64("depth", {3}), values = add_constant(t.graph, "v", {2}, {-1, 5});
    const Values actual = t.run(Op::OneHot, {indices, depth, values}, {y}, a)[0];
    const int64_t hot[4] = {0, 2, 2, -1};
    Values expected;
    for_each_index(t.graph.tensor(y).extents(),
                   [&](const Index& i) { expected.push_back(hot[i[first ? 1 : 0]] == i[first ? 0 : 1] ? 5 : -1); });
    EXPECT_EQ(actual, expected);
  }
}

// ---- attention

struct AttentionShape {
  int64_t batch = 2, heads = 2, kv_heads = 2, queries = 3, keys = 4, size = 2, value_size = 3, past = 0;
};

// Per head, by the definition; tensors as (batch, heads, steps, size), keys and values with the past in front.
Values attention(const AttentionShape& s, const Values& q, const Values& k, const Values& v, double scale,
                 double softcap, const std::function<double(int64_t, int64_t, int64_t, int64_t)>& bias) {
  Values y;
  const int64_t keys = s.keys + s.past;
  for_each_index({s.batch, s.heads, s.queries}, [&](const Index& i) {
    const int64_t group = i[1] / (s.heads / s.kv_heads);
    Values weights;
    double sum = 0;
    for (int64_t t = 0; t < keys; ++t) {
      double dot = 0;
      for (int64_t d = 0; d < s.size; ++d)
        dot += q[static_cast<size_t>(address({i[0], i[1], i[2], d}, {0, s.heads, s.queries, s.size}))] *
               k[static_cast<size_t>(address({i[0], group, t, d}, {0, s.kv_heads, keys, s.size}))];
      dot *= scale;
      if (softcap != 0) dot = softcap * std::tanh(dot / softcap);
      weights.push_back(std::exp(dot + bias(i[0], i[1], i[2], t)));
      sum += weights.back();
    }
    for (int64_t d = 0; d < s.value_size; ++d) {
      double total = 0;
      for (int64_t t = 0; t < keys; ++t)
        total += weights[static_cast<size_t>(t)] / sum *
                 v[static_cast<size_t>(address({i[0], group, t, d}, {0, s.kv_heads, keys, s.value_size}))];
      y.push_back(total);
    }
  });
  return y;
}

// (batch, heads, steps, size) from (batch, steps, heads · size).
Values heads_first(const Values& x, int64_t batch, int64_t steps, int64_t heads, int64_t size) {
  Values y;
  for_each_index({batch, heads, steps, size}, [&](const Index& i) {
    y.push_back(x[static_cast<size_t>(address({i[0], i[2], i[1], i[3]}, {batch, steps, heads, size}))]);
  });
  return y;
}

TEST(LowerArithmetic, AttentionInFourDimensions) {
  for (int variant = 0; variant < 6; ++variant) {
    AttentionShape s;
    if (variant >= 2) s.heads = 4;
    Case t;
    const TensorId q = t.input("q", {s.batch, s.heads, s.queries, s.size}),
                   k = t.input("k", {s.batch, s.kv_heads, s.keys, s.size});
    const TensorId v = t.input("v", {s.batch, s.kv_heads, s.keys, s.value_size});
    const TensorId y = add_value(t.graph, "y", {s.batch, s.heads, s.queries, s.value_size});
    schema::AttentionAttributesT a;
    a.is_causal = variant == 1 || variant == 3;
    a.softcap = variant == 4 ? 2.0f : 0;
    a.scale = variant == 5 ? 0.25f : 0;
    std::vector<TensorId> in{q, k, v};
    if (variant == 3) in.push_back(t.input("mask", {s.queries, s.keys}));
    if (variant == 4) {
      in.push_back(add_value(t.graph, "mask", {1, 1, s.queries, s.keys}, DataType::bool_));
      t.inputs[in[3]] = {1, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0};
    }
    const Values mask = in.size() > 3 ? t.values(in[3]) : Values{};
    const auto bias = [&](int64_t, int64_t, int64_t i, int64_t j) {
      double sum = a.is_causal && j > i ? -INFINITY : 0;
      if (variant == 3) sum += mask[static_cast<size_t>(i * s.keys + j)];
      if (variant == 4 && mask[static_cast<size_t>(i * s.keys + j)] == 0) sum = -INFINITY;
      return sum;
    };
    const double scale = variant == 5 ? 0.25 : 1 / std::sqrt(2.0);
    expect_near(t.run(Op::Attention, in, {y}, a)[0],
                attention(s, t.values(q), t.values(k), t.values(v), scale, static_cast<double>(a.softcap), bias));
  }
}

TEST(LowerArithmetic, AttentionInThreeDimensionsWithAPast) {
  AttentionShape s;
  s.past = 3;
  s.heads = 4;
  Case t;
  const TensorId q = t.input("q", {s.batch, s.queries, s.heads * s.size}),
                 k = t.input("k", {s.batch, s.keys, s.kv_heads * s.size});
  const TensorId v = t.input("v", {s.batch, s.keys, s.kv_heads * s.value_size});
  const TensorId past_k = t.input("pk", {s.batch, s.kv_heads, s.past, s.size}),
                 past_v = t.input("pv", {s.batch, s.kv_heads, s.past, s.value_size});
  const int64_t keys = s.keys + s.past;
  const TensorId y = add_value(t.graph, "y", {s.batch, s.queries, s.heads * s.value_size});
  const TensorId present_k = add_value(t.graph, "k2", {s.batch, s.kv_heads, keys, s.size}),
                 present_v = add_value(t.graph, "v2", {s.batch, s.kv_heads, keys, s.value_size});
  const TensorId scores = add_value(t.graph, "qk", {s.batch, s.heads, s.queries, keys});
  schema::AttentionAttributesT a;
  a.q_num_heads = s.heads, a.kv_num_heads = s.kv_heads, a.is_causal = true, a.qk_matmul_output_mode = 3;
  const auto out = t.run(Op::Attention, {q, k, v, kNone, past_k, past_v}, {y, present_k, present_v, scores}, a);

  const auto joined = [&](TensorId past, TensorId x, int64_t size) {
    const Values before = t.values(past), now = heads_first(t.values(x), s.batch, s.keys, s.kv_heads, size);
    Values all;
    for (int64_t row = 0; row < s.batch * s.kv_heads; ++row) {
      all.insert(all.end(), before.begin() + row * s.past * size, before.begin() + (row + 1) * s.past * size);
      all.insert(all.end(), now.begin() + row * s.keys * size, now.begin() + (row + 1) * s.keys * size);
    }
    return all;
  };
  const Values all_k = joined(past_k, k, s.size), all_v = joined(past_v, v, s.value_size);
  EXPECT_EQ(out[1], all_k);
  EXPECT_EQ(out[2], all_v);
  const auto bias = [&](int64_t, int64_t, int64_t i, int64_t j) { return j > i + s.past ? -INFINITY : 0.0; };
  const Values expected = attention(s, heads_first(t.values(q), s.batch, s.queries, s.heads, s.size), all_k, all_v,
                                    1 / std::sqrt(2.0), 0, bias);
  expect_near(heads_first(out[0], s.batch, s.queries, s.heads, s.value_size), expected);
  double row = 0;
  for (int64_t i = 0; i < keys; ++i) row += out[3][static_cast<size_t>(i)];
  EXPECT_NEAR(row, 1, 1e-9);                            // after the softmax
  EXPECT_EQ(out[3][static_cast<size_t>(keys) - 1], 0);  // the last key is hidden from the first query
}

TEST(LowerArithmetic, RotaryEmbedding) {
  for (bool interleaved : {false, true}) {
    for (bool three : {false, true}) {
      const int64_t batch = 2, heads = 2, steps = 3, size = 6, rotated = 4;
      Case t;
      const TensorId x = three ? t.input("x", {batch, steps, heads * size}) : t.input("x", {batch, heads, steps, size});
      const TensorId cosine = t.input("cos", {5, 2}), sine = t.input("sin", {5, 2});
      const TensorId ids = add_value(t.graph, "ids", {batch, steps}, DataType::int64);
      t.inputs[ids] = {0, 1, 2, 4, 3, 1};
      const TensorId y = add_value(t.graph, "y", t.graph.tensor(x).extents());
      schema::RotaryEmbeddingAttributesT a;
      a.interleaved = interleaved, a.num_heads = heads, a.rotary_embedding_dim = rotated;
      Values actual = t.run(Op::RotaryEmbedding, {x, cosine, sine, ids}, {y}, a)[0], in = t.values(x);
      if (three)
        actual = heads_first(actual, batch, steps, heads, size), in = heads_first(in, batch, steps, heads, size);
      const Values c = t.values(cosine), s = t.values(sine), p = t.values(ids);
      Values expected = in;
      for_each_index({batch, heads, steps, rotated / 2}, [&](const Index& i) {
        const auto row = static_cast<size_t>(address({i[0], i[1], i[2], 0}, {batch, heads, steps, size}));
        const auto at = static_cast<size_t>(i[3]);
        const size_t first = row + (interleaved ? 2 * at : at), second = interleaved ? first + 1 : first + 2;
        const size_t angle = static_cast<size_t>(p[static_cast<size_t>(i[0] * steps + i[2])]) * 2 + at;
        expected[first] = in[first] * c[angle] - in[second] * s[angle];
        expected[second] = in[first] * s[angle] + in[second] * c[angle];
      });
      expect_near(actual, expected);
    }
  }
}

// ---- einsum, by summing over all letters

struct EinsumCase {
  const char* equation;
  std::vector<std::string> inputs;  // with the ellipsis written as capital letters
  std::string output;
};

TEST(LowerArithmetic, Einsum) {
  const std::map<char, int64_t> sizes{{'a', 2}, {'b', 3}, {'c', 4}, {'d', 2}, {'i', 3}, {'j', 4},
                                      {'k', 2}, {'l', 3}, {'X', 2}, {'Y', 3}, {'1', 1}};
  const EinsumCase cases[] = {
      {"ij,jk->ik", {"ij", "jk"}, "ik"},
      {"bij, bjk -> bik", {"bij", "bjk"}, "bik"},
      {"ij->ji", {"ij"}, "ji"},
      {"ij->", {"ij"}, ""},
      {"ii->i", {"ii"}, "i"},
      {"...ii->...i", {"Xii"}, "Xi"},
      {"i,i", {"i", "i"}, ""},
      {"i,j", {"i", "j"}, "ij"},
      {"ab,bc,cd->ad", {"ab", "bc", "cd"}, "ad"},
      {"ijk,jil->kl", {"ijk", "jil"}, "kl"},
      {"...ij,...jk->...ik", {"XYij", "Yjk"}, "XYik"},
      {"b...j,j->b...", {"bXj", "j"}, "bX"},
      {"ab,ab,ab->a", {"ab", "ab", "ab"}, "a"},
      {"kji", {"kji"}, "ijk"},
      {"ij,kl->", {"ij", "kl"}, ""},
      {"...a,...a->...", {"XYa", "1Ya"}, "XY"},
      {"->", {""}, ""},
      {"iij,jk->ik", {"iij", "jk"}, "ik"},
  };
  for (const EinsumCase& c : cases) {
    Case t;
    std::vector<TensorId> in;
    std::string letters;
    for (const std::string& term : c.inputs) {
      Extents extents;
      for (char letter : term) {
        extents.push_back(sizes.at(letter));
        if (letter != '1' && letters.find(letter) == std::string::npos) letters += letter;
      }
      in.push_back(t.input("x" + std::to_string(in.size()), extents));
    }
    Extents out, all;
    for (char letter : c.output) out.push_back(sizes.at(letter));
    for (char letter : letters) all.push_back(sizes.at(letter));
    const TensorId y = add_value(t.graph, "y", out);
    schema::EinsumAttributesT a;
    a.equation = c.equation;
    const Values actual = t.run(Op::Einsum, in, {y}, a)[0];
    Values expected(static_cast<size_t>(product(out)), 0.0);
    for_each_index(all, [&](const Index& index) {
      const auto at = [&](const std::string& term) {
        Index own;
        Extents extents;
        for (char letter : term) {
          own.push_back(letter == '1' ? 0 : index[letters.find(letter)]);
          extents.push_back(sizes.at(letter));
        }
        return static_cast<size_t>(address(own, extents));
      };
      double value = 1;
      for (size_t k = 0; k < in.size(); ++k) value *= t.values(in[k])[at(c.inputs[k])];
      expected[at(c.output)] += value;
    });
    SCOPED_TRACE(c.equation);
    expect_near(actual, expected);
  }
}

TEST(LowerArithmetic, BadEinsumEquationsAreErrors) {
  for (const char* equation : {"ij,jk->ik", "i->j", "ii->ii", "i.j->i", "ij->i?", "ijk->i", "...ij..->"}) {
    Case t;
    const TensorId x = t.input("x", {2, 3}), y = add_value(t.graph, "y", {2});
    schema::EinsumAttributesT a;
    a.equation = equation;
    EXPECT_THROW(t.run(Op::Einsum, {x}, {y}, a), Error) << equation;
  }
}

// ---- fused primitives

TEST(LowerArithmetic, FusedConvolutionBecomesConvAddActivation) {
  Case t;
  const TensorId x = t.input("x", {1, 2, 4, 4}), w = t.constant("w", {3, 2, 3, 3}), b = t.constant("b", {3}),
                 r = t.input("r", {1, 3, 2, 2});
  const TensorId y = add_value(t.graph, "y", {1, 3, 2, 2});
  schema::ConvAttributesT a;
  const Values plain = t.run(Op::Conv, {x, w, b}, {y}, a)[0];
  EXPECT_TRUE(is_plain_primitive(t.graph.nodes[0]));
  a.activation = Activation(0, 6, UnaryFunction::clip);
  Values expected = plain;
  for (size_t i = 0; i < expected.size(); ++i) expected[i] = std::min(std::max(expected[i] + t.values(r)[i], 0.0), 6.0);
  expect_near(t.run(Op::Conv, {x, w, b, r}, {y}, a)[0], expected);
  EXPECT_FALSE(is_plain_primitive(t.graph.nodes[0]));
  const std::vector<Node> nodes = lower(t.graph, t.graph.nodes[0]);
  ASSERT_EQ(nodes.size(), 3u);
  EXPECT_EQ(describe_op(nodes[0]), "Conv");
  EXPECT_EQ(describe_op(nodes[1]), "Binary(add)");
  EXPECT_EQ(describe_op(nodes[2]), "Unary(clip)");
  for (const Node& node : nodes) EXPECT_TRUE(is_plain_primitive(node));

  // A residual without a bias: the bias's place is empty.
  a.activation = {};
  t.run(Op::Conv, {x, w, kNone, r}, {y}, a);
  const std::vector<Node> two = lower(t.graph, t.graph.nodes[0]);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0].inputs, (std::vector<TensorId>{x, w}));
}

TEST(LowerArithmetic, PrimitivesAndControlFlowHaveNoLowering) {
  Graph graph;
  const TensorId x = add_value(graph, "x", {1});
  Node relu = graph.add_node("relu", Op::Unary, {x}, {x}, schema::UnaryAttributesT{});
  Node loop = graph.add_node("loop", Op::Loop, {x}, {x}, schema::LoopAttributesT{});
  for (const Node& node : {relu, loop}) {
    try {
      lower(graph, node);
      FAIL() << node.name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::unsupported);
      EXPECT_NE(std::string(error.what()).find("\"" + node.name + "\""), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace motley::graph
