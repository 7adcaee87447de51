// The config to use for a problem, from all that was observed of it.
#include "table/winner.hpp"

#include <cmath>
#include <tuple>

namespace motley::table {

namespace {

constexpr double kHysteresis = 0.99;  // of the default's time: a smaller gain is not worth a change
constexpr double kQuantile = 1.96;    // of the normal distribution, 95 % two-sided

// Of the rows of one config.
struct Pooled {
  double ratio = 1, high = 1;
  uint64_t median_ns = 0;
};

Pooled pool(std::span<const KernelRow* const> rows) {
  double runs = 0, ratio = 0, variance = 0, time = 0;
  for (const KernelRow* row : rows) {
    const double weight = row->runs, middle = std::log(row->ratio);
    const double error = (std::log(row->ratio_high) - middle) / kQuantile;
    runs += weight;
    ratio += weight * middle;
    variance += weight * weight * error * error;
    time += weight * static_cast<double>(row->median_ns);
  }
  ratio /= runs;
  return {std::exp(ratio), std::exp(ratio + kQuantile * std::sqrt(variance) / runs),
          static_cast<uint64_t>(time / runs + 0.5)};
}

}  // namespace

bool comes_before(const KernelRow& a, const KernelRow& b) {
  const auto key = [](const KernelRow& r) {
    return std::tie(r.problem, r.device, r.config, r.median_ns, r.mad_ns, r.runs, r.ratio, r.ratio_high);
  };
  return key(a) < key(b);
}

Winner winner_of(std::span<const KernelRow* const> rows) {
  Winner winner;
  double best = kHysteresis;
  for (size_t i = 0, end; i < rows.size(); i = end) {
    for (end = i + 1; end < rows.size() && rows[end]->config == rows[i]->config; ++end) continue;
    const Pooled pooled = pool(rows.subspan(i, end - i));
    const bool is_default = rows[i]->config.empty();
    if (is_default && !winner.config) winner.median_ns = pooled.median_ns;
    if (is_default || !(pooled.high <= best)) continue;
    best = pooled.high;
    winner = {&rows[i]->config, pooled.median_ns, pooled.ratio};
  }
  return winner;
}

}  // namespace motley::table
