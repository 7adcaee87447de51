// Proving that a load is too little for any split, by prices on units.
//
// Give each unit a price. If no set of units that one accelerator can have within the load, the nets that it cuts
// included, is worth more than g, and hosts can take no more than h, then all units are worth at most accelerators × g
// + h in any split. Where they are worth more, there is no split: this is the dual of the linear program over sets
// (Gilmore and Gomory 1961). The dearest set is found by dynamic programming along an order of the units; the state
// says of each net that is alive whether all, none or some of its units so far are in. Prices start as times and move
// by multiplicative weights.
#include "place/packing_bound.hpp"

#include <algorithm>
#include <cmath>

#include "place/ideals.hpp"
#include "place/ties.hpp"
#include "place/view.hpp"

namespace motley::place {

namespace {

constexpr uint64_t kBudget = 100000000;  // entries looked at in all: seconds
constexpr size_t kMostEntries = 8000;    // in one step, as far as states are few
constexpr size_t kMostStates = 500;      // in one step
constexpr size_t kMostAlive = 31;        // nets: two bits each
constexpr int kRounds = 120;             // of prices, for one load
constexpr int kLoads = 8;                // that are asked about
constexpr uint32_t kNone = UINT32_MAX;

// What the units that were passed can be worth for a load so far.
struct Entry {
  Ns load = 0;
  double worth = 0;
  uint32_t before = kNone;  // entry of the step before
  bool in = false;          // the step's unit
};

// Entries of one state: load and worth ascending.
struct State {
  uint64_t key = 0;
  uint32_t begin = 0, end = 0;
};

class DearestSet {
 public:
  DearestSet(const StageProblem& problem, const std::vector<uint32_t>& order, Ns load)
      : p_(problem), order_(order), load_(load) {
    std::vector<uint32_t> step(order.size());
    for (uint32_t s = 0; s < order.size(); ++s) step[order[s]] = s;
    std::vector<std::pair<uint32_t, uint32_t>> pairs;
    for (uint32_t n = 0; n < p_.nets.size(); ++n) {
      uint32_t first = kNone, last = 0;
      for (uint32_t u : p_.nets[n].units) {
        first = std::min(first, step[u]);
        last = std::max(last, step[u]);
        pairs.push_back({u, n});
      }
      first_.push_back(first);
      last_.push_back(last);
    }
    nets_ = lists_of(p_.units.size(), pairs);
  }

  // False where there are too many states. `set` gets the units of one that is worth nearly as much.
  bool run(const std::vector<double>& price, double& worth, std::vector<bool>& set, uint64_t& budget);

 private:
  bool step(uint32_t s, double price, uint64_t& budget);
  void branch(const State& state, uint32_t s, bool in, double price);
  uint64_t next_key(uint64_t key, uint32_t s, bool in, Ns& paid) const;
  void merge();

  const StageProblem& p_;
  const std::vector<uint32_t> order_;
  const Ns load_;
  std::vector<uint32_t> first_, last_;  // per net: steps
  Lists nets_;                          // per unit
  std::vector<uint32_t> alive_, next_alive_;
  std::vector<State> states_, fresh_;
  std::vector<Entry> fresh_entries_;
  std::vector<std::vector<Entry>> entries_;  // per step
};

// Two bits per living net: 0 none of its units so far are in, 1 all, 2 some.
uint64_t DearestSet::next_key(uint64_t key, uint32_t s, bool in, Ns& paid) const {
  const uint32_t u = order_[s];
  const uint32_t *nets = nets_.first(u), *end = nets_.last(u);
  uint64_t result = 0;
  size_t at = 0;
  const auto put = [&](uint32_t net, uint64_t was) {
    uint64_t is = was;
    if (std::find(nets, end, net) != end) {
      if (first_[net] == s) is = in;
      else if (was != 2 && was != uint64_t{in}) is = 2, paid = add(paid, p_.nets[net].cost_ns);
    }
    if (at < next_alive_.size() && next_alive_[at] == net) result |= is << 2 * at++;
  };
  for (size_t a = 0; a < alive_.size(); ++a) put(alive_[a], key >> 2 * a & 3);
  for (const uint32_t* n = nets; n != end; ++n)
    if (first_[*n] == s) put(*n, 0);
  return result;
}

void DearestSet::branch(const State& state, uint32_t s, bool in, double price) {
  const Ns own = in ? p_.units[order_[s]].accelerator_ns : 0;
  Ns paid = own;
  if (own >= kForbidden) return;
  State next{next_key(state.key, s, in, paid), static_cast<uint32_t>(fresh_entries_.size()), 0};
  const std::vector<Entry>& before = entries_[s];
  for (uint32_t e = state.begin; e < state.end; ++e) {
    const Ns load = add(before[e].load, paid);
    if (load > load_) break;
    fresh_entries_.push_back({load, before[e].worth + (in ? price : 0), e, in});
  }
  next.end = static_cast<uint32_t>(fresh_entries_.size());
  if (next.end > next.begin) fresh_.push_back(next);
}

// One list for each key. What is worth no more for more load goes; of entries of nearly the same load one stays, with
// the least load and the greatest worth of them, so that no set is made too cheap.
void DearestSet::merge() {
  std::stable_sort(fresh_.begin(), fresh_.end(), [](const State& a, const State& b) { return a.key < b.key; });
  size_t keys = 0;
  for (size_t i = 0; i < fresh_.size(); ++i) keys += i == 0 || fresh_[i].key != fresh_[i - 1].key;
  const Ns bucket = load_ / static_cast<Ns>(std::clamp<size_t>(kMostEntries / std::max<size_t>(1, keys), 16, 512)) + 1;
  entries_.emplace_back();
  std::vector<Entry>& kept = entries_.back();
  states_.clear();
  std::vector<Entry> list;
  for (size_t i = 0; i < fresh_.size();) {
    list.clear();
    const uint64_t key = fresh_[i].key;
    for (; i < fresh_.size() && fresh_[i].key == key; ++i)
      list.insert(list.end(), fresh_entries_.begin() + fresh_[i].begin, fresh_entries_.begin() + fresh_[i].end);
    std::stable_sort(list.begin(), list.end(), [](const Entry& a, const Entry& b) { return a.load < b.load; });
    State state{key, static_cast<uint32_t>(kept.size()), 0};
    for (const Entry& entry : list) {
      const bool first = kept.size() == state.begin;
      if (!first && entry.worth <= kept.back().worth) continue;
      if (first || entry.load / bucket != kept.back().load / bucket) {
        kept.push_back(entry);
        continue;
      }
      const Ns load = kept.back().load;
      kept.back() = entry;
      kept.back().load = load;
    }
    state.end = static_cast<uint32_t>(kept.size());
    states_.push_back(state);
  }
}

bool DearestSet::step(uint32_t s, double price, uint64_t& budget) {
  next_alive_.clear();
  for (uint32_t net : alive_)
    if (last_[net] > s) next_alive_.push_back(net);
  const uint32_t u = order_[s];
  for (const uint32_t* n = nets_.first(u); n != nets_.last(u); ++n)
    if (first_[*n] == s) next_alive_.push_back(*n);
  if (next_alive_.size() > kMostAlive) return false;
  fresh_.clear();
  fresh_entries_.clear();
  for (const State& state : states_) {
    branch(state, s, false, 0);
    branch(state, s, true, price);
  }
  merge();
  if (states_.size() > kMostStates || fresh_entries_.size() > budget) return false;
  budget -= fresh_entries_.size();
  alive_ = next_alive_;
  return true;
}

bool DearestSet::run(const std::vector<double>& price, double& worth, std::vector<bool>& set, uint64_t& budget) {
  entries_.assign(1, {Entry{}});
  states_.assign(1, {0, 0, 1});
  alive_.clear();
  for (uint32_t s = 0; s < order_.size(); ++s)
    if (!step(s, price[order_[s]], budget)) return false;
  // No net is alive at the end: there is one state.
  set.assign(order_.size(), false);
  uint32_t at = static_cast<uint32_t>(entries_.back().size()) - 1;
  worth = entries_.back()[at].worth;
  for (size_t s = order_.size(); s-- > 0;) {
    const Entry& entry = entries_[s + 1][at];
    set[order_[s]] = entry.in;
    at = entry.before;
  }
  return true;
}

class Prices {
 public:
  Prices(const StageProblem& problem, std::vector<uint32_t> order, Ns load)
      : p_(tied(problem, load, &order)), load_(load), sets_(p_, order, load) {
    for (const StageProblem::Unit& unit : p_.units)
      price_.push_back(
          std::max(1.0, static_cast<double>(unit.accelerator_ns < kForbidden ? unit.accelerator_ns : unit.host_ns)));
  }

  // True: proved that no split has this load or less.
  bool is_too_little(uint64_t& budget) {
    std::vector<bool> set;
    std::vector<double> host(price_.size());
    for (int round = 0; round < kRounds && budget > 0; ++round) {
      double all = 0, dearest = 0;
      for (double price : price_) all += price;
      if (!sets_.run(price_, dearest, set, budget)) {
        budget = 0;
        return false;
      }
      const double most = p_.accelerators * dearest + hosts_take(host);
      if (all > most * (1 + 1e-9)) return true;
      // What is taken more than once is too dear.
      const double rate = 1.0 / (2 + 0.15 * round);
      for (size_t u = 0; u < price_.size(); ++u) {
        const double taken = (set[u] ? p_.accelerators : 0) + host[u];
        price_[u] *= std::exp(rate * (1 - taken) / std::max(1u, p_.accelerators));
      }
      for (double& price : price_) price *= static_cast<double>(load_) / all;
    }
    return false;
  }

 private:
  // The most that hosts can take if units were divisible; shares in `host`.
  double hosts_take(std::vector<double>& host) const {
    std::vector<uint32_t> by_gain(price_.size());
    for (uint32_t u = 0; u < by_gain.size(); ++u) by_gain[u] = u;
    const auto time = [&](uint32_t u) { return std::max(1.0, static_cast<double>(p_.units[u].host_ns)); };
    std::vector<double> gain(price_.size());
    for (uint32_t u = 0; u < gain.size(); ++u) gain[u] = price_[u] / time(u);
    std::stable_sort(by_gain.begin(), by_gain.end(), [&](uint32_t a, uint32_t b) { return gain[a] > gain[b]; });
    double left = static_cast<double>(load_) * p_.hosts, worth = 0;
    for (uint32_t u : by_gain) {
      const double needed = static_cast<double>(p_.units[u].host_ns);
      host[u] = p_.hosts == 0 ? 0 : needed <= left ? 1 : left / needed;
      left -= host[u] * needed;
      worth += host[u] * price_[u];
    }
    return worth;
  }

  const StageProblem p_;
  const Ns load_;
  DearestSet sets_;
  std::vector<double> price_;
};

// The most nets that are alive at once.
size_t width_of(const StageProblem& problem, const std::vector<uint32_t>& order) {
  std::vector<size_t> step(order.size());
  for (size_t s = 0; s < order.size(); ++s) step[order[s]] = s;
  std::vector<int> change(order.size() + 1, 0);
  for (const StageProblem::Net& net : problem.nets) {
    size_t first = order.size(), last = 0;
    for (uint32_t u : net.units) first = std::min(first, step[u]), last = std::max(last, step[u]);
    if (first < last) ++change[first], --change[last];
  }
  size_t most = 0;
  int alive = 0;
  for (int c : change) most = std::max(most, static_cast<size_t>(alive += c));
  return most;
}

}  // namespace

Ns packing_bound(const StageProblem& problem, Ns low, Ns high) {
  if (problem.accelerators == 0 || problem.units.empty() || low >= high) return low;
  std::vector<uint32_t> order;
  for (std::vector<uint32_t>& other : likely_orders(problem))
    if (order.empty() || width_of(problem, other) < width_of(problem, order)) order = std::move(other);
  uint64_t budget = kBudget;
  Ns beyond = high;  // not proved to be too little
  for (int i = 0; i < kLoads && low + 1 < beyond; ++i) {
    const Ns middle = low + (beyond - low) / 2;
    if (Prices(problem, order, middle).is_too_little(budget)) low = middle + 1;
    else beyond = middle;
    if (budget == 0) break;
  }
  return std::min(low, high);
}

}  // namespace motley::place
