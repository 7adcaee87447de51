// The strategies that need no model.
#include "search/simple.hpp"

#include <algorithm>

namespace motley::tuner {

std::optional<size_t> Exhaustive::propose() {
  while (next_ < candidates_.size() && history_.seen(next_)) ++next_;
  return next_ < candidates_.size() ? std::optional(next_) : std::nullopt;
}

std::optional<size_t> Random::propose() {
  if (history_.size() >= candidates_.size()) return std::nullopt;
  // Few are left to hit by chance: look for one from a random place on.
  constexpr int kDraws = 64;
  size_t id = 0;
  for (int draw = 0; draw < kDraws; ++draw)
    if (!history_.seen(id = random_() % candidates_.size())) return id;
  while (history_.seen(id)) id = (id + 1) % candidates_.size();
  return id;
}

std::optional<size_t> LocalSearch::propose() {
  while (!untried_.empty() && starts_.history().seen(untried_.front())) untried_.pop_front();
  if (!untried_.empty()) return untried_.front();
  cost_here_ = 0;  // no better neighbour: somewhere else
  return starts_.propose();
}

void LocalSearch::observe(size_t candidate, double cost) {
  starts_.observe(candidate, cost);
  if (cost > 0 && (cost_here_ == 0 || cost < cost_here_)) stand_on(candidate, cost);
}

void LocalSearch::stand_on(size_t candidate, double cost) {
  cost_here_ = cost;
  std::vector<size_t> around = candidates_.neighbours(candidate);
  std::shuffle(around.begin(), around.end(), random_);
  untried_.assign(around.begin(), around.end());
}

}  // namespace motley::tuner
