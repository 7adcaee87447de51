// The same problem for two devices as a minimum cut: an independent way to the optimum.
#pragma once

#include <queue>

#include "place/problem.hpp"

namespace motley::place {

// Maximum flow by shortest augmenting levels (Dinic).
class Flow {
 public:
  explicit Flow(size_t nodes) : edges_(nodes) {}
  size_t add_node() {
    edges_.emplace_back();
    return edges_.size() - 1;
  }
  void add(size_t from, size_t to, int64_t capacity) {
    edges_[from].push_back({to, edges_[to].size(), capacity});
    edges_[to].push_back({from, edges_[from].size() - 1, 0});
  }
  int64_t run(size_t source, size_t sink) {
    int64_t sum = 0;
    while (find_levels(source, sink)) {
      next_.assign(edges_.size(), 0);
      while (const int64_t pushed = push(source, sink, INT64_MAX)) sum += pushed;
    }
    return sum;
  }

 private:
  struct Edge {
    size_t to, back;
    int64_t room;
  };
  bool find_levels(size_t source, size_t sink) {
    level_.assign(edges_.size(), -1);
    level_[source] = 0;
    std::queue<size_t> queue({source});
    for (; !queue.empty(); queue.pop())
      for (const Edge& e : edges_[queue.front()])
        if (e.room > 0 && level_[e.to] < 0) {
          level_[e.to] = level_[queue.front()] + 1;
          queue.push(e.to);
        }
    return level_[sink] >= 0;
  }
  int64_t push(size_t at, size_t sink, int64_t amount) {
    if (at == sink) return amount;
    for (size_t& i = next_[at]; i < edges_[at].size(); ++i) {
      Edge& e = edges_[at][i];
      if (e.room <= 0 || level_[e.to] != level_[at] + 1) continue;
      if (const int64_t pushed = push(e.to, sink, std::min(amount, e.room))) {
        e.room -= pushed;
        edges_[e.to][e.back].room += pushed;
        return pushed;
      }
    }
    return 0;
  }
  std::vector<std::vector<Edge>> edges_;
  std::vector<int> level_;
  std::vector<size_t> next_;
};

constexpr Ns kUncuttable = Ns{1} << 50;

// For problems of two places, each on a device of its own, whose candidates cover one node each, without limits. At
// least kUncuttable where no plan is possible. A node on the source's side runs at place 0. Moving a tensor from place
// 0 to 1 is paid once however many readers stand on the other side: an extra vertex is cut off together with the first
// of them.
inline Ns min_cut(const Problem& p) {
  const size_t source = p.nodes.size(), sink = source + 1;
  Flow flow(p.nodes.size() + 2);
  for (size_t n = 0; n < p.nodes.size(); ++n) {
    Ns best[2] = {kUncuttable, kUncuttable};
    for (const Candidate& c : p.candidates)
      if (c.nodes[0] == n && usable(p, c)) best[c.input_place] = std::min(best[c.input_place], c.cost_ns);
    flow.add(n, sink, best[0]);
    flow.add(source, n, best[1]);
  }
  for (size_t t = 0; t < p.tensors.size(); ++t) {
    size_t maker = SIZE_MAX;
    for (size_t n = 0; n < p.nodes.size(); ++n)
      for (uint32_t o : p.nodes[n].outputs)
        if (o == t) maker = n;
    if (maker == SIZE_MAX && p.tensors[t].home == kNowhere) continue;
    if (maker == SIZE_MAX) maker = p.tensors[t].home == 0 ? source : sink;
    std::vector<size_t> readers;
    for (size_t n = 0; n < p.nodes.size(); ++n)
      for (uint32_t input : p.nodes[n].inputs)
        if (input == t) readers.push_back(n);
    if (p.tensors[t].wanted != kNowhere) readers.push_back(p.tensors[t].wanted == 0 ? source : sink);
    const size_t to1 = flow.add_node(), to0 = flow.add_node();
    flow.add(maker, to1, std::min(kUncuttable, move_ns(p, 0, 1, p.tensors[t].bytes)));
    flow.add(to0, maker, std::min(kUncuttable, move_ns(p, 1, 0, p.tensors[t].bytes)));
    for (size_t reader : readers) {
      flow.add(to1, reader, kUncuttable);
      flow.add(reader, to0, kUncuttable);
    }
  }
  return flow.run(source, sink);
}

}  // namespace motley::place
