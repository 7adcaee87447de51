// Interleaved timing, profiles, random inputs.
#include "measure.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <random>
#include <tuple>

#include "io/half.hpp"

namespace motley::cli {

namespace {

using Clock = std::chrono::steady_clock;
constexpr uint32_t kMinRuns = 10, kMaxRuns = 1000;
constexpr double kBudgetNs = 2e9;

double run_ns(Session& session) {
  const auto begin = Clock::now();
  session.run();
  return std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
}

double quantile_of(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double rank = std::ceil(q * static_cast<double>(values.size())) - 1;
  return values[static_cast<size_t>(std::clamp(rank, 0.0, static_cast<double>(values.size() - 1)))];
}

}  // namespace

double Samples::minimum() const { return ns.empty() ? 0 : *std::min_element(ns.begin(), ns.end()); }
double Samples::mean() const {
  return ns.empty() ? 0 : std::accumulate(ns.begin(), ns.end(), 0.0) / static_cast<double>(ns.size());
}
double Samples::quantile(double q) const { return quantile_of(ns, q); }

void measure(std::vector<Contestant>& contestants, const Effort& effort,
             const std::function<void(uint64_t, uint64_t)>& progress) {
  for (Contestant& c : contestants) {
    c.first_run_ns = run_ns(c.session);
    for (uint32_t i = 1; i < effort.warmup; ++i) c.session.run();
  }
  const double budget = kBudgetNs * static_cast<double>(contestants.size());
  const uint32_t most = effort.runs ? effort.runs : kMaxRuns;
  double spent = 0;
  for (uint32_t round = 0; round < most; ++round) {
    for (Contestant& c : contestants) {
      c.samples.ns.push_back(run_ns(c.session));
      spent += c.samples.ns.back();
    }
    const double done = effort.runs ? 0 : spent / budget;
    if (done >= 1 && round + 1 >= kMinRuns) break;
    progress(static_cast<uint64_t>(std::max(done, static_cast<double>(round + 1) / most) * 1000), 1000);
  }
}

double speedup(const Contestant& first, const Contestant& other) {
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(first.samples.ns.size(), other.samples.ns.size()); ++i)
    ratios.push_back(first.samples.ns[i] / std::max(other.samples.ns[i], 1.0));
  return quantile_of(std::move(ratios), 0.5);
}

std::vector<NodeCost> profile(Session& session, uint32_t runs) {
  session.set_profiling(true);
  std::vector<NodeCost> nodes;
  std::vector<std::vector<double>> times;
  for (uint32_t r = 0; r < runs; ++r) {
    session.run();
    const std::vector<NodeTime> rows = session.node_times();
    if (rows.size() != nodes.size()) {
      nodes.clear();
      times.assign(rows.size(), {});
      for (const NodeTime& row : rows) nodes.push_back({row.node, row.op, row.device, row.kernel, 0});
    }
    for (size_t i = 0; i < rows.size(); ++i)
      times[i].push_back(rows[i].end_ns > rows[i].begin_ns ? static_cast<double>(rows[i].end_ns - rows[i].begin_ns)
                                                           : 0.0);
  }
  session.set_profiling(false);
  for (size_t i = 0; i < nodes.size(); ++i) nodes[i].ns = quantile_of(times[i], 0.5);
  return nodes;
}

std::vector<OpCost> by_op(const std::vector<NodeCost>& nodes) {
  std::map<std::tuple<std::string, std::string, std::string>, OpCost> groups;
  for (const NodeCost& n : nodes) {
    OpCost& group = groups[{n.op, n.device, n.kernel}];
    group.op = n.op;
    group.device = n.device;
    group.kernel = n.kernel;
    ++group.count;
    group.ns += n.ns;
  }
  std::vector<OpCost> result;
  for (auto& [key, group] : groups) result.push_back(std::move(group));
  std::stable_sort(result.begin(), result.end(), [](const OpCost& a, const OpCost& b) { return a.ns > b.ns; });
  return result;
}

void fill_random(Session& session) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(0.0f, 1.0f);
  for (const std::string& name : session.input_names()) {
    TensorRef input = session.input(name);
    const size_t size = size_of(input.type());
    std::vector<std::byte> bytes(input.bytes());
    for (size_t i = 0; i + size <= bytes.size() && size > 0; i += size) {
      const float value = uniform(random);
      const auto put = [&](auto v) { std::memcpy(bytes.data() + i, &v, sizeof v); };
      switch (input.type()) {
        case DataType::float32: put(value); break;
        case DataType::float64: put(static_cast<double>(value)); break;
        case DataType::float16: put(io::float_to_half(value)); break;
        case DataType::bfloat16: put(io::float_to_bfloat(value)); break;
        default: bytes[i] = value < 0.5f ? std::byte{0} : std::byte{1};  // little-endian
      }
    }
    input.copy_from_bytes(bytes);
  }
}

}  // namespace motley::cli
