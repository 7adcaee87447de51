// An order of the nodes with a narrow frontier.
#include <algorithm>
#include <queue>

#include "place/view.hpp"

namespace motley::place {

namespace {

// A ready node: what it adds to the frontier, and when it became ready. Small growth first; among equals the node that
// became ready last, which stays on its branch.
struct Ready {
  int32_t growth;
  uint32_t time, node;
  bool operator<(const Ready& o) const {
    if (growth != o.growth) return growth > o.growth;
    if (time != o.time) return time < o.time;
    return node > o.node;
  }
};

struct Orderer {
  const Problem& problem;
  std::vector<uint32_t> reads_left;  // per tensor: distinct nodes that still read it
  std::vector<uint32_t> missing;     // per node
  Lists readers;                     // tensor → nodes

  int32_t growth(uint32_t node) const {
    int32_t sum = 0;
    for (uint32_t t : problem.nodes[node].outputs) sum += readers.size(t) ? 1 : 0;
    const std::vector<uint32_t>& inputs = problem.nodes[node].inputs;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (std::find(inputs.begin(), inputs.begin() + static_cast<int64_t>(i), inputs[i]) ==
          inputs.begin() + static_cast<int64_t>(i))
        sum -= reads_left[inputs[i]] == 1 ? 1 : 0;
    return sum;
  }
};

uint64_t width_sum(const std::vector<uint32_t>& order, const Problem& problem, const Lists& readers) {
  std::vector<uint32_t> step(order.size());
  for (size_t i = 0; i < order.size(); ++i) step[order[i]] = static_cast<uint32_t>(i);
  std::vector<int32_t> change(order.size() + 1);
  for (size_t n = 0; n < order.size(); ++n) {
    for (uint32_t t : problem.nodes[n].outputs) {
      uint32_t last = step[n];
      for (const uint32_t* r = readers.first(t); r != readers.last(t); ++r) last = std::max(last, step[*r]);
      ++change[step[n]];
      --change[last];
    }
  }
  uint64_t sum = 0;
  int32_t width = 0;
  for (int32_t c : change) {
    width += c;
    sum += uint64_t{1} << std::min(2 * width, 40);
  }
  return sum;
}

}  // namespace

Lists lists_of(size_t count, const std::vector<std::pair<uint32_t, uint32_t>>& pairs) {
  Lists lists;
  lists.begin.assign(count + 1, 0);
  for (const auto& pair : pairs) ++lists.begin[pair.first + 1];
  for (size_t i = 0; i < count; ++i) lists.begin[i + 1] += lists.begin[i];
  std::vector<uint32_t> at(lists.begin.begin(), lists.begin.end() - 1);
  lists.items.resize(pairs.size());
  for (const auto& pair : pairs) lists.items[at[pair.first]++] = pair.second;
  return lists;
}

std::vector<uint32_t> narrow_order(const Problem& problem, const std::vector<int32_t>& producer) {
  const size_t count = problem.nodes.size();
  std::vector<std::pair<uint32_t, uint32_t>> pairs;
  for (size_t n = 0; n < count; ++n)
    for (uint32_t t : problem.nodes[n].inputs) pairs.push_back({t, static_cast<uint32_t>(n)});
  std::sort(pairs.begin(), pairs.end());
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  Orderer orderer{problem, std::vector<uint32_t>(problem.tensors.size()), std::vector<uint32_t>(count),
                  lists_of(problem.tensors.size(), pairs)};
  for (const auto& [t, n] : pairs) {
    ++orderer.reads_left[t];
    orderer.missing[n] += producer[t] >= 0;
  }
  std::priority_queue<Ready> ready;
  std::vector<bool> done(count);
  uint32_t time = 0;
  for (size_t n = count; n-- > 0;)
    if (!orderer.missing[n]) ready.push({orderer.growth(uint32_t(n)), time++, uint32_t(n)});
  std::vector<uint32_t> order;
  bool given_is_fine = true;
  while (!ready.empty()) {
    const uint32_t node = ready.top().node;
    ready.pop();
    if (done[node]) continue;  // it stood there with an older growth too
    done[node] = true;
    order.push_back(node);
    for (uint32_t t : problem.nodes[node].outputs)
      for (const uint32_t* r = orderer.readers.first(t); r != orderer.readers.last(t); ++r) {
        given_is_fine = given_is_fine && *r > node;
        if (--orderer.missing[*r] == 0) ready.push({orderer.growth(*r), time++, *r});
      }
    for (uint32_t t : problem.nodes[node].inputs) {
      if (!orderer.reads_left[t] || --orderer.reads_left[t] != 1) continue;
      for (const uint32_t* r = orderer.readers.first(t); r != orderer.readers.last(t); ++r)
        if (!done[*r] && orderer.missing[*r] == 0) ready.push({orderer.growth(*r), time++, *r});
    }
  }
  if (!given_is_fine) return order;
  std::vector<uint32_t> given(count);
  for (size_t n = 0; n < count; ++n) given[n] = static_cast<uint32_t>(n);
  const bool given_is_narrower =
      width_sum(given, problem, orderer.readers) < width_sum(order, problem, orderer.readers);
  return given_is_narrower ? given : order;
}

}  // namespace motley::place
