// Contiguous stages by dynamic programming over pairs of ideals.
#include <algorithm>

#include "base/text.hpp"
#include "place/ideals.hpp"
#include "place/reduction.hpp"
#include "place/stages.hpp"
#include "place/validate.hpp"

namespace motley::place {

namespace {

constexpr uint64_t kMostLevels = uint64_t{1} << 25;  // ideals × levels: 16 bytes each
constexpr uint64_t kMostPairLevels = 10000000000;    // pairs × levels: some ten seconds

class StageSearch {
 public:
  StageSearch(const StageProblem& problem, const Ideals& ideals, Ns upper, uint64_t max_pairs)
      : p_(problem),
        ideals_(ideals),
        upper_(upper),
        pairs_left_(max_pairs),
        levels_((p_.accelerators + 1) * (p_.hosts + 1)),
        sums_(sums_of(problem, ideals)),
        cuts_(problem, ideals) {
    for (const StageProblem::Unit& unit : p_.units) {
      if (unit.accelerator_ns >= kForbidden || unit.accelerator_ns == 0) continue;
      const long double gain =
          static_cast<long double>(unit.accelerator_ns) / static_cast<long double>(std::max<Ns>(1, unit.host_ns));
      host_gain_ = std::max(host_gain_, gain);
    }
  }
  // A split with less than the upper bound, or one with load kForbidden.
  Stages run();
  bool ran_out() const { return pairs_left_ == 0; }

 private:
  struct Back {
    uint32_t ideal = 0;
    bool host = false;
  };
  bool can_end(uint32_t ideal, uint32_t level) const;
  bool open_levels(uint32_t ideal);
  void extend(uint32_t from);
  void relax(uint32_t from, uint32_t to, bool host, Ns load);
  Stages trace() const;

  uint32_t level(uint32_t accelerators, uint32_t hosts) const { return hosts * (p_.accelerators + 1) + accelerators; }

  const StageProblem& p_;
  const Ideals& ideals_;
  const Ns upper_;
  uint64_t pairs_left_;
  const uint32_t levels_;
  const std::vector<IdealSum> sums_;  // per ideal
  const IdealCuts cuts_;
  long double host_gain_ = 0;  // most accelerator time that one nanosecond of a host saves
  std::vector<Ns> best_;       // per ideal and level: load of the most loaded stage so far
  std::vector<Back> back_;
  std::vector<uint8_t> active_;  // per level of the ideal at hand
  std::vector<uint32_t> stack_, seen_;
  uint32_t stamp_ = 0;
};

// Whether what is left could fit on the devices that are left.
bool StageSearch::can_end(uint32_t ideal, uint32_t l) const {
  const uint32_t accelerators = p_.accelerators - l % (p_.accelerators + 1);
  const uint32_t hosts = p_.hosts - l / (p_.accelerators + 1);
  const Ns rest = sums_.back().accelerator - sums_[ideal].accelerator;
  if (sums_.back().host_only > sums_[ideal].host_only && hosts == 0) return false;
  const long double room = static_cast<long double>(upper_ - 1) * (accelerators + hosts * host_gain_);
  return static_cast<long double>(rest) <= room + 1;
}

bool StageSearch::open_levels(uint32_t ideal) {
  Ns* best = best_.data() + size_t{ideal} * levels_;
  bool any = false;
  for (uint32_t l = 0; l < levels_; ++l) {
    active_[l] = best[l] < upper_ && can_end(ideal, l);
    any = any || active_[l];
  }
  return any;
}

void StageSearch::relax(uint32_t from, uint32_t to, bool host, Ns load) {
  const Ns* before = best_.data() + size_t{from} * levels_;
  Ns* after = best_.data() + size_t{to} * levels_;
  const uint32_t step = host ? p_.accelerators + 1 : 1;
  for (uint32_t l = 0; l + step < levels_; ++l) {
    if (!active_[l] || (!host && l % (p_.accelerators + 1) == p_.accelerators)) continue;
    const Ns reached = std::max(before[l], load);
    if (reached >= after[l + step]) continue;
    after[l + step] = reached;
    back_[size_t{to} * levels_ + l + step] = {from, host};
  }
}

void StageSearch::extend(uint32_t from) {
  std::vector<uint32_t>& stack = stack_;
  stack.assign(1, from);
  ++stamp_;
  while (!stack.empty()) {
    const uint32_t at = stack.back();
    stack.pop_back();
    for (const uint32_t* n = ideals_.next.first(at); n != ideals_.next.last(at); ++n) {
      if (seen_[*n] == stamp_) continue;
      seen_[*n] = stamp_;
      const IdealSum &a = sums_[from], &b = sums_[*n];
      const Ns host = b.host - a.host;
      const bool on_host = p_.hosts && host < upper_;
      const bool on_accelerator = p_.accelerators && b.host_only == a.host_only &&
                                  b.accelerator - a.accelerator < upper_ && b.bytes - a.bytes <= p_.memory_bytes;
      if (!on_host && !on_accelerator) continue;
      stack.push_back(*n);
      if (pairs_left_ == 0) return;
      --pairs_left_;
      if (on_host) relax(from, *n, true, host);
      if (!on_accelerator) continue;
      const Ns load = b.accelerator - a.accelerator + cuts_.transfers(from, *n);
      if (load < upper_) relax(from, *n, false, load);
    }
  }
}

Stages StageSearch::run() {
  const size_t count = ideals_.size();
  best_.assign(count * levels_, kForbidden);
  back_.resize(count * levels_);
  seen_.assign(count, 0);
  active_.resize(levels_);
  best_[0] = 0;
  for (uint32_t i = 0; i < count && pairs_left_; ++i)
    if (open_levels(i)) extend(i);
  return trace();
}

Stages StageSearch::trace() const {
  Stages stages;
  stages.ideals = ideals_.size();
  uint32_t ideal = static_cast<uint32_t>(ideals_.size() - 1), at = 0;
  const Ns* last = best_.data() + size_t{ideal} * levels_;
  for (uint32_t l = 1; l < levels_; ++l)
    if (last[l] < last[at]) at = l;
  stages.load_ns = last[at];
  if (stages.load_ns >= kForbidden) return stages;
  stages.device.assign(p_.units.size(), 0);
  uint32_t accelerator = 0, host = p_.accelerators;
  while (ideal != 0) {
    const Back& back = back_[size_t{ideal} * levels_ + at];
    const uint32_t device = back.host ? host++ : accelerator++;
    for (uint32_t u = 0; u < p_.units.size(); ++u)
      if (ideals_.has(ideal, u) && !ideals_.has(back.ideal, u)) stages.device[u] = device;
    at -= back.host ? p_.accelerators + 1 : 1;
    ideal = back.ideal;
  }
  return stages;
}

void check(const StageProblem& p, const std::vector<uint32_t>& order) {
  const auto wrong = [](const char* text, std::initializer_list<base::Piece> values) {
    base::fail(ErrorCode::invalid_argument, text, values);
  };
  constexpr int64_t kMost = int64_t{1} << 52;
  if (p.accelerators + p.hosts == 0 || p.accelerators > 1000 || p.hosts > 1000)
    wrong("a pipeline on % accelerators and % hosts: 1 to 1000 of a kind are possible", {p.accelerators, p.hosts});
  for (size_t u = 0; u < p.units.size(); ++u) {
    const StageProblem::Unit& unit = p.units[u];
    if (unit.host_ns < 0 || unit.host_ns > kMost || unit.accelerator_ns < 0 || unit.bytes < 0 || unit.bytes > kMost ||
        (unit.accelerator_ns > kMost && unit.accelerator_ns != kForbidden))
      wrong("unit % of the pipeline has a number out of range (% and % ns, % bytes)",
            {u, unit.host_ns, unit.accelerator_ns, unit.bytes});
  }
  for (const StageProblem::Net& net : p.nets) {
    if (net.cost_ns < 0 || net.cost_ns > kMost) wrong("a net costs % ns, which is out of range", {net.cost_ns});
    for (size_t i = 0; i < net.units.size(); ++i)
      if (net.units[i] >= p.units.size() || (i && net.units[i] <= net.units[i - 1]))
        wrong("a net's units are not ascending or do not exist (%)", {net.units[i]});
  }
  if (order.size() != p.units.size()) wrong("the units of the pipeline wait for each other in a circle", {});
}

}  // namespace

Stages split_contiguous(const StageProblem& problem, const StageOptions& limits) {
  for (const auto& [a, b] : problem.before)
    if (a >= problem.units.size() || b >= problem.units.size())
      base::fail(ErrorCode::invalid_argument, "unit % or % of the pipeline does not exist", {a, b});
  check(problem, likely_orders(problem)[0]);
  // Every ideal and pair is looked at once per number of accelerators and hosts: with many devices there is time and
  // memory for fewer of them.
  StageOptions options = limits;
  const uint64_t levels = uint64_t{problem.accelerators + 1} * (problem.hosts + 1);
  options.max_ideals = static_cast<uint32_t>(std::min<uint64_t>(options.max_ideals, kMostLevels / levels + 1));
  options.max_pairs = std::min(options.max_pairs, kMostPairLevels / levels + 1);
  Reduction reduction(problem);
  const StageProblem small = reduction.reduced();
  const Ns bound = load_bound(problem);
  const Ideals few = ideals_of_orders(small, likely_orders(small));
  Stages best = StageSearch(small, few, kForbidden, options.max_pairs).run();
  best.bound_ns = bound;
  const Ideals all = all_ideals(small, options.max_ideals);
  if (all.complete) {
    StageSearch search(small, all, best.load_ns, options.max_pairs);
    Stages better = search.run();
    better.bound_ns = bound;
    if (better.load_ns < best.load_ns) best = std::move(better);
    best.ideals = all.size();
    if (!search.ran_out()) best.bound_ns = best.load_ns;
  }
  if (best.load_ns >= kForbidden)
    base::fail(ErrorCode::limit, "no split of % units into stages fits % bytes per accelerator",
               {problem.units.size(), problem.memory_bytes});
  if (!best.device.empty()) best.device = reduction.expand(best.device);
  expect_valid(problem, best, true);
  return best;
}

}  // namespace motley::place
