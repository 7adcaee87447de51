// What a search has seen so far.
#include "search/history.hpp"

#include <algorithm>

namespace motley::tuner {

void History::add(size_t candidate, double cost) {
  if (index_.size() <= candidate) index_.resize(candidate + 1);
  if (index_[candidate] == 0) {
    observed_.push_back({candidate, cost});
    index_[candidate] = static_cast<uint32_t>(observed_.size());
  } else {
    observed_[index_[candidate] - 1].cost = cost;
  }
}

std::optional<Observed> History::best() const {
  const std::vector<Observed> first = top(1);
  return first.empty() ? std::nullopt : std::optional(first[0]);
}

std::vector<Observed> History::top(size_t count) const {
  std::vector<Observed> result;
  for (const Observed& o : observed_)
    if (o.cost > 0) result.push_back(o);
  std::stable_sort(result.begin(), result.end(), [](const Observed& a, const Observed& b) { return a.cost < b.cost; });
  if (result.size() > count) result.resize(count);
  return result;
}

}  // namespace motley::tuner
