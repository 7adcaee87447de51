// What no choice of calls can beat: along paths, and along the nodes that all paths pass, where memory sizes show.
#include <algorithm>

#include "place/calls.hpp"
#include "place/view.hpp"

namespace motley::place {

namespace {

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

class Bound {
 public:
  explicit Bound(const CallProblem& problem) : p_(problem) {
    std::vector<std::pair<uint32_t, uint32_t>> pairs;
    for (uint32_t n = 0; n < p_.nodes.size(); ++n)
      for (uint32_t r : p_.nodes[n].readers) pairs.push_back({r, n});
    std::sort(pairs.begin(), pairs.end());
    pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
    reads_ = lists_of(p_.nodes.size(), pairs);
    sort_nodes();
  }

  Ns run() {
    const Ns along_paths = paths();
    return std::max(along_paths, separators());
  }

 private:
  void sort_nodes() {
    std::vector<uint32_t> missing(p_.nodes.size());
    std::vector<std::pair<uint32_t, uint32_t>> pairs;
    for (uint32_t n = 0; n < p_.nodes.size(); ++n) {
      missing[n] = static_cast<uint32_t>(reads_.size(n));
      for (const uint32_t* u = reads_.first(n); u != reads_.last(n); ++u) pairs.push_back({*u, n});
      if (!missing[n]) order_.push_back(n);
    }
    readers_ = lists_of(p_.nodes.size(), pairs);
    for (size_t i = 0; i < order_.size(); ++i)
      for (const uint32_t* r = readers_.first(order_[i]); r != readers_.last(order_[i]); ++r)
        if (--missing[*r] == 0) order_.push_back(*r);
  }

  bool runs(uint32_t n) const {
    return p_.nodes[n].accelerator_ns < kForbidden && p_.nodes[n].bytes <= p_.memory_bytes;
  }
  Ns least(uint32_t n) const {
    return runs(n) ? std::min(p_.nodes[n].host_ns, p_.nodes[n].accelerator_ns) : p_.nodes[n].host_ns;
  }

  // For each node, when its result can be in the host's memory at the earliest, and how far a call that has it has
  // come.
  Ns paths() {
    const size_t count = p_.nodes.size();
    std::vector<Ns> home(count), inside(count), done(count);
    from_.assign(count, UINT32_MAX);
    Ns latest = 0;
    for (uint32_t n : order_) {
      Ns start = 0, inner = 0;
      for (const uint32_t* u = reads_.first(n); u != reads_.last(n); ++u) {
        if (from_[n] == UINT32_MAX || home[*u] > start) from_[n] = *u;
        start = std::max(start, home[*u]);
        inner = std::max(inner, std::min(inside[*u], add(home[*u], p_.nodes[*u].transfer_ns)));
      }
      const Ns on_host = add(start, p_.nodes[n].host_ns);
      inside[n] = runs(n) ? add(inner, p_.nodes[n].accelerator_ns) : kForbidden;
      home[n] = std::min(on_host, add(inside[n], p_.nodes[n].transfer_ns));
      done[n] = std::min(on_host, inside[n]);
      if (done[n] >= latest) {
        latest = done[n];
        last_ = n;
      }
    }
    return latest;
  }

  // The nodes that lie on ways from one end of the longest path to the other, in order; and where all those ways pass.
  void find_separators() {
    uint32_t first = last_;
    while (from_[first] != UINT32_MAX) first = from_[first];
    std::vector<bool> above(p_.nodes.size()), below(p_.nodes.size());
    above[first] = below[last_] = true;
    for (uint32_t n : order_)
      for (const uint32_t* u = reads_.first(n); u != reads_.last(n); ++u) above[n] = above[n] || above[*u];
    for (size_t i = order_.size(); i-- > 0;)
      for (const uint32_t* r = readers_.first(order_[i]); r != readers_.last(order_[i]); ++r)
        below[order_[i]] = below[order_[i]] || below[*r];
    at_.assign(p_.nodes.size(), UINT32_MAX);
    for (uint32_t n : order_) {
      if (!above[n] || !below[n]) continue;
      at_[n] = static_cast<uint32_t>(between_.size());
      between_.push_back(n);
    }
    uint32_t reach = 0;
    for (uint32_t i = 0; i < between_.size(); ++i) {
      if (reach <= i) separators_.push_back(i);
      for (const uint32_t* r = readers_.first(between_[i]); r != readers_.last(between_[i]); ++r)
        if (at_[*r] != UINT32_MAX) reach = std::max(reach, at_[*r]);
    }
  }

  // What a call that ends between positions a and b, and has a, computes after a and delivers, at least; or what a call
  // that begins there and has b fetches, and computes before b. With `path`, which is a way from a to b: and what the
  // nodes on it that are not in the call take.
  Ns border(uint32_t a, uint32_t b, bool call_has_a, const std::vector<uint32_t>& path) const {
    Cut cut(b - a + 1);
    for (uint32_t i : path) {
      if (call_has_a) cut.add_edge(0, i - a, least(between_[i]));
      else cut.add_edge(i - a, b - a, least(between_[i]));
    }
    const uint32_t source = 0, sink = b - a;
    for (uint32_t i = a; i < b; ++i) {
      const uint32_t n = between_[i], v = i - a;
      if (i != a) {
        const Ns work = runs(n) ? p_.nodes[n].accelerator_ns : kForbidden;
        if (call_has_a) cut.add_edge(v, sink, work);
        else cut.add_edge(source, v, work);
      }
      const uint32_t net = cut.add_vertex();
      cut.add_edge(v, net, p_.nodes[n].transfer_ns);
      for (const uint32_t* r = readers_.first(n); r != readers_.last(n); ++r)
        if (at_[*r] != UINT32_MAX) cut.add_edge(net, at_[*r] - a, kForbidden);
    }
    return cut.run(source, sink);
  }

  // The longest way between two positions, both left out, where moving costs nothing; and the positions on it.
  Ns way(uint32_t a, uint32_t b, std::vector<uint32_t>& path) const {
    std::vector<Ns> longest(b - a);
    std::vector<uint32_t> before(b - a, a);
    uint32_t last = a;
    for (uint32_t i = a + 1; i < b; ++i) {
      for (const uint32_t* u = reads_.first(between_[i]); u != reads_.last(between_[i]); ++u)
        if (at_[*u] != UINT32_MAX && at_[*u] > a && longest[at_[*u] - a] > longest[before[i - a] - a])
          before[i - a] = at_[*u];
      longest[i - a] = add(longest[before[i - a] - a], least(between_[i]));
      if (longest[i - a] > longest[last - a]) last = i;
    }
    path.clear();
    for (uint32_t i = last; i != a; i = before[i - a]) path.push_back(i);
    return longest[last - a];
  }

  // From a, which is done on the host, to the start of b on the host: what is computed in calls between them is fetched
  // and delivered.
  Ns way_home(uint32_t a, uint32_t b) const {
    std::vector<Ns> home(b - a), inside(b - a, kForbidden);
    for (uint32_t i = a + 1; i <= b; ++i) {
      const uint32_t n = between_[i];
      Ns start = 0, inner = 0;
      for (const uint32_t* u = reads_.first(n); u != reads_.last(n); ++u) {
        if (at_[*u] == UINT32_MAX || at_[*u] < a) continue;
        const uint32_t at = at_[*u] - a;
        start = std::max(start, home[at]);
        inner = std::max(inner, std::min(inside[at], add(home[at], p_.nodes[*u].transfer_ns)));
      }
      if (i == b) return start;
      inside[i - a] = runs(n) ? add(inner, p_.nodes[n].accelerator_ns) : kForbidden;
      home[i - a] = std::min(add(start, p_.nodes[n].host_ns), add(inside[i - a], p_.nodes[n].transfer_ns));
    }
    return 0;
  }

  // What passing from one separator to the next takes, by where the two are: on the host, in one call and the host, in
  // two calls.
  struct Passage {
    Ns home = 0, leave = 0, enter = 0, change = 0;
  };
  Passage passage(uint32_t a, uint32_t b) const {
    std::vector<uint32_t> path;
    const Ns free_way = way(a, b, path);
    Passage p;
    p.home = way_home(a, b);
    p.leave = border(a, b, true, path);
    p.enter = border(a, b, false, path);
    const Ns both = add(border(a, b, true, {}), border(a, b, false, {}));
    p.change = std::max({both, free_way, p.leave, p.enter});
    return p;
  }

  // Calls that end with separator j: the separators that they begin with, from j backwards, and their work.
  std::vector<Ns> calls_until(size_t j) const {
    std::vector<Ns> calls;
    Ns work = 0;
    int64_t bytes = 0;
    uint32_t i = separators_[j] + 1;
    for (size_t k = j + 1; k-- > 0;) {
      for (; i > separators_[k]; --i) {
        work = add(work, runs(between_[i - 1]) ? p_.nodes[between_[i - 1]].accelerator_ns : kForbidden);
        bytes = add(bytes, p_.nodes[between_[i - 1]].bytes);
      }
      if (bytes > p_.memory_bytes || work >= kForbidden) break;
      calls.push_back(work);
    }
    return calls;
  }

  // Along the separators each is on the host or in a call; a call that has two of them has all that lies between, and
  // there are no more such calls than accelerators.
  Ns separators() {
    find_separators();
    const size_t count = separators_.size(), most = std::min<size_t>(p_.accelerators, count);
    if (count == 0) return 0;
    // Per number of calls so far, and separator.
    const std::vector<std::vector<Ns>> never(most + 1, std::vector<Ns>(count, kForbidden));
    std::vector<std::vector<Ns>> on_host = never, ended = never, begin = never;
    for (size_t j = 0; j < count; ++j) {
      const Passage p = j ? passage(separators_[j - 1], separators_[j]) : Passage();
      const std::vector<Ns> calls = calls_until(j);
      for (size_t c = 0; c <= most; ++c) {
        Ns start = c ? kForbidden : 0, fetched = c == 1 ? 0 : kForbidden;
        if (j) start = std::min(add(on_host[c][j - 1], p.home), add(ended[c][j - 1], p.leave));
        if (j)
          fetched = c ? std::min(add(on_host[c - 1][j - 1], p.enter), add(ended[c - 1][j - 1], p.change)) : kForbidden;
        on_host[c][j] = add(start, p_.nodes[between_[separators_[j]]].host_ns);
        begin[c][j] = fetched;
        for (size_t k = 0; k < calls.size(); ++k) ended[c][j] = std::min(ended[c][j], add(begin[c][j - k], calls[k]));
      }
    }
    Ns least = kForbidden;
    for (size_t c = 0; c <= most; ++c) least = std::min({least, on_host[c].back(), ended[c].back()});
    return least;
  }

  const CallProblem& p_;
  Lists reads_, readers_;
  std::vector<uint32_t> order_, from_;
  uint32_t last_ = 0;
  std::vector<uint32_t> between_, at_, separators_;
};

}  // namespace

Ns latency_bound(const CallProblem& problem) { return problem.nodes.empty() ? 0 : Bound(problem).run(); }

}  // namespace motley::place
