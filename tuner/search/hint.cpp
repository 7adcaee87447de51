// What a sibling device's measurements say of configs.
#include "search/hint.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace motley::tuner {

namespace {

constexpr size_t kMostLearned = 200;  // measurements that the kernel's settings are learned from
constexpr size_t kMostSamples = 600;  // and those that configs between them are predicted from
constexpr int kRounds = 3;

// The best third of `count`, and the rest at random, of configs in the order of their costs.
std::vector<size_t> selection(std::vector<size_t> order, size_t count, std::mt19937_64& random) {
  if (order.size() <= count) return order;
  std::shuffle(order.begin() + static_cast<std::ptrdiff_t>(count / 3), order.end(), random);
  order.resize(count);
  return order;
}

// The configs that work, best first.
std::vector<size_t> by_cost(const Sibling& sibling) {
  std::vector<size_t> order(sibling.costs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::erase_if(order, [&](size_t i) { return !(sibling.costs[i] > 0); });
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return sibling.costs[a] < sibling.costs[b]; });
  return order;
}

}  // namespace

Hint::Hint(const std::vector<Parameter>& parameters, const Sibling& sibling, uint64_t seed)
    : model_(Kernel(parameters)) {
  std::mt19937_64 random(seed);
  const std::vector<size_t> order = by_cost(sibling);
  const auto target = [&](size_t i) { return 1 - sibling.costs[order[0]] / sibling.costs[i]; };
  for (const size_t i : order) {
    known_.emplace(sibling.configs[i], static_cast<float>(target(i)));
    middle_ += target(i) / static_cast<double>(order.size());
  }
  const auto fit = [&](size_t most, int rounds) {
    std::vector<Sample> samples;
    for (const size_t i : selection(order, most, random))
      samples.push_back({{sibling.configs[i].data(), nullptr}, target(i)});
    model_.fit(std::move(samples), rounds);
  };
  fit(kMostLearned, kRounds);
  if (order.size() > kMostLearned) fit(kMostSamples, 0);
}

float Hint::operator()(const Config& config) const {
  const auto known = known_.find(config);
  const double target =
      known != known_.end() ? static_cast<double>(known->second) : model_.mean({config.data(), nullptr});
  return static_cast<float>(target - middle_);
}

Hints::Hints(const Candidates& candidates, const std::vector<Sibling>& siblings, uint64_t seed)
    : candidates_(candidates) {
  for (const Sibling& sibling : siblings)
    if (std::any_of(sibling.costs.begin(), sibling.costs.end(), [](double cost) { return cost > 0; }))
      hints_.emplace_back(candidates.parameters(), sibling, seed);
}

Kernel Hints::kernel() const {
  Kernel kernel(candidates_.parameters());
  const auto count = static_cast<double>(hints_.size());
  for (size_t p = 0; p < kernel.width() && !hints_.empty(); ++p) {
    Shape mean{0, 0, 0};
    for (const Hint& hint : hints_) {
      const Shape& shape = hint.kernel().shape(p);
      mean.length += std::log(shape.length) / count;
      mean.weight += shape.weight / count;
      mean.alignment += shape.alignment / count;
    }
    mean.length = std::exp(mean.length);
    kernel.set_shape(p, mean);
  }
  return kernel;
}

const float* Hints::of(size_t candidate) {
  std::vector<float>& found = found_[candidate];
  for (size_t s = found.size(); s < hints_.size(); ++s) found.push_back(hints_[s](candidates_.config(candidate)));
  return found.data();
}

}  // namespace motley::tuner
