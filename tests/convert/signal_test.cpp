// Signals, losses and whole matrices, against their definition written out in loops.
#include <algorithm>
#include <complex>
#include <numbers>

#include "network.hpp"

namespace motley::test {
namespace {

using Values = std::vector<float>;
using Doubles = std::vector<double>;
using Complex = std::complex<double>;

std::vector<Complex> dft(const std::vector<Complex>& x, size_t length, bool inverse) {
  std::vector<Complex> y(length);
  for (size_t k = 0; k < length; ++k)
    for (size_t n = 0; n < std::min(length, x.size()); ++n)
      y[k] += x[n] * std::polar(inverse ? 1.0 / static_cast<double>(length) : 1.0,
                                (inverse ? 2 : -2) * std::numbers::pi * static_cast<double>(k * n) /
                                    static_cast<double>(length));
  return y;
}

TEST(Signal, DftAlongAnyAxis) {
  const Values x = some_values(3 * 7 * 2 * 2, 1);  // (3, 7, 2) complex numbers, along the second dimension
  for (const bool inverse : {false, true})
    for (const int64_t length : {7, 10, 4}) {
      Doubles expected(static_cast<size_t>(3 * length * 2 * 2));
      for (size_t i = 0; i < 3; ++i)
        for (size_t j = 0; j < 2; ++j) {
          std::vector<Complex> line;
          for (size_t n = 0; n < 7; ++n) {
            const size_t at = ((i * 7 + n) * 2 + j) * 2;
            line.emplace_back(static_cast<double>(x[at]), static_cast<double>(x[at + 1]));
          }
          const auto y = dft(line, static_cast<size_t>(length), inverse);
          for (size_t k = 0; k < y.size(); ++k) {
            const size_t at = ((i * y.size() + k) * 2 + j) * 2;
            expected[at] = y[k].real();
            expected[at + 1] = y[k].imag();
          }
        }
      Network old("DFT", 17);
      old.input({3, 7, 2, 2}, x).constant({length}, true).with("axis", 1).with("inverse", inverse ? 1 : 0);
      const Results results = old.run();
      expect_near(results.values[0], expected);
      EXPECT_EQ(results.shapes[0], (std::vector<int64_t>{3, length, 2, 2}));
      Network now("DFT", 20);
      now.input({3, 7, 2, 2}, x).constant({length}, true).constant({-3}, true).with("inverse", inverse ? 1 : 0);
      expect_near(now.run().values[0], expected);
    }
}

TEST(Signal, DftOfRealNumbersAndBack) {
  for (const size_t count : {8, 9}) {
    const Values x = some_values(count, 2);
    const auto n = static_cast<int64_t>(count), half = n / 2 + 1;
    const auto spectrum = dft(std::vector<Complex>(x.begin(), x.end()), count, false);
    Doubles expected;
    Values given;
    for (int64_t k = 0; k < half; ++k)
      for (double part : {spectrum[static_cast<size_t>(k)].real(), spectrum[static_cast<size_t>(k)].imag()}) {
        expected.push_back(part);
        given.push_back(static_cast<float>(part));
      }
    expect_near(Network("DFT", 20).input({1, n, 1}, x).with("onesided", 1).run().values[0], expected);
    Network back("DFT", 20);
    back.input({1, half, 2}, given).constant({n}, true).with("onesided", 1).with("inverse", 1);
    const Results results = back.run();
    EXPECT_EQ(results.shapes[0], (std::vector<int64_t>{1, n, 1}));
    expect_near(results.values[0], Doubles(x.begin(), x.end()));
  }
}

TEST(Signal, StftOfWindowedFrames) {
  constexpr size_t samples = 23, length = 6, step = 4, frames = 1 + (samples - length) / step, bins = length / 2 + 1;
  const Values x = some_values(2 * samples, 1), window = some_values(length, 2);
  Doubles expected;
  for (size_t b = 0; b < 2; ++b)
    for (size_t f = 0; f < frames; ++f) {
      std::vector<Complex> frame;
      for (size_t n = 0; n < length; ++n)
        frame.emplace_back(static_cast<double>(x[b * samples + f * step + n]) * static_cast<double>(window[n]), 0);
      const auto y = dft(frame, length, false);
      for (size_t k = 0; k < bins; ++k) {
        expected.push_back(y[k].real());
        expected.push_back(y[k].imag());
      }
    }
  Network network("STFT", 17);
  network.input({2, samples, 1}, x).constant({step}, true).constant({length}, window).constant({length}, true);
  const Results results = network.run();
  EXPECT_EQ(results.shapes[0], (std::vector<int64_t>{2, frames, bins, 2}));
  expect_near(results.values[0], expected);
}

TEST(Signal, Windows) {
  for (const bool periodic : {true, false}) {
    Doubles hann, hamming, blackman;
    for (int n = 0; n < 10; ++n) {
      const double angle = 2 * std::numbers::pi * n / (periodic ? 10 : 9);
      hann.push_back(0.5 - 0.5 * std::cos(angle));
      hamming.push_back(25.0 / 46 - 21.0 / 46 * std::cos(angle));
      blackman.push_back(0.42 - 0.5 * std::cos(angle) + 0.08 * std::cos(2 * angle));
    }
    const auto window = [&](const char* op) {
      return Network(op, 17).constant({10}, true).with("periodic", periodic ? 1 : 0).run().values[0];
    };
    expect_near(window("HannWindow"), hann);
    expect_near(window("HammingWindow"), hamming);
    expect_near(window("BlackmanWindow"), blackman);
  }
  EXPECT_EQ(Network("HannWindow", 17).input({}, std::vector<int32_t>{5}).run().values[0].size(), 5u);  // known when run
}

TEST(Signal, MelFiltersAreTriangles) {
  Network network("MelWeightMatrix", 17);
  network.constant({8}, true)
      .constant({16}, true)
      .constant({8192}, true)
      .constant({}, Values{0})
      .constant({}, Values{4096});
  const Results results = network.run();
  EXPECT_EQ(results.shapes[0], (std::vector<int64_t>{9, 8}));
  // Corners on the mel scale: 0, then 2595·log10(1 + 4096/700) / 10 apart; in bins 17·f/8192, rounded down.
  std::vector<int> corners;
  for (int i = 0; i < 10; ++i)
    corners.push_back(static_cast<int>(17 * 700 * (std::pow(1 + 4096.0 / 700, i / 10.0) - 1) / 8192));
  for (int i = 0; i < 8; ++i)
    for (int row = 0; row < 9; ++row) {
      const int left = corners[i], centre = corners[i + 1], right = corners[i + 2];
      double expected = 0;
      if (row == centre && (centre > left || right == centre)) expected = 1;
      else if (row >= left && row < centre) expected = static_cast<double>(row - left) / (centre - left);
      else if (row >= centre && row < right) expected = static_cast<double>(right - row) / (right - centre);
      EXPECT_NEAR(results.values[0][static_cast<size_t>(row * 8 + i)], expected, 1e-6) << row << ", " << i;
    }
}

// x (N, C, D), targets (N, D).
struct Loss {
  size_t N = 3, C = 5, D = 2;
  Values x = some_values(N * C * D, 1), weight = some_values(C, 2);
  std::vector<int64_t> target{0, 4, 2, -1, 1, 1};
  Doubles log_softmax() const {
    Doubles y;
    for (size_t n = 0; n < N; ++n)
      for (size_t c = 0; c < C; ++c)
        for (size_t d = 0; d < D; ++d) {
          double sum = 0;
          for (size_t k = 0; k < C; ++k) sum += std::exp(static_cast<double>(x[(n * C + k) * D + d]));
          y.push_back(static_cast<double>(x[(n * C + c) * D + d]) - std::log(sum));
        }
    return y;
  }
  Doubles of(const Doubles& logs, const std::string& reduction, bool weighted, int64_t ignored) const {
    Doubles losses;
    double sum = 0, weights = 0;
    for (size_t i = 0; i < target.size(); ++i) {
      const auto at = static_cast<size_t>(target[i]);
      const bool counts = target[i] != ignored;
      const double w = !counts ? 0 : weighted ? static_cast<double>(weight[at]) : 1;
      losses.push_back(counts ? -w * logs[(i / D * C + at) * D + i % D] : 0);
      sum += losses.back();
      weights += w;
    }
    if (reduction == "none") return losses;
    return {reduction == "sum" ? sum : sum / weights};
  }
};

TEST(Losses, OfEveryReduction) {
  const Loss l;
  for (const char* reduction : {"none", "sum", "mean"})
    for (const bool weighted : {false, true}) {
      SCOPED_TRACE(std::string(reduction) + (weighted ? ", weighted" : ""));
      Network nll("NegativeLogLikelihoodLoss", 13), cross("SoftmaxCrossEntropyLoss", 13);
      for (Network* network : {&nll, &cross}) {
        network->input({3, 5, 2}, l.x).input({3, 2}, l.target);
        if (weighted) network->constant({5}, l.weight);
        network->with("reduction", reduction).with("ignore_index", -1);
      }
      expect_near(nll.run().values[0], l.of(Doubles(l.x.begin(), l.x.end()), reduction, weighted, -1));
      const Results results = cross.outputs(2).run();
      expect_near(results.values[0], l.of(l.log_softmax(), reduction, weighted, -1));
      expect_near(results.values[1], l.log_softmax());
    }
  Loss whole;
  whole.target[3] = 3;
  Network plain("NegativeLogLikelihoodLoss", 12);
  plain.input({3, 5, 2}, whole.x).input({3, 2}, whole.target);
  expect_near(plain.run().values[0], whole.of(Doubles(whole.x.begin(), whole.x.end()), "mean", false, -7));
}

double determinant(const Doubles& a, size_t m) {  // along the first row
  if (m == 1) return a[0];
  double sum = 0;
  for (size_t column = 0; column < m; ++column) {
    Doubles minor;
    for (size_t i = 1; i < m; ++i)
      for (size_t j = 0; j < m; ++j)
        if (j != column) minor.push_back(a[i * m + j]);
    sum += (column % 2 == 0 ? 1 : -1) * a[column] * determinant(minor, m - 1);
  }
  return sum;
}

TEST(Matrices, Determinants) {
  for (const size_t m : {1, 2, 3, 6}) {
    Values x = some_values(6 * m * m, static_cast<uint32_t>(m));
    for (size_t i = 0; i < m; ++i) x[m * m + i] = 0;                              // a row of zeros
    if (m > 1) std::copy_n(x.begin() + 2 * m * m, m, x.begin() + 2 * m * m + m);  // two equal rows
    x[3 * m * m] = 0;                                                             // the first pivot is elsewhere
    Doubles expected;
    for (size_t i = 0; i < 6; ++i)
      expected.push_back(determinant(Doubles(x.begin() + i * m * m, x.begin() + (i + 1) * m * m), m));
    const auto side = static_cast<int64_t>(m);
    expect_near(Network("Det", 11).input({2, 3, side, side}, x).run().values[0], expected);
  }
  EXPECT_TRUE(Network("Det", 11).input({2, 2}, Values{1, 2, 3, 4}).run().shapes[0].empty());
}

TEST(Matrices, CumulativeProducts) {
  const Values x = some_values(2 * 7 * 3, 1);
  for (const bool exclusive : {false, true})
    for (const bool reverse : {false, true}) {
      Doubles expected(x.size());
      for (size_t i = 0; i < 2; ++i)
        for (size_t j = 0; j < 3; ++j) {
          double product = 1;
          for (size_t step = 0; step < 7; ++step) {
            const size_t at = (i * 7 + (reverse ? 6 - step : step)) * 3 + j;
            if (exclusive) expected[at] = product;
            product *= static_cast<double>(x[at]);
            if (!exclusive) expected[at] = product;
          }
        }
      Network network("CumProd", 26);
      network.input({2, 7, 3}, x)
          .constant({-2}, true)
          .with("exclusive", exclusive ? 1 : 0)
          .with("reverse", reverse ? 1 : 0);
      expect_near(network.run().values[0], expected);
    }
}

TEST(Matrices, MaxUnpool) {
  Network network("MaxUnpool", 11);
  network.input({1, 1, 2, 2}, Values{1, 2, 3, 4}).input({1, 1, 2, 2}, std::vector<int64_t>{5, 7, 13, 15});
  network.with("kernel_shape", std::vector<int64_t>{2, 2}).with("strides", std::vector<int64_t>{2, 2});
  expect_near(network.run().values[0], Doubles{0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4});
  network.constant({1, 1, 5, 5});
  expect_near(network.run().values[0],
              Doubles{0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0, 0});
}

TEST(Matrices, UniqueElements) {
  const Values x{2, 1, 1, 3, 4, 3};
  const Results sorted = Network("Unique", 11).input({2, 3}, x).outputs(4).run();
  expect_near(sorted.values[0], Doubles{1, 2, 3, 4});
  expect_near(sorted.values[1], Doubles{1, 0, 3, 4});
  expect_near(sorted.values[2], Doubles{1, 0, 0, 2, 3, 2});
  expect_near(sorted.values[3], Doubles{2, 1, 2, 1});
  const Results found = Network("Unique", 11).input({6}, x).with("sorted", 0).with("axis", 0).outputs(4).run();
  expect_near(found.values[0], Doubles{2, 1, 3, 4});
  expect_near(found.values[1], Doubles{0, 1, 3, 4});
  expect_near(found.values[2], Doubles{0, 1, 1, 2, 3, 2});
  expect_near(found.values[3], Doubles{1, 2, 2, 1});
  expect_near(Network("Unique", 11).input({1}, Values{5}).run().values[0], Doubles{5});
  EXPECT_EQ(found.shapes[0], (std::vector<int64_t>{4}));
}

TEST(Matrices, UniqueSlices) {
  const Values rows{2, 3, 4, 1, 0, 0, 2, 3, 4, 1, 0, 5};
  const Results sorted = Network("Unique", 11).input({4, 3}, rows).with("axis", 0).outputs(4).run();
  expect_near(sorted.values[0], Doubles{1, 0, 0, 1, 0, 5, 2, 3, 4});
  EXPECT_EQ(sorted.shapes[0], (std::vector<int64_t>{3, 3}));
  expect_near(sorted.values[1], Doubles{1, 3, 0});
  expect_near(sorted.values[2], Doubles{2, 0, 2, 1});
  expect_near(sorted.values[3], Doubles{1, 1, 2});
  const Results found = Network("Unique", 11).input({4, 3}, rows).with("axis", -2).with("sorted", 0).outputs(4).run();
  expect_near(found.values[0], Doubles{2, 3, 4, 1, 0, 0, 1, 0, 5});
  expect_near(found.values[2], Doubles{0, 1, 0, 2});
  // Slices along the middle: (2, 3, 2), the first and the last alike.
  const Values deep{1, 1, 0, 1, 1, 1, 0, 1, 2, 1, 0, 1};
  const Results middle = Network("Unique", 11).input({2, 3, 2}, deep).with("axis", 1).outputs(2).run();
  expect_near(middle.values[0], Doubles{0, 1, 1, 1, 2, 1, 0, 1});
  EXPECT_EQ(middle.shapes[0], (std::vector<int64_t>{2, 2, 2}));
  expect_near(middle.values[1], Doubles{1, 0});
}

TEST(Matrices, BatchStatistics) {
  constexpr size_t N = 2, C = 3, D = 4;
  const Values x = some_values(N * C * D, 1), scale = some_values(C, 2), bias = some_values(C, 3),
               mean = some_values(C, 4), variance = some_values(C, 5);
  Doubles y(x.size()), means, variances;
  for (size_t c = 0; c < C; ++c) {
    double m = 0, v = 0;
    const auto each = [&](auto&& visit) {
      for (size_t n = 0; n < N; ++n)
        for (size_t d = 0; d < D; ++d) visit((n * C + c) * D + d);
    };
    each([&](size_t i) { m += static_cast<double>(x[i]) / (N * D); });
    each([&](size_t i) { v += (static_cast<double>(x[i]) - m) * (static_cast<double>(x[i]) - m) / (N * D); });
    each([&](size_t i) {
      y[i] = (static_cast<double>(x[i]) - m) / std::sqrt(v + 0.01) * static_cast<double>(scale[c]) +
             static_cast<double>(bias[c]);
    });
    means.push_back(0.8 * static_cast<double>(mean[c]) + 0.2 * m);
    variances.push_back(0.8 * static_cast<double>(variance[c]) + 0.2 * v);
  }
  Network network("BatchNormalization", 15);
  network.input({N, C, D}, x).constant({C}, scale).constant({C}, bias).input({C}, mean).input({C}, variance);
  network.with("training_mode", 1).with("momentum", 0.8f).with("epsilon", 0.01f);
  const Results results = network.outputs(3).run();
  expect_near(results.values[0], y);
  expect_near(results.values[1], means);
  expect_near(results.values[2], variances);
}

}  // namespace
}  // namespace motley::test
