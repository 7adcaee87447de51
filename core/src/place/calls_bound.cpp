// What no choice of calls can beat: along paths, and along the nodes that all paths pass, where memory sizes show.
#include <algorithm>

#include "place/calls.hpp"
#include "place/minimum_cut.hpp"
#include "place/view.hpp"

namespace motley::place {

namespace {

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
  __extension__ using Wide = __int128;
  static constexpr int64_t kWhole = 1 << 16;  // of a way

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

  // What a node takes at least where `calls` says whether there may be a call for it.
  Ns least(uint32_t n, bool calls) const { return calls ? least(n) : p_.nodes[n].host_ns; }

  // Shares of a way from position a to position b, both left out, in units of 1 / kWhole: the nodes' times by these
  // shares add up to no more than the longest way. First the longest way where calls are free to use or not at all,
  // then the way divided evenly at every fork.
  std::vector<std::vector<int64_t>> ways(uint32_t a, uint32_t b, bool calls) const {
    std::vector<Ns> longest(b - a);
    std::vector<uint32_t> before(b - a, a);
    uint32_t last = a;
    for (uint32_t i = a + 1; i < b; ++i) {
      for (const uint32_t* u = reads_.first(between_[i]); u != reads_.last(between_[i]); ++u)
        if (at_[*u] != UINT32_MAX && at_[*u] > a && longest[at_[*u] - a] > longest[before[i - a] - a])
          before[i - a] = at_[*u];
      longest[i - a] = add(longest[before[i - a] - a], least(between_[i], calls));
      if (longest[i - a] > longest[last - a]) last = i;
    }
    std::vector<std::vector<int64_t>> shares(1, std::vector<int64_t>(b - a));
    for (uint32_t i = last; i != a; i = before[i - a]) shares[0][i - a] = kWhole;
    if (b - a <= 2) return shares;
    std::vector<int64_t> even(b - a);
    even[0] = kWhole;
    for (uint32_t i = a; i < b; ++i) {
      int64_t forks = 0;
      for (const uint32_t* r = readers_.first(between_[i]); r != readers_.last(between_[i]); ++r)
        forks += at_[*r] != UINT32_MAX;
      for (const uint32_t* r = readers_.first(between_[i]); r != readers_.last(between_[i]); ++r)
        if (at_[*r] < b) even[at_[*r] - a] += even[i - a] / forks;
    }
    even[0] = 0;
    shares.push_back(std::move(even));
    return shares;
  }

  static Ns part(Ns time, int64_t share) {
    return time >= kForbidden ? (share ? kForbidden : 0) : static_cast<Ns>(Wide(time) * share / kWhole);
  }
  Ns in_call(uint32_t n) const { return runs(n) ? p_.nodes[n].accelerator_ns : kForbidden; }

  // From position a to position b, both left out: what the call that has a computes from there on and delivers, if it
  // is in one; then a way; then what the call that has b fetches and computes before it. By a minimum cut over three
  // choices for each node between: in the first call, in the second, in neither; nodes before one in the first call are
  // there too, as are those after one in the second.
  Ns cross(uint32_t a, uint32_t b, bool from_call, bool to_call, const std::vector<int64_t>& shares,
           bool others) const {
    const uint32_t source = 0, sink = 1, inner = b - a - 1;
    Cut cut(2 + 2 * size_t{inner});
    // On the source's side: not yet in the second call; still in the first one.
    const auto before_second = [&](uint32_t i) {
      return i == a ? source : i == b ? (to_call ? sink : source) : 2 + 2 * (i - a - 1);
    };
    const auto in_first = [&](uint32_t i) {
      return i == a ? (from_call ? source : sink) : i == b ? sink : 3 + 2 * (i - a - 1);
    };
    for (uint32_t i = a + 1; i < b; ++i) {
      const uint32_t n = between_[i];
      cut.add_edge(source, before_second(i), to_call ? in_call(n) : kForbidden);
      cut.add_edge(before_second(i), in_first(i), part(least(n, others), shares[i - a]));
      cut.add_edge(in_first(i), before_second(i), kForbidden);
      cut.add_edge(in_first(i), sink, from_call ? in_call(n) : kForbidden);
    }
    for (uint32_t i = a; i < b; ++i) {
      if (from_call) add_net(cut, i, a, b, in_first);
      if (to_call) add_net(cut, i, a, b, before_second);
    }
    return cut.run(source, sink);
  }

  // A node on the source's side pays for its transfer if one of its readers is not; the other way round is not allowed.
  template <class Vertex>
  void add_net(Cut& cut, uint32_t i, uint32_t a, uint32_t b, const Vertex& vertex) const {
    const uint32_t net = cut.add_vertex();
    cut.add_edge(vertex(i), net, p_.nodes[between_[i]].transfer_ns);
    for (const uint32_t* r = readers_.first(between_[i]); r != readers_.last(between_[i]); ++r) {
      if (at_[*r] == UINT32_MAX || at_[*r] > b) continue;
      cut.add_edge(net, vertex(at_[*r]), kForbidden);
      if (i != a && at_[*r] != b) cut.add_edge(vertex(at_[*r]), vertex(i), kForbidden);
    }
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
  // two calls. The first of each without other calls between them, the second with any number.
  struct Passage {
    Ns home[2] = {}, leave[2] = {}, enter[2] = {}, change[2] = {};
  };
  Passage passage(uint32_t a, uint32_t b) const {
    Passage p;
    for (const bool others : {false, true}) {
      if (others) p.home[1] = way_home(a, b);
      for (const std::vector<int64_t>& shares : ways(a, b, others)) {
        const auto raise = [&](Ns& proved, bool from_call, bool to_call) {
          proved = std::max(proved, cross(a, b, from_call, to_call, shares, others));
        };
        raise(p.home[others], false, false);
        raise(p.leave[others], true, false);
        raise(p.enter[others], false, true);
        raise(p.change[others], true, true);
      }
    }
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
        work = add(work, in_call(between_[i - 1]));
        bytes = add(bytes, p_.nodes[between_[i - 1]].bytes);
      }
      if (bytes > p_.memory_bytes || work >= kForbidden) break;
      calls.push_back(work);
    }
    return calls;
  }

  // Along the separators each is on the host or in a call; a call that has two of them has all that lies between. There
  // are no more calls than accelerators, those between separators included.
  Ns separators() {
    find_separators();
    const size_t count = separators_.size(), most = std::min<size_t>(p_.accelerators, between_.size());
    if (count == 0) return 0;
    // Per number of calls so far, and separator.
    const std::vector<std::vector<Ns>> never(most + 1, std::vector<Ns>(count, kForbidden));
    std::vector<std::vector<Ns>> on_host = never, ended = never, begin = never;
    for (size_t j = 0; j < count; ++j) {
      const Passage p = j ? passage(separators_[j - 1], separators_[j]) : Passage();
      const std::vector<Ns> calls = calls_until(j);
      for (size_t c = 0; c <= most; ++c) {
        Ns start = c || j ? kForbidden : 0, fetched = c == 1 && !j ? 0 : kForbidden;
        for (size_t others = 0; j && others < 2 && others <= c; ++others) {
          const size_t d = c - others;  // calls before, but for the one that begins
          start = std::min({start, add(on_host[d][j - 1], p.home[others]), add(ended[d][j - 1], p.leave[others])});
          if (d == 0) continue;
          fetched = std::min(
              {fetched, add(on_host[d - 1][j - 1], p.enter[others]), add(ended[d - 1][j - 1], p.change[others])});
        }
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
