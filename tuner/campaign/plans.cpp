// Whole plans against each other: what every device does alone, and what the planner mixes.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include "base/text.hpp"
#include "campaign/desk.hpp"
#include "measure/statistics.hpp"
#include "table/text.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

constexpr std::chrono::seconds kCompilePatience{180}, kRunPatience{60};
constexpr size_t kLeastRounds = 10, kMostRounds = 60;
constexpr double kSecondsPerModel = 5;  // without a time limit

struct Contestant {
  std::string name;
  std::vector<std::string> devices;  // empty: the runtime's own order
  bool tuned = true;
  json plan;               // what the worker said of it
  std::vector<double> ns;  // one per round
  uint64_t predicted_ns = 0;
  double median_ns() const { return median(ns); }
};

// Logarithms of a's times over b's, round by round.
std::vector<double> log_ratios(const Contestant& a, const Contestant& b) {
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(a.ns.size(), b.ns.size()); ++i) ratios.push_back(std::log(a.ns[i] / b.ns[i]));
  return ratios;
}

bool same_plan(const json& a, const json& b) {
  if (a["nodes"].size() != b["nodes"].size()) return false;
  for (size_t i = 0; i < a["nodes"].size(); ++i)
    for (const char* what : {"node", "device", "config"})
      if (a["nodes"][i][what] != b["nodes"][i][what]) return false;
  return true;
}

class PlanRace {
 public:
  PlanRace(Desk& desk, const TunedModel& model, const PlannedModel& planned, const Budget& budget)
      : desk_(desk), model_(model), planned_(planned), budget_(budget) {}

  void run() {
    desk_.status.what = model_.path.filename().string();
    desk_.show();
    list();
    while (!contestants_.empty() && !attempt()) continue;
    if (contestants_.empty() || contestants_[0].ns.size() < kLeastRounds) return;
    conclude();
  }

 private:
  void list() {
    contestants_.push_back({"untuned", {}, false, {}, {}});
    std::vector<std::string> all;
    for (const TunedDevice& d : desk_.devices) {
      all.push_back(d.device->name());
      contestants_.push_back({all.back(), {all.back()}, true, {}, {}});
    }
    if (all.size() < 2) return;
    std::string name;
    for (const std::string& device : all) name += (name.empty() ? "" : ",") + device;
    contestants_.push_back({name, all, true, {}, {}});
  }

  // False where a contestant failed; it is out, and what is left has to be compiled again.
  bool attempt() {
    Worker worker(desk_.options.worker);
    size_t current = 0;
    try {
      for (; current < contestants_.size() && !desk_.stopped(); ++current) compile(worker, contestants_[current]);
      drop_doubles();
      std::vector<size_t> order(contestants_.size());
      std::iota(order.begin(), order.end(), size_t{0});
      std::mt19937_64 random(desk_.options.seed);
      for (Contestant& c : contestants_) c.ns.clear();
      for (size_t round = 0; round < kMostRounds && !enough(round); ++round) {
        std::shuffle(order.begin(), order.end(), random);
        for (const size_t i : order) {
          current = i;
          const json reply =
              desk_.ask(worker, {{"do", "run_plan"}, {"plan", contestants_[i].plan["plan"]}}, kRunPatience);
          contestants_[i].ns.push_back(reply["ns"]);
        }
        desk_.show();
      }
      return true;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::io || current >= contestants_.size()) throw;
      desk_.say(
          base::text("the plan \"%\" of % is out: %", {contestants_[current].name, desk_.status.what, error.what()}));
      contestants_.erase(contestants_.begin() + static_cast<std::ptrdiff_t>(current));
      return false;
    }
  }
  bool enough(size_t rounds) const {
    if (desk_.stopped()) return true;
    if (rounds < kLeastRounds) return false;
    const std::chrono::duration<double> since = Budget::Clock::now() - begin_;
    return budget_.over() || (!budget_.is_limited() && since.count() > kSecondsPerModel);
  }

  void compile(Worker& worker, Contestant& c) const {
    json shapes = json::object();
    for (const auto& [name, shape] : model_.shapes) shapes[name] = shape;
    c.plan = desk_.ask(worker,
                       {{"do", "compile"},
                        {"model", model_.path.string()},
                        {"shapes", shapes},
                        {"devices", c.devices},
                        {"fallback", true},
                        {"table", c.tuned ? (desk_.options.work / "race.json").string() : ""}},
                       kCompilePatience);
    c.predicted_ns = c.tuned ? predict(c.plan) : 0;
  }

  // The sum of what was measured of the parts; 0 where a part was not measured.
  uint64_t predict(const json& plan) const {
    double sum = 0;
    for (const json& node : plan["nodes"]) {
      const uint64_t ns = desk_.ledger.median_ns(node["problem"], id(node["device"]));
      sum += ns ? static_cast<double>(ns) : node["estimate_ns"].get<double>();
    }
    const std::vector<json> rows = desk_.ledger.transfers();
    for (const json& t : plan["transfers"])
      for (const json& row : rows)
        if (row["from"] == id(t["from"]) && row["to"] == id(t["to"]) && row["kind"] == t["way"])
          sum +=
              row["alpha_ns"].get<double>() + row["beta_ps_per_byte"].get<double>() * t["bytes"].get<double>() / 1000;
    return static_cast<uint64_t>(sum);
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

  // The untuned plan stays, so that there is always what the others are compared with.
  void drop_doubles() {
    for (size_t i = contestants_.size(); i-- > 1;)
      if (std::any_of(contestants_.begin(), contestants_.begin() + static_cast<std::ptrdiff_t>(i),
                      [&](const Contestant& c) { return c.tuned && same_plan(c.plan, contestants_[i].plan); }))
        contestants_.erase(contestants_.begin() + static_cast<std::ptrdiff_t>(i));
  }

  // The best device alone; a mix only where it surely is faster; the untuned plan where that surely is.
  const Contestant& winner() const {
    const Contestant* best = nullptr;
    for (const Contestant& c : contestants_)
      if (c.tuned && c.devices.size() == 1 && (!best || c.median_ns() < best->median_ns())) best = &c;
    for (const Contestant& c : contestants_) {
      const bool challenges = &c != best && (!c.tuned || c.devices.size() > 1);
      if (!best || (challenges && estimate(log_ratios(c, *best)).high < 0)) best = &c;
    }
    return *best;
  }

  void conclude() {
    const Contestant& best = winner();
    describe_others(best.plan);
    for (const auto& [name, device] : others_) desk_.ledger.add_device(device);
    ModelResult result{model_.path.filename().string(), best.name, {}};
    json candidates = json::array();
    for (const Contestant& c : contestants_) {
      const auto measured = static_cast<uint64_t>(c.median_ns());
      result.plans.push_back({c.name, c.predicted_ns, measured});
      const Estimate ratio = estimate(log_ratios(best, c));
      candidates.push_back({{"name", c.name},
                            {"devices", c.devices},
                            {"tuned", c.tuned},
                            {"predicted_ns", c.predicted_ns},
                            {"measured_ns", measured},
                            {"runs", c.ns.size()},
                            {"winner_ratio", std::exp(ratio.middle)},
                            {"winner_ratio_low", std::exp(ratio.low)},
                            {"winner_ratio_high", std::exp(ratio.high)}});
    }
    desk_.result.models.push_back(std::move(result));
    json nodes = json::array();
    for (const json& node : best.plan["nodes"]) {
      json with_time = node;
      with_time["measured_ns"] = desk_.ledger.median_ns(node["problem"], id(node["device"]));
      nodes.push_back(std::move(with_time));
    }
    json facts = {{"model", model_.path.string()},     {"winner", best.name},
                  {"candidates", candidates},          {"row", row(best)},
                  {"predicted_ns", best.predicted_ns}, {"measured_ns", static_cast<uint64_t>(best.median_ns())},
                  {"nodes", std::move(nodes)},         {"transfers", best.plan["transfers"]}};
    desk_.ledger.add_plan(std::move(facts));
  }

  json row(const Contestant& best) const {
    json devices = json::array(), segments = json::array(), shapes = json::object();
    for (const TunedDevice& d : desk_.devices) devices.push_back(d.id());
    std::map<uint32_t, size_t> places;
    for (const json& node : best.plan["nodes"]) {
      const auto [place, fresh] = places.try_emplace(node["segment"], segments.size());
      if (fresh) segments.push_back({{"device", id(node["device"])}, {"nodes", json::array()}});
      segments[place->second]["nodes"].push_back(node["node"]);
    }
    for (const graph::TensorId input : planned_.graph.inputs) {
      const auto extents = planned_.graph.tensor(input).extents();
      shapes[planned_.graph.tensor(input).name] = std::vector<int64_t>(extents.begin(), extents.end());
    }
    return {{"graph_hash", planned_.hash},
            {"shapes", shapes},
            {"devices", devices},
            {"objective", "latency"},
            {"segments", segments},
            {"expected_ns", static_cast<uint64_t>(best.median_ns())},
            {"bound_ns", 0}};
  }

  Desk& desk_;
  const TunedModel& model_;
  const PlannedModel& planned_;
  Budget budget_;
  Budget::Clock::time_point begin_ = Budget::Clock::now();
  std::vector<Contestant> contestants_;
  std::map<std::string, TunedDevice> others_;
};

}  // namespace

void race_plans(Desk& desk, const std::vector<TunedModel>& models, const std::vector<PlannedModel>& planned) {
  desk.status.phase = "plans";
  desk.status.device.clear();
  publish_table(desk.ledger.costs(), desk.options.work / "race.json");
  for (size_t m = 0; m < models.size() && !desk.stopped(); ++m) {
    desk.status.done = m;
    desk.status.total = models.size();
    if (!planned[m].is_whole) {
      desk.say(base::text("no plan of % is raced, because its shapes depend on data", {models[m].path.string()}));
      continue;
    }
    try {
      PlanRace(desk, models[m], planned[m], desk.budget.part(1.0 / static_cast<double>(models.size() - m))).run();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::io) throw;
      desk.say(base::text("no plan of % is kept: %", {models[m].path.string(), error.what()}));
    }
  }
}

}  // namespace motley::tuner
