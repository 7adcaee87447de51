// Latencies of calls: chains by dynamic programming, then annealing.
#include "place/calls.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "place/ideals.hpp"
#include "place/random.hpp"
#include "place/reduction.hpp"
#include "place/validate.hpp"

namespace motley::place {

namespace {

// Values a choice again and again without allocating. Vertices: nodes, then one per accelerator; a node that runs on an
// accelerator stands for itself no more.
class Clock {
 public:
  explicit Clock(const CallProblem& problem) : p_(problem), count_(problem.nodes.size()) {
    std::vector<std::pair<uint32_t, uint32_t>> readers;
    for (uint32_t n = 0; n < count_; ++n)
      for (uint32_t r : p_.nodes[n].readers) readers.push_back({n, r});
    std::sort(readers.begin(), readers.end());
    readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
    readers_ = lists_of(count_, readers);
  }

  Ns latency(const std::vector<uint32_t>& device) {
    const size_t vertices = count_ + p_.accelerators;
    missing_.assign(vertices, 0);
    ready_at_.assign(vertices, 0);
    work_.assign(p_.accelerators, 0);
    bytes_.assign(p_.accelerators, 0);
    members_.resize(p_.accelerators);
    for (auto& list : members_) list.clear();
    const auto vertex = [&](uint32_t n) {
      const uint32_t d = device[p_.nodes[n].block];
      return d < p_.accelerators ? static_cast<uint32_t>(count_) + d : n;
    };
    for (uint32_t n = 0; n < count_; ++n) {
      const CallProblem::Node& node = p_.nodes[n];
      const uint32_t from = vertex(n);
      if (from >= count_) {
        const uint32_t d = from - static_cast<uint32_t>(count_);
        work_[d] = add(work_[d], node.accelerator_ns);
        bytes_[d] += node.bytes;
        members_[d].push_back(n);
        if (work_[d] >= kForbidden || bytes_[d] > p_.memory_bytes) return kForbidden;
      }
      charge(n, from, vertex);
    }
    return run(vertex);
  }

 private:
  // Counts what waits for node n, and lets accelerators pay for moving it.
  template <class Vertex>
  void charge(uint32_t n, uint32_t from, const Vertex& vertex) {
    bool sent = false;
    fetched_.clear();
    for (const uint32_t* r = readers_.first(n); r != readers_.last(n); ++r) {
      const uint32_t to = vertex(*r);
      if (to == from) continue;
      ++missing_[to];
      sent = true;
      if (to < count_ || std::find(fetched_.begin(), fetched_.end(), to) != fetched_.end()) continue;
      fetched_.push_back(to);
      work_[to - count_] = add(work_[to - count_], p_.nodes[n].transfer_ns);
    }
    if (sent && from >= count_) work_[from - count_] = add(work_[from - count_], p_.nodes[n].transfer_ns);
  }

  template <class Vertex>
  Ns run(const Vertex& vertex) {
    queue_.clear();
    size_t expected = 0;
    for (uint32_t n = 0; n < count_; ++n) {
      if (vertex(n) != n) continue;
      ++expected;
      if (!missing_[n]) queue_.push_back(n);
    }
    for (uint32_t d = 0; d < p_.accelerators; ++d) {
      if (members_[d].empty()) continue;
      ++expected;
      if (!missing_[count_ + d]) queue_.push_back(static_cast<uint32_t>(count_) + d);
    }
    Ns latest = 0;
    const auto deliver = [&](uint32_t n, uint32_t from, Ns at) {
      for (const uint32_t* r = readers_.first(n); r != readers_.last(n); ++r) {
        const uint32_t to = vertex(*r);
        if (to == from) continue;
        ready_at_[to] = std::max(ready_at_[to], at);
        if (--missing_[to] == 0) queue_.push_back(to);
      }
    };
    for (size_t i = 0; i < queue_.size(); ++i) {
      const uint32_t v = queue_[i];
      const Ns done = add(ready_at_[v], v < count_ ? p_.nodes[v].host_ns : work_[v - count_]);
      latest = std::max(latest, done);
      if (v < count_) deliver(v, v, done);
      else
        for (uint32_t n : members_[v - count_]) deliver(n, v, done);
    }
    return queue_.size() == expected ? latest : kForbidden;
  }

  const CallProblem& p_;
  const size_t count_;
  Lists readers_;
  std::vector<uint32_t> missing_, queue_, fetched_;
  std::vector<Ns> ready_at_, work_;
  std::vector<int64_t> bytes_;
  std::vector<std::vector<uint32_t>> members_;
};

// Blocks as the units of a pipeline, for its ideals and cuts.
StageProblem units_of(const CallProblem& p) {
  StageProblem s;
  s.units.resize(p.blocks);
  s.accelerators = p.accelerators;
  s.memory_bytes = p.memory_bytes;
  for (const CallProblem::Node& node : p.nodes) {
    StageProblem::Unit& unit = s.units[node.block];
    unit.host_ns = add(unit.host_ns, node.host_ns);
    unit.accelerator_ns = add(unit.accelerator_ns, node.accelerator_ns);
    unit.bytes += node.bytes;
    StageProblem::Net net{node.transfer_ns, {node.block}};
    for (uint32_t r : node.readers) {
      const uint32_t b = p.nodes[r].block;
      net.units.push_back(b);
      if (b != node.block) s.before.push_back({node.block, b});
    }
    std::sort(net.units.begin(), net.units.end());
    net.units.erase(std::unique(net.units.begin(), net.units.end()), net.units.end());
    if (net.units.size() > 1) s.nets.push_back(std::move(net));
  }
  return s;
}

// The best chain of calls and host blocks one after another: what it counts is at least the latency.
class ChainSearch {
 public:
  ChainSearch(const StageProblem& problem, const Ideals& ideals, uint64_t max_pairs, Ns upper)
      : p_(problem),
        ideals_(ideals),
        sums_(sums_of(problem, ideals)),
        cuts_(problem, ideals),
        upper_(upper),
        pairs_left_(max_pairs / (1 + p_.accelerators / 8)) {}

  // Per unit, the device; empty if nothing fits that counts less than the upper bound.
  std::vector<uint32_t> run() {
    const size_t count = ideals_.size();
    least_rest_.assign(count, 0);
    for (uint32_t i = 0; i < count; ++i)
      for (uint32_t u = 0; u < p_.units.size(); ++u)
        if (!ideals_.has(i, u))
          least_rest_[i] = add(least_rest_[i], std::min(p_.units[u].host_ns, p_.units[u].accelerator_ns));
    levels_ = p_.accelerators + 1;
    best_.assign(count * levels_, kForbidden);
    back_.assign(count * levels_, {0, false});
    seen_.assign(count, 0);
    best_[0] = 0;
    for (uint32_t i = 0; i < count && pairs_left_; ++i) extend(i);
    return trace();
  }
  // What the answer counts: its calls and host blocks one after another.
  Ns counted() const { return counted_; }

 private:
  struct Back {
    uint32_t ideal;
    bool host;
  };

  void relax(uint32_t from, uint32_t to, bool host, Ns cost) {
    const Ns useful = upper_ - least_rest_[to];
    if (add(least_, cost) >= useful) return;
    const Ns* before = best_.data() + size_t{from} * levels_;
    Ns* after = best_.data() + size_t{to} * levels_;
    const uint32_t step = host ? 0 : 1;
    for (uint32_t l = 0; l + step < levels_; ++l) {
      const Ns reached = add(before[l], cost);
      if (reached >= after[l + step] || reached >= useful) continue;
      after[l + step] = reached;
      back_[size_t{to} * levels_ + l + step] = {from, host};
    }
  }

  void extend(uint32_t from) {
    const Ns* best = best_.data() + size_t{from} * levels_;
    least_ = *std::min_element(best, best + levels_);
    if (add(least_, least_rest_[from]) >= upper_) return;
    for (const uint32_t* n = ideals_.next.first(from); n != ideals_.next.last(from); ++n)
      relax(from, *n, true, sums_[*n].host - sums_[from].host);
    stack_.assign(1, from);
    ++stamp_;
    while (!stack_.empty() && pairs_left_) {
      const uint32_t at = stack_.back();
      stack_.pop_back();
      for (const uint32_t* n = ideals_.next.first(at); n != ideals_.next.last(at); ++n) {
        if (seen_[*n] == stamp_) continue;
        seen_[*n] = stamp_;
        const IdealSum &a = sums_[from], &b = sums_[*n];
        if (b.host_only != a.host_only || b.bytes - a.bytes > p_.memory_bytes) continue;
        if (add(least_, b.accelerator - a.accelerator) + least_rest_[*n] >= upper_) continue;
        stack_.push_back(*n);
        pairs_left_ -= pairs_left_ ? 1 : 0;
        relax(from, *n, false, b.accelerator - a.accelerator + cuts_.transfers(from, *n));
      }
    }
  }

  std::vector<uint32_t> trace() {
    uint32_t ideal = static_cast<uint32_t>(ideals_.size() - 1), at = 0;
    const Ns* last = best_.data() + size_t{ideal} * levels_;
    for (uint32_t l = 1; l < levels_; ++l)
      if (last[l] < last[at]) at = l;
    if (last[at] >= kForbidden) return {};
    counted_ = last[at];
    std::vector<uint32_t> device(p_.units.size(), p_.accelerators);
    while (ideal != 0) {
      const Back& back = back_[size_t{ideal} * levels_ + at];
      if (!back.host) --at;
      for (uint32_t u = 0; u < p_.units.size() && !back.host; ++u)
        if (ideals_.has(ideal, u) && !ideals_.has(back.ideal, u)) device[u] = at;
      ideal = back.ideal;
    }
    return device;
  }

  const StageProblem& p_;
  const Ideals& ideals_;
  const std::vector<IdealSum> sums_;
  const IdealCuts cuts_;
  const Ns upper_;
  Ns counted_ = kForbidden;
  uint64_t pairs_left_;
  uint32_t levels_ = 0;
  Ns least_ = 0;                // of the ideal at hand
  std::vector<Ns> least_rest_;  // per ideal
  std::vector<Ns> best_;
  std::vector<Back> back_;
  std::vector<uint32_t> seen_, stack_;
  uint32_t stamp_ = 0;
};

class CallAnnealer {
 public:
  CallAnnealer(const CallProblem& problem, const StageProblem& units, Clock& clock, std::vector<uint32_t> start)
      : p_(problem), units_(units), clock_(clock), device_(std::move(start)), best_(device_) {
    latency_ = best_latency_ = clock_.latency(device_);
    std::vector<std::pair<uint32_t, uint32_t>> pairs;
    for (const auto& [a, b] : units.before) {
      pairs.push_back({a, b});
      pairs.push_back({b, a});
    }
    std::sort(pairs.begin(), pairs.end());
    pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
    neighbours_ = lists_of(p_.blocks, pairs);
  }

  void run(uint64_t moves) {
    const double scale = static_cast<double>(std::max<Ns>(1, latency_));
    for (uint64_t i = 0; i < moves; ++i) {
      const double heat = kWarm * std::pow(1e-3, static_cast<double>(i) / static_cast<double>(moves));
      if (!propose()) continue;
      const Ns after = clock_.latency(device_);
      const double worse = (static_cast<double>(after) - static_cast<double>(latency_)) / scale;
      if (after < kForbidden && (worse <= 0 || random_.unit() < std::exp(-worse / heat))) {
        latency_ = after;
        if (after < best_latency_) {
          best_latency_ = after;
          best_ = device_;
        }
        continue;
      }
      for (const auto& [block, device] : undo_) device_[block] = device;
    }
  }
  Ns best_latency() const { return best_latency_; }
  const std::vector<uint32_t>& best() const { return best_; }

 private:
  static constexpr double kWarm = 0.03;  // of the latency at the start; a thousandth of that at the end

  // One block, or a run of neighbours, goes where a neighbour is, to the host, or to any accelerator.
  bool propose() {
    undo_.clear();
    uint32_t u = random_.below(p_.blocks);
    const uint32_t from = device_[u];
    uint32_t to = p_.accelerators;
    const uint32_t kind = random_.below(8);
    if (kind < 6 && neighbours_.size(u)) to = device_[neighbours_.first(u)[random_.below(neighbours_.size(u))]];
    else if (kind < 7) to = random_.below(p_.accelerators + 1);
    if (to == from) return false;
    for (uint32_t length = 1 + (random_.below(3) == 0 ? random_.below(6) : 0); length > 0; --length) {
      undo_.push_back({u, device_[u]});
      device_[u] = to;
      if (!neighbours_.size(u)) break;
      const uint32_t next = neighbours_.first(u)[random_.below(neighbours_.size(u))];
      if (device_[next] != from) break;
      u = next;
    }
    return true;
  }

  const CallProblem& p_;
  const StageProblem& units_;
  Clock& clock_;
  Lists neighbours_;
  std::vector<uint32_t> device_, best_;
  std::vector<std::pair<uint32_t, uint32_t>> undo_;
  Ns latency_ = 0, best_latency_ = 0;
  Random random_;
};

void check(const CallProblem& p) {
  const auto wrong = [](const char* text, std::initializer_list<base::Piece> values) {
    base::fail(ErrorCode::invalid_argument, text, values);
  };
  constexpr int64_t kMost = int64_t{1} << 52;
  for (size_t n = 0; n < p.nodes.size(); ++n) {
    const CallProblem::Node& node = p.nodes[n];
    const bool runs = node.accelerator_ns == kForbidden || (node.accelerator_ns >= 0 && node.accelerator_ns <= kMost);
    if (!runs || node.host_ns < 0 || node.host_ns > kMost || node.transfer_ns < 0 || node.transfer_ns > kMost ||
        node.bytes < 0 || node.bytes > kMost)
      wrong("node % has a number out of range (% and % ns, % ns to move, % bytes)",
            {n, node.host_ns, node.accelerator_ns, node.transfer_ns, node.bytes});
    if (node.block >= p.blocks) wrong("node % is in block %, there are %", {n, node.block, p.blocks});
    for (uint32_t r : node.readers)
      if (r >= p.nodes.size() || p.nodes[r].block < node.block)
        wrong("node % is read by node %, which does not exist or is in an earlier block", {n, r});
  }
}

}  // namespace

Ns latency_of(const CallProblem& problem, const std::vector<uint32_t>& device) {
  return Clock(problem).latency(device);
}

Calls plan_calls(const CallProblem& problem, const CallOptions& options) {
  check(problem);
  Calls calls;
  if (problem.nodes.empty()) return {{}, 0, 0};
  const StageProblem units = units_of(problem);
  Clock clock(problem);
  const auto consider = [&](const std::vector<uint32_t>& device) {
    if (device.empty()) return;
    const Ns latency = clock.latency(device);
    if (latency < calls.latency_ns || calls.device.empty()) calls.latency_ns = latency, calls.device = device;
  };
  consider(std::vector<uint32_t>(problem.blocks, problem.accelerators));
  Reduction reduction(units);
  const StageProblem small = reduction.reduced();
  Ns counted = kForbidden;
  const auto chain = [&](const Ideals& ideals) {
    ChainSearch search(small, ideals, options.max_pairs, counted);
    const std::vector<uint32_t> device = search.run();
    if (!device.empty()) consider(reduction.expand(device));
    counted = std::min(counted, search.counted());
  };
  chain(ideals_of_orders(small, likely_orders(small)));
  const Ideals all = all_ideals(small, options.max_ideals);
  if (all.complete) chain(all);
  const Ns bound = latency_bound(problem);
  if (calls.latency_ns > bound) {
    CallAnnealer annealer(problem, units, clock, calls.device);
    annealer.run(options.moves ? options.moves
                               : std::min<uint64_t>(
                                     8000000, 2500000000 / (problem.nodes.size() + 8 * size_t{problem.accelerators})));
    if (annealer.best_latency() < calls.latency_ns) {
      calls.latency_ns = annealer.best_latency();
      calls.device = annealer.best();
    }
  }
  calls.bound_ns = std::min(calls.latency_ns, bound);
  expect_valid(problem, calls);
  return calls;
}

}  // namespace motley::place
