// GroupQueryAttention and com.microsoft's RotaryEmbedding, against their definition written out in loops.
#include <algorithm>

#include "network.hpp"

namespace motley::test {
namespace {

constexpr const char* kDomain = "com.microsoft";
using Values = std::vector<float>;
using Doubles = std::vector<double>;

// One head of one step turned by its position; pairs are halves apart, or neighbours.
void turn(double* head, size_t pairs, int64_t position, const Values& cosines, const Values& sines, bool interleaved) {
  for (size_t i = 0; i < pairs; ++i) {
    double& x = head[interleaved ? 2 * i : i];
    double& y = head[interleaved ? 2 * i + 1 : i + pairs];
    const auto at = static_cast<size_t>(position) * pairs + i;
    const auto c = static_cast<double>(cosines[at]), s = static_cast<double>(sines[at]);
    const double turned = x * c - y * s;
    y = x * s + y * c;
    x = turned;
  }
}

constexpr size_t kPositions = 12;
Values angles(bool cosines, size_t pairs) {
  Values table;
  for (size_t p = 0; p < kPositions; ++p)
    for (size_t i = 0; i < pairs; ++i) {
      const double angle =
          static_cast<double>(p) / std::pow(100.0, static_cast<double>(i) / static_cast<double>(pairs));
      table.push_back(static_cast<float>(cosines ? std::cos(angle) : std::sin(angle)));
    }
  return table;
}

TEST(ContribRotaryEmbedding, FromAFirstPositionOrAllOfThem) {
  constexpr size_t B = 2, S = 3, N = 2, H = 6, pairs = 3;
  const Values x = some_values(B * S * N * H, 1), cosines = angles(true, pairs), sines = angles(false, pairs);
  for (const bool interleaved : {false, true})
    for (const bool first_only : {false, true}) {
      const std::vector<int64_t> all{4, 0, 7, 1, 1, 11}, first{5};
      Doubles expected(x.begin(), x.end());
      for (size_t row = 0; row < B * S; ++row)
        for (size_t n = 0; n < N; ++n)
          turn(&expected[(row * N + n) * H], pairs, first_only ? 5 + static_cast<int64_t>(row % S) : all[row], cosines,
               sines, interleaved);
      Network network("RotaryEmbedding", 17, kDomain);
      network.input({B, S, N * H}, x);
      first_only ? network.input({1}, first) : network.input({B, S}, all);
      network.constant({kPositions, pairs}, cosines).constant({kPositions, pairs}, sines);
      network.with("interleaved", interleaved ? 1 : 0);
      expect_near(network.run().values[0], expected);
    }
}

TEST(ContribRotaryEmbedding, PartOfAHeadByHead) {
  constexpr size_t B = 1, N = 2, S = 3, H = 6, pairs = 2;
  const Values x = some_values(B * N * S * H, 1), cosines = angles(true, pairs), sines = angles(false, pairs);
  Doubles expected(x.begin(), x.end());
  for (size_t n = 0; n < N; ++n)
    for (size_t s = 0; s < S; ++s)
      turn(&expected[(n * S + s) * H], pairs, static_cast<int64_t>(s), cosines, sines, false);
  Network network("RotaryEmbedding", 17, kDomain);
  network.input({B, N, S, H}, x).input({1}, std::vector<int64_t>{0});
  network.constant({kPositions, pairs}, cosines).constant({kPositions, pairs}, sines);
  network.with("num_heads", 2).with("rotary_embedding_dim", 4);
  expect_near(network.run().values[0], expected);
}

// Every sequence has a past of its own length; past steps lie first in the cache.
struct Decoder {
  size_t batch, heads, groups, steps, size, cache;  // cache: steps that the past has room for
  std::vector<int64_t> totals;                      // steps of each sequence, past and new
  bool rotary = false;
  int64_t window = 0;
  double softcap = 0;

  size_t total() const {
    size_t most = cache;
    for (int64_t t : totals) most = std::max(most, static_cast<size_t>(t));
    return most;
  }
  size_t first(size_t b) const {
    return static_cast<size_t>(std::max<int64_t>(0, totals[b] - static_cast<int64_t>(steps)));
  }
};

struct Decoded {
  Doubles y, keys, values;  // (B, S, N·H), and the cache (B, G, T, H)
};

Doubles cached(const Decoder& d, const Values& past, const Doubles& fresh) {
  const size_t T = d.total();
  Doubles all(d.batch * d.groups * T * d.size, 0);
  for (size_t b = 0; b < d.batch; ++b)
    for (size_t g = 0; g < d.groups; ++g)
      for (size_t h = 0; h < d.size; ++h) {
        const auto at = [&](size_t t) { return ((b * d.groups + g) * T + t) * d.size + h; };
        for (size_t t = 0; t < d.cache; ++t)
          all[at(t)] = static_cast<double>(past[((b * d.groups + g) * d.cache + t) * d.size + h]);
        for (size_t s = 0; s < d.steps; ++s)
          all[at(d.first(b) + s)] = fresh[((b * d.steps + s) * d.groups + g) * d.size + h];
      }
  return all;
}

Decoded decode(const Decoder& d, const Values& q, const Values& k, const Values& v, const Values& past_k,
               const Values& past_v, const Values& cosines, const Values& sines) {
  Doubles queries(q.begin(), q.end()), keys(k.begin(), k.end());
  if (d.rotary)
    for (size_t b = 0; b < d.batch; ++b)
      for (size_t s = 0; s < d.steps; ++s) {
        const auto position = static_cast<int64_t>(d.first(b) + s);
        for (size_t n = 0; n < d.heads; ++n)
          turn(&queries[((b * d.steps + s) * d.heads + n) * d.size], d.size / 2, position, cosines, sines, false);
        for (size_t g = 0; g < d.groups; ++g)
          turn(&keys[((b * d.steps + s) * d.groups + g) * d.size], d.size / 2, position, cosines, sines, false);
      }
  Decoded result{{}, cached(d, past_k, keys), cached(d, past_v, Doubles(v.begin(), v.end()))};
  const size_t T = d.total();
  for (size_t b = 0; b < d.batch; ++b)
    for (size_t s = 0; s < d.steps; ++s)
      for (size_t n = 0; n < d.heads; ++n) {
        const size_t g = n / (d.heads / d.groups), last = d.first(b) + s;
        const size_t begin =
            d.window > 0 && last + 1 > static_cast<size_t>(d.window) ? last + 1 - static_cast<size_t>(d.window) : 0;
        Doubles weights;
        double sum = 0;
        for (size_t t = begin; t <= last; ++t) {
          double score = 0;
          for (size_t h = 0; h < d.size; ++h)
            score += queries[((b * d.steps + s) * d.heads + n) * d.size + h] *
                     result.keys[((b * d.groups + g) * T + t) * d.size + h];
          score /= std::sqrt(static_cast<double>(d.size));
          if (d.softcap > 0) score = d.softcap * std::tanh(score / d.softcap);
          weights.push_back(std::exp(score));
          sum += weights.back();
        }
        for (size_t h = 0; h < d.size; ++h) {
          double y = 0;
          for (size_t t = begin; t <= last; ++t)
            y += weights[t - begin] / sum * result.values[((b * d.groups + g) * T + t) * d.size + h];
          result.y.push_back(y);
        }
      }
  return result;
}

void expect_decoded(const Decoder& d, bool packed) {
  const auto B = static_cast<int64_t>(d.batch), S = static_cast<int64_t>(d.steps), H = static_cast<int64_t>(d.size),
             N = static_cast<int64_t>(d.heads), G = static_cast<int64_t>(d.groups), P = static_cast<int64_t>(d.cache);
  const size_t rows = d.batch * d.steps, past = d.batch * d.groups * d.cache * d.size;
  const Values q = some_values(rows * d.heads * d.size, 1), k = some_values(rows * d.groups * d.size, 2),
               v = some_values(rows * d.groups * d.size, 3), past_k = some_values(past, 4),
               past_v = some_values(past, 5), cosines = angles(true, d.size / 2), sines = angles(false, d.size / 2);
  Network network("GroupQueryAttention", 17, kDomain);
  if (packed) {
    Values all;
    const auto append = [&](const Values& x, size_t row, size_t width) {
      all.insert(all.end(), x.begin() + static_cast<std::ptrdiff_t>(row * width),
                 x.begin() + static_cast<std::ptrdiff_t>((row + 1) * width));
    };
    for (size_t row = 0; row < rows; ++row) {
      append(q, row, d.heads * d.size);
      append(k, row, d.groups * d.size);
      append(v, row, d.groups * d.size);
    }
    network.input({B, S, (N + 2 * G) * H}, all).absent().absent();
  } else {
    network.input({B, S, N * H}, q).input({B, S, G * H}, k).input({B, S, G * H}, v);
  }
  d.cache > 0 ? network.input({B, G, P, H}, past_k).input({B, G, P, H}, past_v) : network.absent().absent();
  std::vector<int32_t> lengths;
  int64_t longest = 0;
  for (int64_t t : d.totals) {
    lengths.push_back(static_cast<int32_t>(t - 1));
    longest = std::max(longest, t);
  }
  network.input({B}, lengths).constant(std::vector<int64_t>{longest}, true);
  if (d.rotary)
    network.constant({kPositions, H / 2}, cosines).constant({kPositions, H / 2}, sines).with("do_rotary", 1);
  network.with("num_heads", N).with("kv_num_heads", G);
  if (d.window > 0) network.with("local_window_size", d.window);
  if (d.softcap > 0) network.with("softcap", static_cast<float>(d.softcap));
  const Results got = network.outputs(3).run();
  const Decoded expected = decode(d, q, k, v, past_k, past_v, cosines, sines);
  EXPECT_EQ(got.shapes[0], (std::vector<int64_t>{B, S, N * H}));
  EXPECT_EQ(got.shapes[1], (std::vector<int64_t>{B, G, static_cast<int64_t>(d.total()), H}));
  const size_t row = d.heads * d.size;
  for (size_t b = 0; b < d.batch; ++b)
    for (size_t s = 0; s < d.steps; ++s) {
      if (d.first(b) + s >= static_cast<size_t>(d.totals[b])) continue;  // padding: nobody reads it
      const auto begin = static_cast<std::ptrdiff_t>((b * d.steps + s) * row),
                 end = begin + static_cast<std::ptrdiff_t>(row);
      expect_near(Doubles(got.values[0].begin() + begin, got.values[0].begin() + end),
                  Doubles(expected.y.begin() + begin, expected.y.begin() + end));
    }
  expect_near(got.values[1], expected.keys);
  expect_near(got.values[2], expected.values);
}

TEST(ContribGroupQueryAttention, Prompts) {
  expect_decoded({.batch = 2, .heads = 4, .groups = 2, .steps = 5, .size = 4, .cache = 0, .totals = {5, 5}}, false);
  expect_decoded(
      {.batch = 2, .heads = 4, .groups = 2, .steps = 5, .size = 4, .cache = 0, .totals = {5, 3}, .rotary = true}, true);
  expect_decoded({.batch = 1, .heads = 3, .groups = 1, .steps = 6, .size = 4, .cache = 0, .totals = {6}, .window = 2},
                 false);
}

TEST(ContribGroupQueryAttention, OneStepAfterAPast) {
  expect_decoded(
      {.batch = 1, .heads = 4, .groups = 2, .steps = 1, .size = 4, .cache = 6, .totals = {7}, .rotary = true}, false);
  expect_decoded(
      {.batch = 2, .heads = 4, .groups = 4, .steps = 1, .size = 4, .cache = 6, .totals = {7, 4}, .rotary = true}, true);
  expect_decoded({.batch = 1, .heads = 2, .groups = 1, .steps = 1, .size = 4, .cache = 6, .totals = {7}, .window = 3},
                 false);
}

TEST(ContribGroupQueryAttention, ACacheOfFixedLength) {
  expect_decoded(
      {.batch = 2, .heads = 4, .groups = 2, .steps = 1, .size = 4, .cache = 10, .totals = {6, 9}, .rotary = true},
      false);
  expect_decoded(
      {.batch = 1, .heads = 2, .groups = 2, .steps = 3, .size = 4, .cache = 8, .totals = {7}, .softcap = 0.5}, false);
}

}  // namespace
}  // namespace motley::test
