// Listing ideals.
#include "place/ideals.hpp"

#include <algorithm>

namespace motley::place {

namespace {

// A set of bit sets, by open addressing.
class Catalogue {
 public:
  Catalogue(std::vector<uint64_t>& bits, size_t words) : bits_(bits), words_(words), slots_(1024, UINT32_MAX) {}

  // The number of that set, which is added if it is new.
  uint32_t number(const uint64_t* set) {
    size_t at = find(set);
    if (slots_[at] != UINT32_MAX) return slots_[at];
    const uint32_t index = static_cast<uint32_t>(bits_.size() / words_);
    slots_[at] = index;
    bits_.insert(bits_.end(), set, set + words_);
    if (size_t{index} * 2 > slots_.size()) grow();
    return index;
  }

 private:
  size_t find(const uint64_t* set) const {
    uint64_t h = 0;
    for (size_t w = 0; w < words_; ++w) {
      h = (h ^ set[w]) * 0xff51afd7ed558ccdu;
      h ^= h >> 29;
    }
    size_t at = h & (slots_.size() - 1);
    while (slots_[at] != UINT32_MAX && !std::equal(set, set + words_, bits_.data() + slots_[at] * words_))
      at = (at + 1) & (slots_.size() - 1);
    return at;
  }
  void grow() {
    std::vector<uint32_t> old(slots_.size() * 4, UINT32_MAX);
    old.swap(slots_);
    std::vector<uint64_t> set(words_);
    for (uint32_t index : old)
      if (index != UINT32_MAX) slots_[find(bits_.data() + index * words_)] = index;
  }

  std::vector<uint64_t>& bits_;
  size_t words_;
  std::vector<uint32_t> slots_;
};

Lists needs(const StageProblem& problem, bool reversed) {
  std::vector<std::pair<uint32_t, uint32_t>> pairs;
  for (const auto& [a, b] : problem.before) pairs.push_back(reversed ? std::make_pair(a, b) : std::make_pair(b, a));
  std::sort(pairs.begin(), pairs.end());
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  return lists_of(problem.units.size(), pairs);
}

enum class Pick { lowest, newest, oldest };

std::vector<uint32_t> order_by(const Lists& needed, const Lists& readers, Pick pick) {
  const size_t count = needed.begin.size() - 1;
  std::vector<uint32_t> missing(count), ready, order;
  for (uint32_t u = 0; u < count; ++u) {
    missing[u] = static_cast<uint32_t>(needed.size(u));
    if (!missing[u]) ready.push_back(u);
  }
  while (!ready.empty()) {
    auto at = ready.begin();
    if (pick == Pick::lowest) at = std::min_element(ready.begin(), ready.end());
    if (pick == Pick::newest) at = ready.end() - 1;
    const uint32_t u = *at;
    ready.erase(at);
    order.push_back(u);
    for (const uint32_t* r = readers.first(u); r != readers.last(u); ++r)
      if (--missing[*r] == 0) ready.push_back(*r);
  }
  return order;
}

}  // namespace

Ideals all_ideals(const StageProblem& problem, uint32_t max) {
  const size_t count = problem.units.size();
  const Lists needed = needs(problem, false), readers = needs(problem, true);
  Ideals ideals;
  ideals.words = count / 64 + 1;
  Catalogue catalogue(ideals.bits, ideals.words);
  std::vector<uint64_t> set(ideals.words);
  catalogue.number(set.data());
  const auto has = [&](uint32_t u) { return set[u / 64] >> (u % 64) & 1; };
  for (uint32_t i = 0; i < ideals.size(); ++i) {
    if (ideals.size() > max) return ideals;
    std::copy_n(ideals.bits.begin() + static_cast<int64_t>(i * ideals.words), ideals.words, set.begin());
    for (uint32_t u = 0; u < count; ++u) {
      if (has(u) || !std::all_of(needed.first(u), needed.last(u), has)) continue;
      set[u / 64] |= uint64_t{1} << (u % 64);
      ideals.grows.push_back({i, catalogue.number(set.data())});
      set[u / 64] &= ~(uint64_t{1} << (u % 64));
    }
  }
  ideals.next = lists_of(ideals.size(), ideals.grows);
  ideals.complete = true;
  return ideals;
}

Ideals ideals_of_orders(const StageProblem& problem, const std::vector<std::vector<uint32_t>>& orders) {
  Ideals ideals;
  ideals.words = problem.units.size() / 64 + 1;
  Catalogue catalogue(ideals.bits, ideals.words);
  const std::vector<uint64_t> empty(ideals.words);
  std::vector<std::vector<uint64_t>> sets(orders.size(), empty);
  std::vector<uint32_t> at(orders.size(), catalogue.number(empty.data()));
  for (size_t size = 0; size < problem.units.size(); ++size)
    for (size_t o = 0; o < orders.size(); ++o) {
      const uint32_t u = orders[o][size];
      sets[o][u / 64] |= uint64_t{1} << (u % 64);
      const uint32_t grown = catalogue.number(sets[o].data());
      ideals.grows.push_back({at[o], grown});
      at[o] = grown;
    }
  std::sort(ideals.grows.begin(), ideals.grows.end());
  ideals.grows.erase(std::unique(ideals.grows.begin(), ideals.grows.end()), ideals.grows.end());
  ideals.next = lists_of(ideals.size(), ideals.grows);
  return ideals;
}

std::vector<std::vector<uint32_t>> likely_orders(const StageProblem& problem) {
  const Lists needed = needs(problem, false), readers = needs(problem, true);
  std::vector<std::vector<uint32_t>> orders;
  for (Pick pick : {Pick::lowest, Pick::newest, Pick::oldest}) {
    orders.push_back(order_by(needed, readers, pick));
    std::vector<uint32_t> back = order_by(readers, needed, pick);
    std::reverse(back.begin(), back.end());
    orders.push_back(std::move(back));
  }
  return orders;
}

std::vector<IdealSum> sums_of(const StageProblem& problem, const Ideals& ideals) {
  std::vector<IdealSum> sums(ideals.size());
  for (size_t i = 0; i < sums.size(); ++i)
    for (uint32_t u = 0; u < problem.units.size(); ++u) {
      if (!ideals.has(i, u)) continue;
      const StageProblem::Unit& unit = problem.units[u];
      sums[i].host = add(sums[i].host, unit.host_ns);
      sums[i].bytes = add(sums[i].bytes, unit.bytes);
      if (unit.accelerator_ns >= kForbidden) ++sums[i].host_only;
      else sums[i].accelerator = add(sums[i].accelerator, unit.accelerator_ns);
    }
  return sums;
}

IdealCuts::IdealCuts(const StageProblem& problem, const Ideals& ideals) : begin_(ideals.size() + 1, 0) {
  for (size_t i = 0; i < ideals.size(); ++i) {
    for (uint32_t n = 0; n < problem.nets.size(); ++n) {
      uint32_t inside = 0;
      for (uint32_t u : problem.nets[n].units) inside += ideals.has(i, u);
      if (inside && inside < problem.nets[n].units.size()) cuts_.push_back({n, inside, problem.nets[n].cost_ns});
    }
    begin_[i + 1] = static_cast<uint32_t>(cuts_.size());
  }
}

Ns IdealCuts::transfers(uint32_t from, uint32_t to) const {
  const Cut *a = cuts_.data() + begin_[from], *a_end = cuts_.data() + begin_[from + 1];
  const Cut *b = cuts_.data() + begin_[to], *b_end = cuts_.data() + begin_[to + 1];
  Ns sum = 0;
  while (a != a_end && b != b_end) {
    if (a->net < b->net) sum += (a++)->cost_ns;       // read here for the last time
    else if (b->net < a->net) sum += (b++)->cost_ns;  // made here, read later
    else {
      if (a->inside != b->inside) sum += a->cost_ns;  // read here, and later
      ++a, ++b;
    }
  }
  for (; a != a_end; ++a) sum += a->cost_ns;
  for (; b != b_end; ++b) sum += b->cost_ns;
  return sum;
}

}  // namespace motley::place
