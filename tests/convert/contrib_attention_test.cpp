// Attention of ONNX Runtime's optimizer, against its definition written out in loops.
#include <algorithm>
#include <functional>

#include "network.hpp"

namespace motley::test {
namespace {

constexpr const char* kDomain = "com.microsoft";
using Values = std::vector<float>;

struct Sizes {
  size_t batch, heads, queries, keys, size, value_size;
};

// Queries (B, S, N·H), keys (B, T, N·H), values (B, T, N·V) gives (B, S, N·V). `added` is what the score of a query and
// a key gets on top.
using Added = std::function<double(size_t b, size_t n, size_t s, size_t t)>;
std::vector<double> attention(const Values& q, const Values& k, const Values& v, const Sizes& z, double scale,
                              const Added& added) {
  std::vector<double> y(z.batch * z.queries * z.heads * z.value_size, 0);
  for (size_t b = 0; b < z.batch; ++b)
    for (size_t n = 0; n < z.heads; ++n)
      for (size_t s = 0; s < z.queries; ++s) {
        std::vector<double> scores(z.keys);
        double greatest = -1e300, sum = 0;
        for (size_t t = 0; t < z.keys; ++t) {
          for (size_t h = 0; h < z.size; ++h)
            scores[t] += static_cast<double>(q[((b * z.queries + s) * z.heads + n) * z.size + h]) *
                         static_cast<double>(k[((b * z.keys + t) * z.heads + n) * z.size + h]);
          scores[t] = scores[t] * scale + added(b, n, s, t);
          greatest = std::max(greatest, scores[t]);
        }
        for (double& score : scores) sum += score = std::exp(score - greatest);
        for (size_t t = 0; t < z.keys; ++t)
          for (size_t h = 0; h < z.value_size; ++h)
            y[((b * z.queries + s) * z.heads + n) * z.value_size + h] +=
                scores[t] / sum * static_cast<double>(v[((b * z.keys + t) * z.heads + n) * z.value_size + h]);
      }
  return y;
}

// x (rows, in) · columns `first` … of W (in, all) + bias.
Values projected(const Values& x, const Values& w, const Values& bias, size_t rows, size_t in, size_t all, size_t first,
                 size_t count) {
  Values y(rows * count);
  for (size_t r = 0; r < rows; ++r)
    for (size_t o = 0; o < count; ++o) {
      double sum = static_cast<double>(bias[first + o]);
      for (size_t i = 0; i < in; ++i)
        sum += static_cast<double>(x[r * in + i]) * static_cast<double>(w[i * all + first + o]);
      y[r * count + o] = static_cast<float>(sum);
    }
  return y;
}

// (B, N, P, H) before (B, S, N·H), as (B, P + S, N·H).
Values appended(const Values& past, const Values& fresh, size_t batch, size_t heads, size_t before, size_t steps,
                size_t size) {
  Values all;
  for (size_t b = 0; b < batch; ++b) {
    for (size_t p = 0; p < before; ++p)
      for (size_t n = 0; n < heads; ++n)
        for (size_t h = 0; h < size; ++h) all.push_back(past[((b * heads + n) * before + p) * size + h]);
    for (size_t i = 0; i < steps * heads * size; ++i) all.push_back(fresh[b * steps * heads * size + i]);
  }
  return all;
}

// (B, T, N·H) as (B, N, T, H).
std::vector<double> by_head(const Values& x, size_t batch, size_t steps, size_t heads, size_t size) {
  std::vector<double> y;
  for (size_t b = 0; b < batch; ++b)
    for (size_t n = 0; n < heads; ++n)
      for (size_t t = 0; t < steps; ++t)
        for (size_t h = 0; h < size; ++h) y.push_back(static_cast<double>(x[((b * steps + t) * heads + n) * size + h]));
  return y;
}

constexpr size_t B = 2, N = 3, S = 4, H = 5, In = 6, V = 2;  // value heads are narrower

struct Projected {
  Values x = some_values(B * S * In, 1), w = some_values(In * (2 * N * H + N * V), 2),
         bias = some_values(2 * N * H + N * V, 3);
  static constexpr size_t all = 2 * N * H + N * V;
  Values q = projected(x, w, bias, B*S, In, all, 0, N*H), k = projected(x, w, bias, B*S, In, all, N*H, N*H),
         v = projected(x, w, bias, B*S, In, all, 2 * N * H, N*V);
  Network network() const {
    Network n("Attention", 17, kDomain);
    n.input({B, S, In}, x).constant({In, all}, w).constant({all}, bias).with("num_heads", static_cast<int>(N));
    n.with("qkv_hidden_sizes", std::vector<int64_t>{N * H, N * H, N * V});
    return n;
  }
};
constexpr Sizes kSizes{B, N, S, S, H, V};
const double kScale = 1 / std::sqrt(static_cast<double>(H));

TEST(ContribAttention, WithoutMask) {
  const Projected p;
  expect_near(p.network().run().values[0], attention(p.q, p.k, p.v, kSizes, kScale, [](auto...) { return 0.0; }));
  expect_near(
      p.network().with("unidirectional", 1).with("scale", 0.7f).run().values[0],
      attention(p.q, p.k, p.v, kSizes, 0.7, [](size_t, size_t, size_t s, size_t t) { return t > s ? -1e9 : 0.0; }));
}

TEST(ContribAttention, MasksOfEveryForm) {
  const Projected p;
  const auto expect = [&](Network&& network, const std::function<bool(size_t, size_t, size_t)>& seen) {
    expect_near(network.run().values[0],
                attention(p.q, p.k, p.v, kSizes, kScale,
                          [&](size_t b, size_t, size_t s, size_t t) { return seen(b, s, t) ? 0.0 : -10000.0; }),
                1e-3);  // beside 10000, a float's digits end there
  };
  expect(std::move(p.network().input({B}, std::vector<int32_t>{4, 2})),
         [](size_t b, size_t, size_t t) { return t < (b == 0 ? 4u : 2u); });
  expect(std::move(p.network().input({2 * B}, std::vector<int32_t>{4, 3, 1, 0})),
         [](size_t b, size_t, size_t t) { return b == 0 ? t >= 1 && t < 4 : t < 3; });
  const std::vector<int32_t> flat{1, 1, 0, 1, 0, 0, 0, 0};  // one sequence is hidden altogether
  expect(std::move(p.network().input({B, S}, flat)), [&](size_t b, size_t, size_t t) { return flat[b * S + t] != 0; });
  std::vector<int32_t> full(B * S * S);
  for (size_t i = 0; i < full.size(); ++i) full[i] = i % 3 != 0;
  expect(std::move(p.network().input({B, S, S}, full)),
         [&](size_t b, size_t s, size_t t) { return full[(b * S + s) * S + t] != 0; });
}

TEST(ContribAttention, PastAndPresent) {
  constexpr size_t P = 3;
  const Values x = some_values(B * S * In, 1), w = some_values(In * 3 * N * H, 2), bias = some_values(3 * N * H, 3),
               past = some_values(2 * B * N * P * H, 4), more = some_values(N * S * (P + S), 5);
  const auto part = [&](size_t i) { return projected(x, w, bias, B * S, In, 3 * N * H, i * N * H, N * H); };
  const Values before_k(past.begin(), past.begin() + B * N * P * H), before_v(past.begin() + B * N * P * H, past.end());
  const Values k = appended(before_k, part(1), B, N, P, S, H), v = appended(before_v, part(2), B, N, P, S, H);
  Network network("Attention", 17, kDomain);
  network.input({B, S, In}, x).constant({In, 3 * N * H}, w).constant({3 * N * H}, bias).absent();
  network.input({2, B, N, P, H}, past).input({1, N, S, P + S}, more);
  network.with("num_heads", static_cast<int>(N)).with("unidirectional", 1).outputs(2);
  const Results results = network.run();
  expect_near(results.values[0],
              attention(part(0), k, v, {B, N, S, P + S, H, H}, kScale, [&](size_t, size_t n, size_t s, size_t t) {
                return static_cast<double>(more[(n * S + s) * (P + S) + t]) + (t > s + P ? -1e9 : 0.0);
              }));
  std::vector<double> present = by_head(k, B, P + S, N, H);
  const std::vector<double> values = by_head(v, B, P + S, N, H);
  present.insert(present.end(), values.begin(), values.end());
  expect_near(results.values[1], present);
  EXPECT_EQ(results.shapes[1], (std::vector<int64_t>{2, B, N, P + S, H}));
}

constexpr size_t L = 5;  // keys of another sequence

TEST(ContribMultiHeadAttention, QueryKeyAndValueWithBiasAndMask) {
  const Values q = some_values(B * S * N * H, 1), k = some_values(B * L * N * H, 2), v = some_values(B * L * N * V, 3),
               bias = some_values(2 * N * H + N * V, 4), more = some_values(B * N * S * L, 5);
  Network network("MultiHeadAttention", 17, kDomain);
  network.input({B, S, N * H}, q).input({B, L, N * H}, k).input({B, L, N * V}, v);
  network.constant({2 * N * H + N * V}, bias).input({B}, std::vector<int32_t>{5, 3}).input({B, N, S, L}, more);
  network.with("num_heads", static_cast<int>(N)).with("mask_filter_value", -1e4f);
  const auto biased = [&](Values x, size_t first, size_t width) {
    for (size_t i = 0; i < x.size(); ++i) x[i] += bias[first + i % width];
    return x;
  };
  expect_near(network.run().values[0],
              attention(biased(q, 0, N * H), biased(k, N * H, N * H), biased(v, 2 * N * H, N * V), {B, N, S, L, H, V},
                        kScale, [&](size_t b, size_t n, size_t s, size_t t) {
                          return static_cast<double>(more[((b * N + n) * S + s) * L + t]) +
                                 (t >= (b == 0 ? 5u : 3u) ? -1e4 : 0.0);
                        }));
}

TEST(ContribMultiHeadAttention, PackedForms) {
  const Values q = some_values(B * S * N * H, 1), k = some_values(B * S * N * H, 2), v = some_values(B * S * N * H, 3);
  const auto expected = attention(q, k, v, {B, N, S, S, H, H}, kScale, [](auto...) { return 0.0; });
  Values all, pair;
  for (size_t row = 0; row < B * S * N; ++row)
    for (const Values* each : {&q, &k, &v})
      for (size_t h = 0; h < H; ++h) {
        all.push_back((*each)[row * H + h]);
        if (each != &q) pair.push_back(all.back());
      }
  Network packed("MultiHeadAttention", 17, kDomain);
  packed.input({B, S, N, 3, H}, all).with("num_heads", static_cast<int>(N));
  expect_near(packed.run().values[0], expected);
  Network keys("MultiHeadAttention", 17, kDomain);
  keys.input({B, S, N * H}, q).input({B, S, N, 2, H}, pair).with("num_heads", static_cast<int>(N));
  expect_near(keys.run().values[0], expected);
}

TEST(ContribMultiHeadAttention, KeysOfAnEncoderByHead) {
  const Values q = some_values(B * S * N * H, 1), k = some_values(B * L * N * H, 2), v = some_values(B * L * N * H, 3),
               bias = some_values(3 * N * H, 4);
  const auto floats = [](const std::vector<double>& x) { return Values(x.begin(), x.end()); };
  Network network("MultiHeadAttention", 17, kDomain);
  network.input({B, S, N * H}, q).input({B, N, L, H}, floats(by_head(k, B, L, N, H)));
  network.input({B, N, L, H}, floats(by_head(v, B, L, N, H))).constant({3 * N * H}, bias);
  network.with("num_heads", static_cast<int>(N));
  Values biased = q;  // keys and values have theirs already
  for (size_t i = 0; i < biased.size(); ++i) biased[i] += bias[i % (N * H)];
  expect_near(network.run().values[0],
              attention(biased, k, v, {B, N, S, L, H, H}, kScale, [](auto...) { return 0.0; }));
}

TEST(ContribMultiHeadAttention, PastAndPresent) {
  constexpr size_t P = 2;
  const Values q = some_values(B * S * N * H, 1), k = some_values(B * S * N * H, 2), v = some_values(B * S * N * H, 3),
               past_k = some_values(B * N * P * H, 4), past_v = some_values(B * N * P * H, 5);
  Network network("MultiHeadAttention", 17, kDomain);
  network.input({B, S, N * H}, q).input({B, S, N * H}, k).input({B, S, N * H}, v).absent().absent().absent();
  network.input({B, N, P, H}, past_k).input({B, N, P, H}, past_v);
  network.with("num_heads", static_cast<int>(N)).with("unidirectional", 1).outputs(3);
  const Values keys = appended(past_k, k, B, N, P, S, H), values = appended(past_v, v, B, N, P, S, H);
  const Results results = network.run();
  expect_near(results.values[0], attention(q, keys, values, {B, N, S, P + S, H, H}, kScale,
                                           [](size_t, size_t, size_t s, size_t t) { return t > s + P ? -1e9 : 0.0; }));
  expect_near(results.values[1], by_head(keys, B, P + S, N, H));
  expect_near(results.values[2], by_head(values, B, P + S, N, H));
}

TEST(ContribMultiHeadAttention, WhatIsRefused) {
  Network lengths("MultiHeadAttention", 17, kDomain);
  lengths.input({B, S, N * H}, some_values(B * S * N * H, 1)).input({B, L, N * H}, some_values(B * L * N * H, 2));
  lengths.input({B, L, N * H}, some_values(B * L * N * H, 2)).with("num_heads", 3).with("unidirectional", 1).outputs(1);
  EXPECT_NE(error_of(lengths.model(), ErrorCode::unsupported).find("different lengths"), std::string::npos);
}

}  // namespace
}  // namespace motley::test
