// Searches on recorded spaces.
#include "replay/replay.hpp"

#include <algorithm>
#include <numeric>

namespace motley::tuner {

namespace {

constexpr size_t kSeedsPerSibling = 1, kMostSeeds = 9;

// The siblings' best, in turn: the best of each, then the second of each.
std::vector<size_t> seeds_from(const Candidates& candidates, const std::vector<Sibling>& siblings) {
  std::vector<std::vector<size_t>> best;
  for (const Sibling& sibling : siblings) {
    std::vector<size_t> order(sibling.costs.size()), found;
    std::iota(order.begin(), order.end(), size_t{0});
    std::erase_if(order, [&](size_t i) { return sibling.costs[i] <= 0; });
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return sibling.costs[a] < sibling.costs[b]; });
    for (size_t i = 0; i < order.size() && found.size() < kSeedsPerSibling; ++i)
      if (const auto id = candidates.find(sibling.configs[order[i]])) found.push_back(*id);
    best.push_back(std::move(found));
  }
  std::vector<size_t> seeds;
  for (size_t rank = 0; rank < kSeedsPerSibling; ++rank)
    for (const auto& found : best)
      if (rank < found.size() && seeds.size() < kMostSeeds) seeds.push_back(found[rank]);
  return seeds;
}

}  // namespace

ReplayResult replay(const RecordedSpace& space, const std::string& strategy, size_t evaluations, uint64_t seed,
                    std::vector<Sibling> siblings) {
  Candidates candidates = space.candidates();
  SearchOptions options{seed, seeds_from(candidates, siblings), std::move(siblings)};
  const auto search = make_strategy(strategy, candidates, options);
  ReplayResult result;
  double best = 0;
  while (result.observed.size() < evaluations) {
    const auto proposal = search->propose();
    if (!proposal) break;
    const double cost = space.cost(*proposal);
    search->observe(*proposal, cost);
    result.observed.push_back({*proposal, cost});
    best = std::max(best, space.fraction(cost));
    result.fractions.push_back(best);
  }
  result.fractions.resize(evaluations, best);
  return result;
}

}  // namespace motley::tuner
