// Ordering chosen options, finding what prevents it, and listing their moves.
#include "place/assemble.hpp"

#include <algorithm>

namespace motley::place {

namespace {

// Which options need which, as lists of readers, and how many each waits for.
struct Quotient {
  Lists next;
  std::vector<uint32_t> waiting;
};

std::vector<uint32_t> owners(const View& view, const std::vector<uint32_t>& options) {
  std::vector<uint32_t> owner(view.order.size(), 0);
  for (uint32_t i = 0; i < options.size(); ++i)
    for (uint32_t n : view.problem->candidates[view.options[options[i]].candidate].nodes) owner[n] = i;
  return owner;
}

Quotient quotient(const View& view, const std::vector<uint32_t>& owner, size_t count) {
  std::vector<std::pair<uint32_t, uint32_t>> pairs;
  for (uint32_t step = 0; step < view.order.size(); ++step)
    for (const uint32_t* t = view.inputs.first(step); t != view.inputs.last(step); ++t) {
      const int32_t producer = view.producer[*t];
      if (producer >= 0 && owner[size_t(producer)] != owner[view.order[step]])
        pairs.push_back({owner[size_t(producer)], owner[view.order[step]]});
    }
  std::sort(pairs.begin(), pairs.end());
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  Quotient q{lists_of(count, pairs), std::vector<uint32_t>(count)};
  for (const auto& pair : pairs) ++q.waiting[pair.second];
  return q;
}

// An order of those that can run; by smallest number first, so that it stays near the order of steps.
std::vector<uint32_t> runnable(Quotient& q) {
  std::vector<uint32_t> heap, order;
  const auto later = [](uint32_t a, uint32_t b) { return a > b; };
  for (uint32_t i = 0; i < q.waiting.size(); ++i)
    if (!q.waiting[i]) heap.push_back(i);
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const uint32_t i = heap.back();
    heap.pop_back();
    order.push_back(i);
    for (const uint32_t* n = q.next.first(i); n != q.next.last(i); ++n)
      if (--q.waiting[*n] == 0) {
        heap.push_back(*n);
        std::push_heap(heap.begin(), heap.end(), later);
      }
  }
  return order;
}

}  // namespace

std::vector<uint32_t> find_cycle(const View& view, const std::vector<uint32_t>& options) {
  const bool fused = std::any_of(options.begin(), options.end(), [&](uint32_t o) { return view.options[o].size > 1; });
  if (!fused) return {};
  Quotient q = quotient(view, owners(view, options), options.size());
  if (runnable(q).size() == options.size()) return {};
  // Among those that wait, everyone waits for another: walking backwards must come round.
  std::vector<std::pair<uint32_t, uint32_t>> back;
  for (uint32_t i = 0; i < options.size(); ++i)
    for (const uint32_t* n = q.next.first(i); n != q.next.last(i); ++n)
      if (q.waiting[i] && q.waiting[*n]) back.push_back({*n, i});
  const Lists before = lists_of(options.size(), back);
  std::vector<bool> seen(options.size());
  uint32_t at = 0;
  while (!q.waiting[at]) ++at;
  for (; !seen[at]; at = *before.first(at)) seen[at] = true;
  std::vector<uint32_t> cycle;
  const uint32_t start = at;
  do {
    if (view.options[options[at]].size > 1) cycle.push_back(options[at]);
    at = *before.first(at);
  } while (at != start);
  return cycle;
}

Plan assemble(const View& view, const std::vector<uint32_t>& options) {
  const Problem& problem = *view.problem;
  const std::vector<uint32_t> owner = owners(view, options);
  Quotient q = quotient(view, owner, options.size());
  Plan plan;
  for (uint32_t i : runnable(q)) plan.candidates.push_back(view.options[options[i]].candidate);
  for (uint32_t t = 0; t < problem.tensors.size(); ++t) {
    const Tensor& tensor = problem.tensors[t];
    const int32_t producer = view.producer[t];
    if (producer < 0 && tensor.home == kNowhere) continue;
    const uint32_t from =
        producer < 0 ? static_cast<uint32_t>(tensor.home)
                     : problem.candidates[view.options[options[owner[size_t(producer)]]].candidate].output_place;
    std::vector<uint32_t> to;
    if (tensor.wanted != kNowhere) to.push_back(static_cast<uint32_t>(tensor.wanted));
    for (const uint32_t* s = view.readers.first(t); s != view.readers.last(t); ++s) {
      const uint32_t reader = owner[view.order[*s]];
      if (producer >= 0 && reader == owner[size_t(producer)]) continue;
      to.push_back(problem.candidates[view.options[options[reader]].candidate].input_place);
    }
    std::sort(to.begin(), to.end(), [&](uint32_t a, uint32_t b) { return view.place_rank[a] < view.place_rank[b]; });
    to.erase(std::unique(to.begin(), to.end()), to.end());
    for (uint32_t place : to)
      if (place != from) plan.transfers.push_back({t, from, place, move_ns(problem, from, place, tensor.bytes)});
  }
  return plan;
}

}  // namespace motley::place
