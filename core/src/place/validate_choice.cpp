// Checks choices in the unit of their aim.
#include <algorithm>
#include <map>
#include <set>

#include "place/validate.hpp"

namespace motley::place {

namespace {

using base::text;

class ChoiceCheck {
 public:
  ChoiceCheck(const Query& query, const Choice& choice) : q_(query), p_(query.problem), choice_(choice) {}

  std::string run() {
    std::string wrong = check_cover();
    if (wrong.empty()) wrong = check_devices();
    if (wrong.empty()) wrong = add_up();
    if (wrong.empty()) wrong = check_time();
    if (wrong.empty()) wrong = check_cost();
    return wrong.empty() ? check_kind() : wrong;
  }

 private:
  __extension__ using Wide = __int128;

  // What takes time: a candidate, or a move.
  struct Part {
    Ns cost = 0, time = 0;  // by the aim; true
    Part operator+(const Part& other) const { return {add(cost, other.cost), add(time, other.time)}; }
  };

  std::string check_cover() {
    if (choice_.candidates.size() != p_.nodes.size())
      return text("there are % nodes, the choice has %", {p_.nodes.size(), choice_.candidates.size()});
    for (uint32_t n = 0; n < p_.nodes.size(); ++n) {
      const uint32_t c = choice_.candidates[n];
      if (c >= p_.candidates.size()) return text("candidate % does not exist", {c});
      bool covers = false;
      for (uint32_t m : p_.candidates[c].nodes) {
        covers = covers || m == n;
        if (choice_.candidates[m] != c)
          return text("candidate % runs node % but not node %, which it covers", {c, n, m});
      }
      if (!covers) return text("candidate % does not cover node %", {c, n});
      used_.insert(c);
      for (uint32_t t : p_.nodes[n].outputs) maker_[t] = c;
    }
    return "";
  }

  std::string check_devices() const {
    std::map<int64_t, Wide> bytes;
    int64_t error = 0;
    for (uint32_t c : used_) {
      const Candidate& candidate = p_.candidates[c];
      const int64_t device = p_.places[candidate.output_place].device;
      for (int64_t d : {device, int64_t{candidate.helper}})
        if (d >= 0 && p_.devices[size_t(d)].denied) return text("candidate % uses a denied device", {c});
      for (uint32_t n : candidate.nodes)
        if (p_.nodes[n].pinned >= 0 && p_.nodes[n].pinned != device)
          return text("node % is pinned to device % and runs on %", {n, p_.nodes[n].pinned, device});
      bytes[device] += candidate.memory_bytes;
      if (candidate.helper >= 0) bytes[candidate.helper] += candidate.helper_bytes;
      error += candidate.error_ppb;
    }
    for (const auto& [d, sum] : bytes)
      if (sum > p_.devices[size_t(d)].memory_bytes)
        return text("device \"%\" holds % bytes of %",
                    {p_.devices[size_t(d)].name, static_cast<int64_t>(sum), p_.devices[size_t(d)].memory_bytes});
    if (error > p_.error_budget_ppb) return text("the error is % ppb, the budget %", {error, p_.error_budget_ppb});
    if (error != choice_.error_ppb) return text("the choice says % ppb, its error is %", {choice_.error_ppb, error});
    return "";
  }

  static Ns share(Ns cost, int64_t by, int64_t over) { return static_cast<Ns>(Wide(cost) * by / over); }

  Part part_of(const Candidate& candidate) const {
    const Worker& worker = q_.workers[candidate.tag];
    Part part{candidate.cost_ns, candidate.cost_ns};
    if (q_.aim == Aim::power) part.cost = share(part.cost, worker.milliwatts, 1000);
    if (q_.aim == Aim::memory) part.cost += candidate.memory_bytes * 1000;
    if (worker.avoided) part.cost = share(part.cost, 5, 4);
    return part;
  }

  // The host moves data, by the hungriest of those that work there.
  Part part_of(uint32_t tensor, uint32_t from, uint32_t to) const {
    const Move& move = p_.move(from, to);
    int64_t milliwatts = 0;
    for (const Candidate& c : p_.candidates)
      if (c.output_place == 0) milliwatts = std::max<int64_t>(milliwatts, q_.workers[c.tag].milliwatts);
    if (milliwatts == 0) milliwatts = 1000;
    const auto price = [&](Ns alpha, int64_t beta) {
      return alpha + static_cast<Ns>((Wide(p_.tensors[tensor].bytes) * beta + 999) / 1000);
    };
    Part part;
    part.time = part.cost = price(move.alpha_ns, move.beta_ps_per_byte);
    if (q_.aim == Aim::power)
      part.cost = price(share(move.alpha_ns, milliwatts, 1000), share(move.beta_ps_per_byte, milliwatts, 1000));
    if (q_.aim == Aim::memory && move.beta_ps_per_byte > 0)
      part.cost = price(move.alpha_ns, move.beta_ps_per_byte + 1000000);
    return part;
  }

  void count(const Part& part, uint32_t place) {
    sum_ = sum_ + part;
    busy_[place] = add(busy_[place], part.cost);
  }

  uint32_t worked_by(uint32_t place) const { return q_.background[place] ? place : 0; }

  // Sums, loads and the longest path: candidates once all they read is there, each tensor moved once to each place.
  std::string add_up() {
    std::map<std::pair<uint32_t, uint32_t>, Part> there;  // tensor, place: the longest path until it is there
    for (uint32_t t = 0; t < p_.tensors.size(); ++t)
      if (!maker_.count(t) && p_.tensors[t].home >= 0) there[{t, static_cast<uint32_t>(p_.tensors[t].home)}] = {};
    std::set<uint32_t> waiting = used_;
    for (size_t before = waiting.size() + 1; before > waiting.size() && !waiting.empty();) {
      before = waiting.size();
      for (auto c = waiting.begin(); c != waiting.end();)
        if (is_ready(*c, waiting)) {
          const std::string wrong = pass(*c, there);
          if (!wrong.empty()) return wrong;
          c = waiting.erase(c);
        } else {
          ++c;
        }
    }
    if (!waiting.empty()) return text("candidate % and others wait for each other", {*waiting.begin()});
    for (uint32_t t = 0; t < p_.tensors.size(); ++t)
      if (p_.tensors[t].wanted >= 0) {
        Part end;
        const std::string wrong = bring(t, static_cast<uint32_t>(p_.tensors[t].wanted), there, end);
        if (!wrong.empty()) return wrong;
        reach(end);
      }
    return "";
  }

  bool is_ready(uint32_t c, const std::set<uint32_t>& waiting) const {
    for (uint32_t n : p_.candidates[c].nodes)
      for (uint32_t t : p_.nodes[n].inputs)
        if (const auto maker = maker_.find(t);
            maker != maker_.end() && maker->second != c && waiting.count(maker->second))
          return false;
    return true;
  }

  using There = std::map<std::pair<uint32_t, uint32_t>, Part>;

  std::string pass(uint32_t c, There& there) {
    const Candidate& candidate = p_.candidates[c];
    Part end;
    for (uint32_t n : candidate.nodes)
      for (uint32_t t : p_.nodes[n].inputs) {
        if (const auto maker = maker_.find(t); maker != maker_.end() && maker->second == c) continue;
        const std::string wrong = bring(t, candidate.input_place, there, end);
        if (!wrong.empty()) return wrong;
      }
    const Part own = part_of(candidate);
    count(own, worked_by(candidate.output_place));
    Part& alone = alone_[candidate.output_place];
    alone = alone + own;
    end = end + own;
    for (uint32_t n : candidate.nodes)
      for (uint32_t t : p_.nodes[n].outputs) there[{t, candidate.output_place}] = end;
    reach(end);
    return "";
  }

  // Moves a tensor unless it is there, and lets `end` wait for it. Constants are everywhere.
  std::string bring(uint32_t t, uint32_t to, There& there, Part& end) {
    const auto maker = maker_.find(t);
    if (maker == maker_.end() && p_.tensors[t].home < 0) return "";
    const uint32_t from =
        maker == maker_.end() ? static_cast<uint32_t>(p_.tensors[t].home) : p_.candidates[maker->second].output_place;
    if (!there.count({t, to})) {
      if (p_.move(from, to).alpha_ns >= kForbidden) return text("tensor % can't be moved to place %", {t, to});
      const Part move = part_of(t, from, to);
      const Part begin = there[{t, from}];
      count(move, worked_by(to == 0 ? from : to));
      there[{t, to}] = begin + move;
    }
    end = {std::max(end.cost, there[{t, to}].cost), std::max(end.time, there[{t, to}].time)};
    return "";
  }

  void reach(const Part& end) {
    path_.cost = std::max(path_.cost, end.cost);
    path_.time = std::max(path_.time, end.time);
  }

  // Side by side: any order of a choice lies within these.
  std::string check_between(const char* what, Ns said, Ns Part::*value) const {
    Ns least = path_.*value;
    for (const auto& [place, alone] : alone_) least = std::max(least, alone.*value);
    if (said >= least && said <= sum_.*value) return "";
    return text("the choice's % is %, which is not from % to %", {what, said, least, sum_.*value});
  }

  std::string check_time() const {
    if (choice_.side_by_side) {
      const std::string wrong = check_between("time", choice_.run_ns, &Part::time);
      if (!wrong.empty()) return wrong;
    } else if (choice_.run_ns != sum_.time) {
      return text("the choice says a run takes % ns, its parts take % ns", {choice_.run_ns, sum_.time});
    }
    const bool late = q_.deadline_ns && choice_.run_ns > q_.deadline_ns;
    if (late != choice_.late)
      return text("the choice says it is % for its deadline (% ns), a run takes % ns",
                  {choice_.late ? "late" : "in time", q_.deadline_ns, choice_.run_ns});
    return "";
  }

  std::string check_cost() const {
    Ns cost = sum_.cost;
    if (q_.aim == Aim::throughput) {
      cost = 0;
      for (const auto& [place, load] : busy_) cost = std::max(cost, load);
    }
    if (q_.aim == Aim::latency && choice_.side_by_side) {
      const std::string wrong = check_between("cost", choice_.cost, &Part::cost);
      if (!wrong.empty()) return wrong;
    } else if (choice_.cost != cost) {
      return text("the choice says it costs %, its parts cost %", {choice_.cost, cost});
    }
    if (choice_.bound > choice_.cost)
      return text("the bound (%) is above what the choice costs (%)", {choice_.bound, choice_.cost});
    return "";
  }

  std::string check_kind() const {
    std::set<uint32_t> workers;
    bool helped = false;
    for (uint32_t c : used_) {
      workers.insert(p_.candidates[c].tag);
      helped = helped || p_.candidates[c].helper >= 0;
    }
    const bool mixed = helped || workers.size() > 1;
    if (choice_.kind == Choice::Kind::single && mixed) return "the choice says one worker runs everything, several do";
    if (choice_.kind == Choice::Kind::mixed && !mixed) return "the choice says several workers run it, one does";
    if (choice_.kind == Choice::Kind::incumbent && choice_.candidates != q_.incumbent)
      return "the choice says the incumbent stays, and it is another";
    return "";
  }

  const Query& q_;
  const Problem& p_;
  const Choice& choice_;
  std::set<uint32_t> used_;
  std::map<uint32_t, uint32_t> maker_;  // tensor → candidate
  Part sum_, path_;                     // of all parts; the longest
  std::map<uint32_t, Ns> busy_;         // per place that works, moves included
  std::map<uint32_t, Part> alone_;      // per place: its candidates
};

}  // namespace

std::string validate(const Query& query, const Choice& choice) { return ChoiceCheck(query, choice).run(); }

}  // namespace motley::place
