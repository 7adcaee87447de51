// What else ONNX Runtime's optimizer writes, against its definition written out in loops.
#include <algorithm>

#include "network.hpp"

namespace motley::test {
namespace {

constexpr const char* kDomain = "com.microsoft";
using Values = std::vector<float>;
using Doubles = std::vector<double>;

double gelu(double x) { return x / 2 * (1 + std::erf(x / std::sqrt(2.0))); }
double fast_gelu(double x) { return x / 2 * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))); }

Doubles wide(const Values& x) { return Doubles(x.begin(), x.end()); }

// Rows of `width` normalized, times scale, plus bias; without centring for the simplified form.
struct Normalized {
  Doubles y, mean, inverse;
};
Normalized normalized(const Doubles& x, const Values& scale, const Values& bias, double epsilon, bool centre) {
  const size_t width = scale.size();
  Normalized result;
  for (size_t row = 0; row < x.size(); row += width) {
    double mean = 0, square = 0;
    for (size_t i = 0; centre && i < width; ++i) mean += x[row + i] / static_cast<double>(width);
    for (size_t i = 0; i < width; ++i) square += (x[row + i] - mean) * (x[row + i] - mean) / static_cast<double>(width);
    result.mean.push_back(mean);
    result.inverse.push_back(1 / std::sqrt(square + epsilon));
    for (size_t i = 0; i < width; ++i)
      result.y.push_back((x[row + i] - mean) * result.inverse.back() * static_cast<double>(scale[i]) +
                         (bias.empty() ? 0 : static_cast<double>(bias[i])));
  }
  return result;
}

TEST(ContribNorm, SkipLayerNormalization) {
  const Values x = some_values(2 * 3 * 7, 1), skip = some_values(3 * 7, 2), scale = some_values(7, 3),
               beta = some_values(7, 4), bias = some_values(7, 5);
  Doubles sum;
  for (size_t i = 0; i < x.size(); ++i)
    sum.push_back(static_cast<double>(x[i]) + static_cast<double>(skip[i % skip.size()]) +
                  static_cast<double>(bias[i % 7]));
  Network full("SkipLayerNormalization", 17, kDomain);
  full.input({2, 3, 7}, x).input({3, 7}, skip).constant({7}, scale).constant({7}, beta).constant({7}, bias);
  const Results results = full.with("epsilon", 0.01f).outputs(4).run();
  const Normalized expected = normalized(sum, scale, beta, 0.01, true);
  expect_near(results.values[0], expected.y);
  expect_near(results.values[1], expected.mean);
  expect_near(results.values[2], expected.inverse);
  expect_near(results.values[3], sum);
  Network simple("SkipSimplifiedLayerNormalization", 17, kDomain);
  simple.input({2, 3, 7}, x).input({3, 7}, skip).constant({7}, scale).constant({7}, bias).with("epsilon", 0.01f);
  const Results more = simple.output("y").output("").output("").output("sum").run();
  expect_near(more.values[0], normalized(sum, scale, {}, 0.01, false).y);
  expect_near(more.values[1], sum);
}

TEST(ContribNorm, LayerNormalizationBeforeItWasStandard) {
  const Values x = some_values(2 * 5, 1), scale = some_values(5, 2), bias = some_values(5, 3);
  Network layer("LayerNormalization", 12);
  layer.input({2, 5}, x).constant({5}, scale).constant({5}, bias).with("axis", -1).with("epsilon", 0.1f);
  expect_near(layer.run().values[0], normalized(wide(x), scale, bias, 0.1, true).y);
  Network simplified("SimplifiedLayerNormalization", 12);
  simplified.input({2, 5}, x).constant({5}, scale).with("axis", -1).with("epsilon", 0.1f).with("stash_type", 1);
  const Results results = simplified.outputs(2).run();
  const Normalized expected = normalized(wide(x), scale, {}, 0.1, false);
  expect_near(results.values[0], expected.y);
  expect_near(results.values[1], expected.inverse);
}

TEST(ContribNorm, EmbedLayerNormalization) {
  constexpr size_t W = 4;
  const std::vector<int32_t> ids{3, 0, 2, 1, 1, 4}, segments{0, 0, 1, 1, 0, 1}, mask{1, 1, 0, 1, 1, 1};
  const Values words = some_values(5 * W, 1), places = some_values(9 * W, 2), kinds = some_values(2 * W, 3),
               scale = some_values(W, 4), bias = some_values(W, 5);
  Doubles sum;
  for (size_t i = 0; i < ids.size(); ++i)
    for (size_t w = 0; w < W; ++w)
      sum.push_back(static_cast<double>(words[static_cast<size_t>(ids[i]) * W + w]) +
                    static_cast<double>(places[i % 3 * W + w]) +
                    static_cast<double>(kinds[static_cast<size_t>(segments[i]) * W + w]));
  Network network("EmbedLayerNormalization", 17, kDomain);
  network.input({2, 3}, ids).input({2, 3}, segments).constant({5, W}, words).constant({9, W}, places);
  network.constant({2, W}, kinds).constant({W}, scale).constant({W}, bias).input({2, 3}, mask).with("epsilon", 0.01f);
  const Results results = network.outputs(3).run();
  expect_near(results.values[0], normalized(sum, scale, bias, 0.01, true).y);
  expect_near(results.values[1], Doubles{2, 3});
  expect_near(results.values[2], sum);
  Network bare("EmbedLayerNormalization", 17, kDomain);  // DistilBERT: no segments
  bare.input({2, 3}, ids).absent().constant({5, W}, words).constant({9, W}, places).absent();
  bare.constant({W}, scale).constant({W}, bias).with("epsilon", 0.01f).outputs(2);
  for (size_t i = 0; i < sum.size(); ++i)
    sum[i] -= static_cast<double>(kinds[static_cast<size_t>(segments[i / W]) * W + i % W]);
  const Results less = bare.run();
  expect_near(less.values[0], normalized(sum, scale, bias, 0.01, true).y);
  expect_near(less.values[1], Doubles{0, 0});
}

TEST(ContribNorm, GroupNormOfChannelsThatComeLast) {
  constexpr size_t pixels = 6, C = 4, groups = 2;
  const Values x = some_values(pixels * C, 1), scale = some_values(C, 2), bias = some_values(C, 3),
               skip = some_values(C, 4);
  const auto expected = [&](const Doubles& in, bool swish) {
    Doubles y(in.size());
    for (size_t g = 0; g < groups; ++g) {
      double mean = 0, square = 0;
      const double count = pixels * C / groups;
      const auto each = [&](auto&& visit) {
        for (size_t p = 0; p < pixels; ++p)
          for (size_t c = g * C / groups; c < (g + 1) * C / groups; ++c) visit(p * C + c, c);
      };
      each([&](size_t i, size_t) { mean += in[i] / count; });
      each([&](size_t i, size_t) { square += (in[i] - mean) * (in[i] - mean) / count; });
      each([&](size_t i, size_t c) {
        y[i] = (in[i] - mean) / std::sqrt(square + 0.01) * static_cast<double>(scale[c]) + static_cast<double>(bias[c]);
        if (swish) y[i] /= 1 + std::exp(-y[i]);
      });
    }
    return y;
  };
  for (const bool swish : {false, true}) {
    Network network("GroupNorm", 17, kDomain);
    network.input({1, 2, 3, C}, x).constant({C}, scale).constant({C}, bias).with("epsilon", 0.01f);
    network.with("groups", 2).with("activation", swish ? 1 : 0);
    expect_near(network.run().values[0], expected(wide(x), swish));
    Network added("SkipGroupNorm", 17, kDomain);
    added.input({1, 2, 3, C}, x).constant({C}, scale).constant({C}, bias).input({1, C}, skip).with("epsilon", 0.01f);
    added.with("groups", 2).with("activation", swish ? 1 : 0).outputs(2);
    Doubles sum = wide(x);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(skip[i % C]);
    const Results results = added.run();
    expect_near(results.values[0], expected(sum, swish));
    expect_near(results.values[1], sum);
  }
}

TEST(ContribFused, Gelus) {
  const Values x = some_values(2 * 3 * 4, 1), bias = some_values(4, 2), skip = some_values(2 * 3 * 4, 3);
  Doubles biased, added, split;
  for (size_t i = 0; i < x.size(); ++i) {
    const double sum = static_cast<double>(x[i]) + static_cast<double>(bias[i % 4]);
    biased.push_back(gelu(sum));
    added.push_back(sum + static_cast<double>(skip[i]));
    if (i % 4 < 2) split.push_back(sum * gelu(static_cast<double>(x[i + 2]) + static_cast<double>(bias[i % 4 + 2])));
  }
  expect_near(Network("BiasGelu", 17, kDomain).input({2, 3, 4}, x).constant({4}, bias).run().values[0], biased);
  expect_near(
      Network("BiasAdd", 17, kDomain).input({2, 3, 4}, x).constant({4}, bias).input({2, 3, 4}, skip).run().values[0],
      added);
  expect_near(Network("BiasDropout", 17, kDomain)
                  .input({2, 3, 4}, x)
                  .constant({4}, bias)
                  .input({2, 3, 4}, skip)
                  .run()
                  .values[0],
              added);
  expect_near(Network("BiasSplitGelu", 17, kDomain).input({2, 3, 4}, x).constant({4}, bias).run().values[0], split);
}

TEST(ContribFused, BiasSoftmaxOverSeveralDimensions) {
  const Values x = some_values(2 * 3 * 4, 1), bias = some_values(3 * 4, 2);
  Network network("BiasSoftmax", 17, kDomain);
  network.input({2, 3, 4}, x).input({1, 3, 4}, bias).with("axis", 1).with("is_inner_broadcast", 0);
  Doubles expected;
  for (size_t row = 0; row < 2; ++row) {
    double sum = 0;
    for (size_t i = 0; i < 12; ++i)
      sum += std::exp(static_cast<double>(x[row * 12 + i]) + static_cast<double>(bias[i]));
    for (size_t i = 0; i < 12; ++i)
      expected.push_back(std::exp(static_cast<double>(x[row * 12 + i]) + static_cast<double>(bias[i])) / sum);
  }
  expect_near(network.run().values[0], expected);
}

TEST(ContribFused, GemmWithAnActivation) {
  const Values a = some_values(2 * 3, 1), w = some_values(4 * 3, 2), bias = some_values(4, 3);
  const auto expected = [&](double alpha, double beta, auto&& activation) {
    Doubles y;
    for (size_t i = 0; i < 2; ++i)
      for (size_t j = 0; j < 4; ++j) {
        double sum = 0;
        for (size_t k = 0; k < 3; ++k) sum += static_cast<double>(a[i * 3 + k]) * static_cast<double>(w[j * 3 + k]);
        y.push_back(activation(alpha * sum + beta * static_cast<double>(bias[j])));
      }
    return y;
  };
  const auto network = [&](const char* activation) {
    Network n("FusedGemm", 17, kDomain);
    n.input({2, 3}, a).constant({4, 3}, w).constant({4}, bias).with("transB", 1).with("alpha", 2.0f).with("beta", 0.5f);
    return std::move(n.with("activation", activation));
  };
  expect_near(network("LeakyRelu").with("activation_alpha", 0.2f).run().values[0],
              expected(2, 0.5, [](double v) { return v < 0 ? 0.2 * v : v; }));
  expect_near(network("LeakyRelu").run().values[0], expected(2, 0.5, [](double v) { return v < 0 ? 0.01 * v : v; }));
  expect_near(network("HardSigmoid").with("activation_alpha", 0.3f).run().values[0],
              expected(2, 0.5, [](double v) { return std::clamp(0.3 * v + 0.5, 0.0, 1.0); }));
  Network transposed("GemmFastGelu", 17, kDomain);
  Values columns(12);
  for (size_t j = 0; j < 4; ++j)
    for (size_t k = 0; k < 3; ++k) columns[k * 4 + j] = w[j * 3 + k];
  expect_near(transposed.input({2, 3}, a).constant({3, 4}, columns).constant({4}, bias).run().values[0],
              expected(1, 1, fast_gelu));
}

// y (1, 3, 3, M) of x (1, 4, 4, C) and w (M, C, 2, 2), channels last.
Doubles nhwc_conv(const Values& x, const Values& w, const Values& bias, size_t C, size_t M) {
  Doubles y;
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j < 3; ++j)
      for (size_t m = 0; m < M; ++m) {
        double sum = static_cast<double>(bias[m]);
        for (size_t c = 0; c < C; ++c)
          for (size_t p = 0; p < 2; ++p)
            for (size_t q = 0; q < 2; ++q)
              sum += static_cast<double>(x[((i + p) * 4 + j + q) * C + c]) *
                     static_cast<double>(w[((m * C + c) * 2 + p) * 2 + q]);
        y.push_back(sum);
      }
  return y;
}

TEST(ContribFused, ConvolutionsOfChannelsThatComeLast) {
  constexpr size_t C = 3, M = 5;
  const Values x = some_values(16 * C, 1), w = some_values(M * C * 4, 2), bias = some_values(M, 3),
               more = some_values(9 * M, 4);
  Doubles expected = nhwc_conv(x, w, bias, C, M);
  Network plain("NhwcConv", 17, kDomain);
  plain.input({1, 4, 4, C}, x).constant({M, C, 2, 2}, w).constant({M}, bias);
  expect_near(plain.with("kernel_shape", std::vector<int64_t>{2, 2}).run().values[0], expected);
  Values last(w.size());
  for (size_t m = 0; m < M; ++m)
    for (size_t c = 0; c < C; ++c)
      for (size_t p = 0; p < 4; ++p) last[(m * 4 + p) * C + c] = w[(m * C + c) * 4 + p];
  Network moved("NhwcConv", 17, kDomain);
  moved.input({1, 4, 4, C}, x).constant({M, 2, 2, C}, last).constant({M}, bias);
  expect_near(moved.with("kernel_shape", std::vector<int64_t>{2, 2}).run().values[0], expected);
  for (size_t i = 0; i < expected.size(); ++i) expected[i] = std::max(0.0, expected[i] + static_cast<double>(more[i]));
  Network fused("NhwcFusedConv", 17, kDomain);
  fused.input({1, 4, 4, C}, x).constant({M, C, 2, 2}, w).constant({M}, bias).input({1, 3, 3, M}, more);
  expect_near(fused.with("activation", "Relu").run().values[0], expected);
  Network unclear("NhwcConv", 17, kDomain);
  unclear.input({1, 4, 4, 2}, some_values(32, 1)).constant({1, 2, 2, 2}, some_values(8, 2)).outputs(1);
  EXPECT_NE(error_of(unclear.model(), ErrorCode::unsupported).find("layout"), std::string::npos);
}

TEST(ContribFused, SmallOnes) {
  const Values a = some_values(3 * 2, 1), b = some_values(4 * 2, 2);
  Doubles squares, roots;
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j < 4; ++j) {
      double sum = 0;
      for (size_t k = 0; k < 2; ++k) {
        const double d = static_cast<double>(a[i * 2 + k]) - static_cast<double>(b[j * 2 + k]);
        sum += d * d;
      }
      squares.push_back(sum);
      roots.push_back(std::sqrt(sum));
    }
  expect_near(Network("CDist", 17, kDomain).input({3, 2}, a).input({4, 2}, b).run().values[0], squares);
  expect_near(
      Network("CDist", 17, kDomain).input({3, 2}, a).input({4, 2}, b).with("metric", "euclidean").run().values[0],
      roots);
  const Results expanded = Network("ExpandDims", 17, kDomain).input({3, 2}, a).constant({1}, true).run();
  EXPECT_EQ(expanded.shapes[0], (std::vector<int64_t>{3, 1, 2}));
  const Results padded =
      Network("Pad", 17, kDomain).input({2}, Values{1, 2}).constant({1, 2}).constant({1}, Values{7}).run();
  expect_near(padded.values[0], Doubles{7, 1, 2, 7, 7});
  expect_near(Network("Range", 17, kDomain).constant({2}, true).constant({5}, true).run().values[0], Doubles{2, 3, 4});
  expect_near(Network("Trilu", 17, kDomain).input({2, 2}, Values{1, 2, 3, 4}).run().values[0], Doubles{1, 2, 0, 4});
  Network pool("NhwcMaxPool", 17, kDomain);
  pool.constant_bytes({1, 2, 2, 2}, {1, 20, 3, 40, 50, 6, 7, 8}).with("kernel_shape", std::vector<int64_t>{2, 2});
  expect_near(pool.run().values[0], Doubles{50, 40});
  Network sum("ReduceSumInteger", 17, kDomain);
  sum.constant_bytes({2, 2}, {200, 100, 255, 255}).with("axes", std::vector<int64_t>{1}).with("keepdims", 0);
  expect_near(sum.run().values[0], Doubles{300, 510});
  Network transposed("ConvTransposeWithDynamicPads", 17, kDomain);
  transposed.input({1, 1, 1, 3}, Values{1, 2, 3}).constant({1, 1, 1, 2}, Values{1, 10}).constant({0, 1, 0, 0});
  expect_near(transposed.run().values[0], Doubles{12, 23, 30});
}

// Weights of a few bits, in blocks of 16 that end in the middle of the last one.
void expect_nbits(int64_t bits, int zero_points, bool bias) {
  constexpr int64_t N = 3, K = 40, block = 16, per_row = 3;
  const Values x = some_values(2 * K, 1), scales = some_values(N * per_row, 2), added = some_values(N, 3),
               plain = some_values(N * per_row, 4);
  const int64_t blob = block * bits / 8, zero_bytes = (per_row * bits + 7) / 8;
  std::vector<uint8_t> weights(N * per_row * blob), zeros(static_cast<size_t>(N * zero_bytes));
  uint32_t state = 99;
  for (auto* bytes : {&weights, &zeros})
    for (uint8_t& byte : *bytes) byte = static_cast<uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  const auto bits_at = [&](const std::vector<uint8_t>& bytes, int64_t first_byte, int64_t i) {
    int value = 0;
    for (int64_t b = 0; b < bits; ++b) {
      const int64_t bit = i * bits + b;
      value |= (bytes[static_cast<size_t>(first_byte + bit / 8)] >> (bit % 8) & 1) << b;
    }
    return value;
  };
  Doubles expected;
  for (size_t row = 0; row < 2; ++row)
    for (int64_t n = 0; n < N; ++n) {
      double sum = bias ? static_cast<double>(added[static_cast<size_t>(n)]) : 0;
      for (int64_t k = 0; k < K; ++k) {
        const int64_t at = n * per_row + k / block;
        const double zero = zero_points == 0   ? 1 << (bits - 1)
                            : zero_points == 1 ? bits_at(zeros, n * zero_bytes, k / block)
                                               : static_cast<double>(plain[static_cast<size_t>(at)]);
        sum += static_cast<double>(x[row * K + static_cast<size_t>(k)]) *
               (bits_at(weights, at * blob, k % block) - zero) * static_cast<double>(scales[static_cast<size_t>(at)]);
      }
      expected.push_back(sum);
    }
  Network network("MatMulNBits", 17, kDomain);
  network.input({2, K}, x).constant_bytes({N, per_row, blob}, weights).constant({N, per_row}, scales);
  if (zero_points == 0) network.absent();
  if (zero_points == 1) network.constant_bytes({N, zero_bytes}, zeros);
  if (zero_points == 2) network.constant({N, per_row}, plain);
  if (bias) network.absent().constant({N}, added);
  network.with("N", N).with("K", K).with("bits", bits).with("block_size", block);
  expect_near(network.run().values[0], expected, 1e-4);
}

TEST(ContribNBits, WeightsOfEveryWidth) {
  for (int64_t bits : {2, 4, 8})
    for (int zero_points : {0, 1, 2}) {
      SCOPED_TRACE(std::to_string(bits) + " bits, zero points of kind " + std::to_string(zero_points));
      expect_nbits(bits, zero_points, bits == 4);
    }
}

TEST(ContribNBits, SizesThatDoNotFit) {
  Network network("MatMulNBits", 17, kDomain);
  network.input({2, 32}, some_values(64, 1))
      .constant_bytes({1, 2, 7}, std::vector<uint8_t>(14))
      .constant({1, 2}, {1, 1});
  network.with("N", 1).with("K", 32).with("bits", 4).with("block_size", 16).outputs(1);
  EXPECT_NE(error_of(network.model(), ErrorCode::invalid_model).find("14 bytes (expected 16)"), std::string::npos);
}

}  // namespace
}  // namespace motley::test
