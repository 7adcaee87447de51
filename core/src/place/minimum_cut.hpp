// Minimum cuts of directed graphs. Inside this folder only.
#pragma once

#include <algorithm>

#include "place/problem.hpp"

namespace motley::place {

// Minimum cuts by augmenting paths in levels (Dinic).
class Cut {
 public:
  explicit Cut(size_t vertices) : edges_(vertices) {}
  uint32_t add_vertex() {
    edges_.emplace_back();
    return static_cast<uint32_t>(edges_.size() - 1);
  }
  void add_edge(uint32_t from, uint32_t to, Ns capacity) {
    edges_[from].push_back({to, static_cast<uint32_t>(edges_[to].size()), capacity});
    edges_[to].push_back({from, static_cast<uint32_t>(edges_[from].size() - 1), 0});
  }
  Ns run(uint32_t source, uint32_t sink) {
    Ns sum = 0;
    while (find_levels(source, sink)) {
      next_.assign(edges_.size(), 0);
      while (const Ns pushed = push(source, sink, kForbidden)) sum = add(sum, pushed);
      if (sum >= kForbidden) break;
    }
    return sum;
  }

 private:
  struct Edge {
    uint32_t to, back;
    Ns room;
  };
  bool find_levels(uint32_t source, uint32_t sink) {
    level_.assign(edges_.size(), -1);
    level_[source] = 0;
    queue_.assign(1, source);
    for (size_t i = 0; i < queue_.size(); ++i)
      for (const Edge& e : edges_[queue_[i]])
        if (e.room > 0 && level_[e.to] < 0) {
          level_[e.to] = level_[queue_[i]] + 1;
          queue_.push_back(e.to);
        }
    return level_[sink] >= 0;
  }
  Ns push(uint32_t at, uint32_t sink, Ns amount) {
    if (at == sink) return amount;
    for (uint32_t& i = next_[at]; i < edges_[at].size(); ++i) {
      Edge& e = edges_[at][i];
      if (e.room <= 0 || level_[e.to] != level_[at] + 1) continue;
      if (const Ns pushed = push(e.to, sink, std::min(amount, e.room))) {
        e.room -= pushed;
        edges_[e.to][e.back].room = add(edges_[e.to][e.back].room, pushed);
        return pushed;
      }
    }
    return 0;
  }
  std::vector<std::vector<Edge>> edges_;
  std::vector<uint32_t> next_, queue_;
  std::vector<int> level_;
};

}  // namespace motley::place
