// Whole plans against each other: what every device does alone, and what the planner mixes.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include "base/text.hpp"
#include "campaign/contestant.hpp"
#include "campaign/desk.hpp"
#include "campaign/prices.hpp"
#include "campaign/tracks.hpp"
#include "journal/record.hpp"
#include "table/text.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

constexpr std::chrono::seconds kCompilePatience{180}, kRunPatience{120};
constexpr size_t kHeats = 4;            // processes, one after another
// Of the time that is left, what a heat gets. The first one is to find who is near the best; the planner is asked again
// after each but the last one.
constexpr double kShares[kHeats] = {0.35, 0.3, 0.5, 1};
constexpr size_t kLeastRounds[kHeats] = {5, 7, 10, 10};
constexpr size_t kMostRounds = 80;
// Of a turn: about so long together, and at most so many runs. Those before, which do not count, pay for cold caches,
// sleeping threads and a low clock; a run of 50 ms does not notice that another plan ran before.
constexpr double kTurnNs = 4e6, kMostTurnRuns = 25;
constexpr double kWarmNs = 1e6, kMostWarmRuns = 10, kWarmBelowNs = 50e6;
constexpr double kGrace = 1;        // seconds that a first heat may take beyond its time
constexpr size_t kTrialRounds = 3;  // after which who is far behind leaves
constexpr double kFarBehind = 1.5;  // times as slow as the fastest
constexpr double kBehind = 1.03;    // surely more than this: it runs in no later heat
constexpr size_t kFinalists = 6;
constexpr const char* kInexact = ", within the error budget";
constexpr const char* kSplit = ", operators split";

class PlanRace {
 public:
  PlanRace(Desk& desk, Track track, const Budget& budget)
      : desk_(desk), track_(std::move(track)), stage_(track_.stage), budget_(budget) {}

  void run() {
    desk_.status.what = track_.name;
    desk_.show();
    check_names();
    if (budget_.over()) give_up("no time is left for it");
    costs_ = desk_.ledger.costs();
    list();
    for (heat_ = 0; heat_ < kHeats && !contestants_.empty() && has_time_for_a_heat(); ++heat_) {
      while (!contestants_.empty() && !attempt()) continue;
      if (desk_.stopped()) return;
      keep_the_fast();
    }
    if (!contestants_.empty()) conclude();
  }

 private:
  using Kind = Contestant::Kind;

  // A row of a table has them.
  void check_names() const {
    for (const graph::Node& node : stage_.graph.nodes)
      if (!is_recordable(node.name))
        base::fail(ErrorCode::limit, "the name of a node (%) is no UTF-8, which tables have", {node.name});
    for (const graph::TensorId input : stage_.graph.inputs)
      if (!is_recordable(stage_.graph.tensor(input).name))
        base::fail(ErrorCode::limit, "the name of an input (%) is no UTF-8, which tables have",
                   {stage_.graph.tensor(input).name});
  }
  std::vector<std::string> names_of_devices() const {
    std::vector<std::string> all;
    for (const TunedDevice& d : desk_.devices) all.push_back(d.device->name());
    return all;
  }
  static std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
    return text;
  }

  void list() {
    const std::vector<std::string> all = names_of_devices();
    contestants_.push_back({Kind::untuned, "untuned", {}, false});
    for (const std::string& device : all) contestants_.push_back({Kind::single, device, {device}, true});
    for (const std::string& device : all)
      contestants_.push_back({Kind::single, device + ", default configs", {device}, false});
    contestants_.push_back({Kind::placement, "untuned placement, tuned configs", {}, true});
    if (all.size() > 1) {
      contestants_.push_back({Kind::placement, joined(all), all, true});
      contestants_.push_back({Kind::placement, joined(all) + kSplit, all, true, 0, true});
    }
    const double budget = desk_.options.error_budget;
    if (budget <= 0) return;
    for (const std::string& device : all)
      contestants_.push_back({Kind::single, device + kInexact, {device}, true, budget});
    if (all.size() < 2) return;
    contestants_.push_back({Kind::placement, joined(all) + kInexact, all, true, budget});
    contestants_.push_back({Kind::placement, joined(all) + kSplit + kInexact, all, true, budget, true});
  }

  // Of what was compiled in this heat, or in the last one: what it takes to run all a few times.
  double least_race_seconds() const {
    const double all = static_cast<double>(contestants_.size());
    return Estimate::kMinimum * all * run_seconds_ / static_cast<double>(std::max<size_t>(compiled_, 1));
  }
  // The first heat is given up while it is compiled, as only then it is known what that takes.
  bool has_time_for_a_heat() const {
    return heat_ == 0 || compile_seconds_ + least_race_seconds() < budget_.seconds_left();
  }
  void compile_all(Worker& worker, size_t& current) {
    const Budget::Clock::time_point begin = Budget::Clock::now();
    compiled_ = 0, run_seconds_ = 0;
    for (; current < contestants_.size() && !desk_.stopped(); ++current) {
      compile(worker, contestants_[current]);
      compile_seconds_ = seconds_since(begin);
      if (++compiled_ == 1) first_seconds_ = compile_seconds_;
      run_seconds_ += contestants_[current].plan.value("first_run_ns", 0.0) / 1e9;
      check_time();
      desk_.show();
    }
  }
  [[noreturn]] void give_up(const char* format, std::initializer_list<base::Piece> values = {}) const {
    desk_.result.complete = false;
    base::fail(ErrorCode::limit, format, values);
  }
  // The first contestant says nothing of the others: it pays for the process and the drivers.
  void check_time() const {
    const auto open = static_cast<double>(contestants_.size() - compiled_);
    const double each = compiled_ > 1 ? (compile_seconds_ - first_seconds_) / static_cast<double>(compiled_ - 1) : 0;
    const double need = open * each + least_race_seconds(), left = budget_.seconds_left();
    if (heat_ == 0 && need > left + kGrace)
      give_up("to compile and race % plans takes about % s more, and % s are left",
              {contestants_.size(), static_cast<int64_t>(std::ceil(need)), static_cast<int64_t>(left)});
  }
  // With the worker, which may not take much longer than there is time.
  std::chrono::milliseconds at_most(std::chrono::seconds patience) const {
    const double seconds = std::min(budget_.seconds_left() + kGrace, static_cast<double>(patience.count()));
    return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  }

  // False where a contestant failed; it is out, and what is left has to be compiled again.
  bool attempt() {
    Worker worker(desk_.options.worker);
    const Budget::Clock::time_point begin = Budget::Clock::now();
    size_t current = 0;
    try {
      compile_all(worker, current);
      drop_doubles();
      current = contestants_.size();
      add_mix(worker);
      predict();
      race(worker, begin, current);
      return true;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::io || error.code() == ErrorCode::limit || current >= contestants_.size()) throw;
      if (budget_.over()) give_up("the time is over (%)", {error.what()});
      desk_.say(
          base::text("the plan \"%\" of % is out: %", {contestants_[current].name, desk_.status.what, error.what()}));
      contestants_.erase(contestants_.begin() + static_cast<std::ptrdiff_t>(current));
      return false;
    }
  }

  // A table for one session: no rows of kernels for what is not tuned; a plan where one is to be followed.
  std::string table_for(const Contestant& c) const {
    json document = costs_;
    if (!c.tuned && c.row.is_null()) document["kernels"] = document["transfers"] = json::array();
    else if (c.row.is_null() && c.kind == Kind::placement) document = corrected(std::move(document), correction_);
    if (!c.row.is_null()) document["plans"].push_back(c.row);
    for (const auto& [name, device] : others_) document["devices"].push_back(device.row);
    const std::string path = (desk_.options.work / "race.json").string();
    publish_table(document, path);
    return path;
  }
  json ask_for_plan(Worker& worker, const Contestant& c) const {
    json shapes = json::object();
    for (const auto& [name, shape] : track_.shapes) shapes[name] = shape;
    return desk_.ask(worker,
                     {{"do", "compile"},
                      {"model", track_.file.string()},
                      {"shapes", shapes},
                      {"optimize", track_.optimize},
                      {"devices", c.row.is_null() ? c.devices : std::vector<std::string>()},
                      {"fallback", true},
                      {"error_budget", c.error_budget},
                      {"split", c.split},
                      {"table", table_for(c)}},
                     at_most(kCompilePatience));
  }

  // The first time as its kind says, later by its row, so that what a table's reader follows is what was raced.
  void compile(Worker& worker, Contestant& c) {
    const bool is_mix = c.row.is_null() && !c.devices.empty() && c.kind == Kind::placement;
    if (c.row.is_null() && c.kind == Kind::placement && c.devices.empty()) {
      if (contestants_[0].kind != Kind::untuned) base::fail(ErrorCode::plugin, "the untuned plan is out");
      c.row = row_of(contestants_[0], false);
    }
    const bool known = !c.plan.is_null();
    Contestant now = c;
    now.plan = ask_for_plan(worker, c);
    if (!c.row.is_null() && now.plan["decided_by"] != "race" && desk_.devices.size() > 1)
      base::fail(ErrorCode::plugin, "a session does not follow it");
    if (known && !same_plan(now, c)) base::fail(ErrorCode::plugin, "it is another plan in another process");
    c.plan = now.plan;
    c.parts = parts_of(c.plan);
    describe_others(c.plan);
    c.row = row_of(c, true);
    if (is_mix && c.error_budget <= 0 && !c.split) bound_ns_ = c.plan["bound_ns"];
  }

  // What the planner makes of the costs as they turned out, once in each heat but the first and the last; nothing new
  // where it ran already.
  void add_mix(Worker& worker) {
    if (heat_ == mixes_ || heat_ + 1 == kHeats || desk_.devices.size() < 2) return;
    mixes_ = heat_;
    for (const bool split : {false, true}) {
      add_mix(worker, 0, split);
      if (desk_.options.error_budget > 0) add_mix(worker, desk_.options.error_budget, split);
    }
  }
  void add_mix(Worker& worker, double error_budget, bool split) {
    const std::vector<std::string> all = names_of_devices();
    const std::string name = base::text("%, costs corrected % x%%",
                                        {joined(all), heat_, split ? kSplit : "", error_budget > 0 ? kInexact : ""});
    contestants_.push_back({Kind::placement, name, all, true, error_budget, split});
    compile(worker, contestants_.back());
    const auto is_known = [&](const Contestant& c) { return same_plan(c, contestants_.back()); };
    if (std::any_of(seen_.begin(), seen_.end(), is_known)) contestants_.pop_back();
  }

  // Rounds of a turn each, in random order.
  void race(Worker& worker, Budget::Clock::time_point begin, size_t& current) {
    const double seconds =
        (budget_.is_limited() ? budget_.seconds_left() : track_.seconds - seconds_since(begin_)) * kShares[heat_];
    std::vector<size_t> order(contestants_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::vector<std::vector<double>> ns(contestants_.size());
    std::mt19937_64 random(desk_.options.seed + heat_);
    for (size_t round = 0; round < kMostRounds && !desk_.stopped(); ++round) {
      const size_t least = budget_.over() ? Estimate::kMinimum : kLeastRounds[heat_];
      if (round >= least && seconds_since(begin) > seconds) break;
      std::shuffle(order.begin(), order.end(), random);
      for (const size_t i : order) {
        current = i;
        ns[i].push_back(turn_ns(worker, contestants_[i]));
      }
      if (round + 1 == kTrialRounds) leave_behind(ns, order);
      desk_.show();
    }
    current = contestants_.size();
    for (size_t i = 0; i < contestants_.size(); ++i) contestants_[i].heats.push_back({heat_, std::move(ns[i])});
    for (const Contestant& c : contestants_) remember(c);
    if (!desk_.stopped()) correct();
  }
  static double seconds_since(Budget::Clock::time_point begin) {
    return std::chrono::duration<double>(Budget::Clock::now() - begin).count();
  }
  double turn_ns(Worker& worker, const Contestant& c) {
    double& expected = usual_ns_[c.name];
    const double usual = expected > 0 ? expected : kTurnNs;
    const auto runs = static_cast<size_t>(std::clamp(std::ceil(kTurnNs / usual), 1.0, kMostTurnRuns));
    const auto warm = static_cast<size_t>(std::clamp(std::ceil(kWarmNs / usual), 1.0, kMostWarmRuns));
    const json reply = desk_.ask(
        worker,
        {{"do", "run_plan"}, {"plan", c.plan["plan"]}, {"warm", usual < kWarmBelowNs ? warm : 0}, {"runs", runs}},
        at_most(kRunPatience));
    return expected = median(reply["ns"].get<std::vector<double>>());
  }
  // Who is far behind after a few rounds runs no more in this heat; the first one always does, as all are compared with
  // it.
  static void leave_behind(const std::vector<std::vector<double>>& ns, std::vector<size_t>& order) {
    const auto to_first = [&](size_t i) {
      std::vector<double> ratios;
      for (size_t round = 0; round < ns[i].size(); ++round) ratios.push_back(ns[i][round] / ns[0][round]);
      return median(ratios);
    };
    double best = HUGE_VAL;
    for (const size_t i : order) best = std::min(best, to_first(i));
    std::erase_if(order, [&](size_t i) { return i > 0 && to_first(i) > kFarBehind * best; });
  }

  // All that ran, with what they took.
  void remember(const Contestant& c) {
    for (Contestant& known : seen_)
      if (known.name == c.name) {
        known = c;
        return;
      }
    seen_.push_back(c);
  }
  // By its ratio to the first contestant, which ran in all heats: what else the machine did in one of them then says
  // nothing about the plans that ran in it.
  double time_ns(const Contestant& c) const {
    const Estimate ratio = log_ratio(c, contestants_[0]);
    return ratio.count ? contestants_[0].ns() * std::exp(ratio.middle) : c.ns();
  }
  // Folds what plans took beyond their parts back into the costs.
  void correct() {
    std::vector<ObservedPlan> observed;
    for (const Contestant& c : seen_)
      if (!c.heats.empty()) observed.push_back({c.parts, time_ns(c)});
    correction_ = fit_correction(observed);
  }

  // The untuned plan stays, so that there is always what others are compared with, and so does the best device alone.
  // Plans with an error, or with operators split, don't drive out those without.
  void keep_the_fast() {
    if (contestants_.empty()) return;
    std::vector<std::pair<double, Contestant>> order;
    for (Contestant& c : contestants_) order.emplace_back(time_ns(c), c);
    std::stable_sort(order.begin() + 1, order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    const auto by_time = [](const auto& a, const auto& b) { return a.first < b.first; };
    const Contestant fastest = std::min_element(order.begin(), order.end(), by_time)->second;
    const Contestant fastest_plain = std::min_element(order.begin(), order.end(), [&](const auto& a, const auto& b) {
                                       return a.second.is_plain() && (!b.second.is_plain() || by_time(a, b));
                                     })->second;
    bool has_single = false;
    size_t kept[2] = {0, 0};  // others, plain ones
    contestants_.clear();
    for (size_t i = 0; i < order.size(); ++i) {
      const Contestant& c = order[i].second;
      const Estimate behind = log_ratio(c, c.is_plain() ? fastest_plain : fastest);
      const bool is_slow =
          behind.count < Estimate::kMinimum ? behind.middle > std::log(kFarBehind) : behind.low > std::log(kBehind);
      const bool is_best_single = c.kind == Kind::single && c.is_exact() && !has_single;
      has_single = has_single || is_best_single;
      size_t& count = kept[c.is_plain()];
      if (i == 0 || is_best_single || (!is_slow && count < kFinalists)) contestants_.push_back(c), ++count;
    }
  }

  Parts parts_of(const json& plan) const {
    return tuner::parts_of(plan, desk_.ledger, [this](const std::string& name) {
      for (const auto& device : desk_.all)
        if (device->name() == name) return PlanDevice{id(name), device->has_queues(), device->takes_host_pointers()};
      return PlanDevice{id(name), false, true};
    });
  }
  void predict() {
    for (Contestant& c : contestants_) c.predicted_ns = static_cast<uint64_t>(tuner::predict(c.parts, correction_));
  }
  // Of devices that are not tuned, too, which run what none of the tuned ones does; "host" for the host.
  std::string id(const std::string& name) const {
    for (const TunedDevice& d : desk_.devices)
      if (d.device->name() == name) return d.id();
    const auto known = others_.find(name);
    return known == others_.end() ? name : known->second.id();
  }
  // Gives the devices that a plan uses beside the tuned ones a row in the table. Throws Error(plugin) for one without a
  // fingerprint: such a plan cannot be kept.
  void describe_others(const json& plan) {
    for (const json& node : plan["nodes"]) {
      const std::string name = node["device"];
      if (id(name) != name) continue;
      for (const auto& device : desk_.all)
        if (device->name() == name) others_.emplace(name, describe_device(device));
    }
  }

  void drop_doubles() {
    for (size_t i = contestants_.size(); i-- > 1;)
      if (std::any_of(contestants_.begin(), contestants_.begin() + static_cast<std::ptrdiff_t>(i),
                      [&](const Contestant& c) { return same_plan(c, contestants_[i]); }))
        contestants_.erase(contestants_.begin() + static_cast<std::ptrdiff_t>(i));
  }

  void conclude() {
    if (std::none_of(contestants_.begin(), contestants_.end(), [](const Contestant& c) { return c.is_plain(); }))
      base::fail(ErrorCode::plugin, "no plan is left that computes every operator whole and exactly");
    const Winners winners = winners_of(contestants_);
    const auto at = [&](const std::optional<size_t>& i) { return i ? &contestants_[*i] : nullptr; };
    const Contestant *whole = at(winners.whole), *split = at(winners.split), *inexact = at(winners.inexact);
    for (const auto& [name, device] : others_) desk_.ledger.add_device(device);
    ModelResult result{track_.name, split ? split->name : whole->name, inexact ? inexact->name : "", {}};
    for (const Contestant& c : seen_)
      result.plans.push_back({c.name, c.predicted_ns, static_cast<uint64_t>(time_ns(c))});
    // A row without splits takes the place of those with; the last one is what the report shows.
    if (inexact && !inexact->is_split()) keep(*inexact);
    keep(*whole);
    if (inexact && inexact->is_split()) keep(*inexact);
    if (split) keep(*split);
    desk_.result.models.push_back(std::move(result));
  }

  json candidates_against(const Contestant& best) const {
    json candidates = json::array();
    for (const Contestant& c : seen_) {
      const Estimate ratio = log_ratio(best, c);
      candidates.push_back({{"name", c.name},
                            {"devices", c.devices},
                            {"tuned", c.tuned},
                            {"error", c.plan.value("error", 0.0)},
                            {"predicted_ns", c.predicted_ns},
                            {"measured_ns", static_cast<uint64_t>(time_ns(c))},
                            {"runs", c.turns()},
                            {"winner_ratio", ratio.count ? std::exp(ratio.middle) : time_ns(best) / time_ns(c)},
                            {"winner_ratio_low", std::exp(ratio.low)},
                            {"winner_ratio_high", std::exp(ratio.high)}});
    }
    return candidates;
  }

  // Writes the plan down, and what it was compared with.
  void keep(const Contestant& best) {
    json nodes = json::array();
    for (const json& node : best.plan["nodes"]) {
      json with_time = node;
      with_time["measured_ns"] = measured_ns(best.plan, node, desk_.ledger, id(node["device"]));
      nodes.push_back(std::move(with_time));
    }
    json row = row_of(best, true);
    const auto expected = static_cast<uint64_t>(time_ns(best));
    row["expected_ns"] = expected;
    row["bound_ns"] = best.is_plain() ? std::min(bound_ns_, expected) : 0;
    json facts = {{"model", track_.model.path.string()},
                  {"name", track_.name},
                  {"winner", best.name},
                  {"candidates", candidates_against(best)},
                  {"row", std::move(row)},
                  {"predicted_ns", best.predicted_ns},
                  {"measured_ns", expected},
                  {"nodes", std::move(nodes)},
                  {"transfers", best.plan["transfers"]},
                  {"factors", correction_.factor},
                  {"move_ns", correction_.move_ns}};
    desk_.ledger.add_plan(std::move(facts));
  }

  // Of "plans" in the table, without times.
  json row_of(const Contestant& c, bool with_configs) const {
    json devices = json::array(), segments = json::array(), shapes = json::object();
    for (const TunedDevice& d : desk_.devices) devices.push_back(d.id());
    std::map<uint32_t, size_t> places;
    for (const json& node : c.plan["nodes"]) {
      const auto [place, fresh] = places.try_emplace(node["segment"], segments.size());
      if (fresh) segments.push_back({{"device", id(node["device"])}, {"nodes", json::array()}});
      json& segment = segments[place->second];
      segment["nodes"].push_back(node["node"]);
      if (with_configs) segment["configs"].push_back(node["config"]);
    }
    for (const graph::TensorId input : stage_.graph.inputs) {
      const auto extents = stage_.graph.tensor(input).extents();
      shapes[stage_.graph.tensor(input).name] = std::vector<int64_t>(extents.begin(), extents.end());
    }
    json row = {{"graph_hash", stage_.hash}, {"shapes", shapes}, {"devices", devices}, {"objective", "latency"},
                {"segments", segments},      {"expected_ns", 0}, {"bound_ns", 0}};
    if (with_configs && !c.is_exact()) row["error"] = c.plan["error"];
    if (c.is_split()) row["cuts"] = c.plan["cuts"];
    return row;
  }

  Desk& desk_;
  Track track_;
  const PlannedStage& stage_;
  Budget budget_;
  Budget::Clock::time_point begin_ = Budget::Clock::now();
  json costs_;
  size_t heat_ = 0, mixes_ = 0;          // the planner was asked again up to this heat
  size_t compiled_ = 0;                  // in this heat, with what that took together, and a run of each
  double first_seconds_ = 0, compile_seconds_ = 0, run_seconds_ = 0;
  std::vector<Contestant> contestants_;  // that run in this heat
  std::vector<Contestant> seen_;         // that ever ran
  std::map<std::string, double> usual_ns_;
  std::map<std::string, TunedDevice> others_;
  Correction correction_;
  uint64_t bound_ns_ = 0;
};

}  // namespace

void race_plans(Desk& desk, const std::vector<TunedModel>& models, const std::vector<PlannedModel>& planned) {
  desk.status.phase = "plans";
  desk.status.device.clear();
  for (size_t m = 0; m < models.size() && !desk.stopped(); ++m) {
    desk.status.done = m;
    desk.status.total = models.size();
    const Budget budget = desk.budget.part(1.0 / static_cast<double>(models.size() - m));
    std::vector<Track> tracks = tracks_of(desk, models[m], planned[m]);
    double seconds = 0;
    for (const Track& track : tracks) seconds += track.seconds;
    for (size_t t = 0; t < tracks.size() && !desk.stopped(); ++t) {
      const double share = tracks[t].seconds / seconds;
      seconds -= tracks[t].seconds;
      try {
        PlanRace(desk, tracks[t], budget.part(share)).run();
      } catch (const Error& error) {
        if (error.code() == ErrorCode::io) throw;
        desk.say(base::text("no plan of % is kept: %", {tracks[t].name, error.what()}));
      }
    }
  }
}

}  // namespace motley::tuner
