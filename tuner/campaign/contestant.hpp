// A plan in a race of plans: what it is, how long it took, and who wins.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "campaign/parts.hpp"
#include "measure/statistics.hpp"

namespace motley::tuner {

// Times of one process, in ns: the median run of each turn. Those that run together have a turn each per round.
struct Heat {
  size_t number = 0;
  std::vector<double> ns;
};

struct Contestant {
  enum class Kind : uint8_t {
    untuned,   // what a session does without a table
    single,    // a device alone
    placement  // what a planner made of measured costs, or the untuned placement with tuned configs
  } kind = Kind::untuned;
  std::string name;                  // for people
  std::vector<std::string> devices;  // that the session is told to use; empty: all
  bool tuned = true;                 // whether the table's rows of kernels count
  double error_budget = 0;           // that the session is given
  bool split = false;                // whether it may split operators over two devices
  nlohmann::json plan = {};          // what the worker said of it when it was compiled first
  nlohmann::json row = {};           // of "plans" of a table, by which later sessions follow it
  Parts parts = {};
  uint64_t predicted_ns = 0;  // from its parts, before its last heat; 0: not known
  std::vector<Heat> heats = {};

  // The smallest of the heats' medians: what else a machine does, for a second or a minute, makes runs longer and never
  // shorter. Heats of a few turns count only where there is no other.
  double ns() const;
  size_t turns() const;
  // Without kernels of lower precision.
  bool is_exact() const { return plan.is_null() || plan.value("error", 0.0) <= 0; }
  // With operators that two devices compute together.
  bool is_split() const { return !plan.is_null() && plan.contains("cuts") && !plan["cuts"].empty(); }
  // As any session may run it, whatever it allows.
  bool is_plain() const { return is_exact() && !is_split(); }
};

// The same nodes on the same devices with the same configs, operators cut in the same places.
bool same_plan(const Contestant& a, const Contestant& b);

// The middle and the 95 % interval of log(a's time / b's), from rounds in which both ran.
Estimate log_ratio(const Contestant& a, const Contestant& b);

// Index of the winner: the fastest; but the untuned plan, or else the best single device, where that is within 1 % of
// it and not surely slower. `all` is not empty, and each has run in the last heat.
size_t winner_of(const std::vector<Contestant>& all);

// What is worth a row of the table, by indices.
struct Winners {
  std::optional<size_t> whole;    // of the plans without splits and errors, which anybody can follow
  std::optional<size_t> split;    // of the exact ones with splits that are surely 1 % faster than that
  std::optional<size_t> inexact;  // of those with an error that are surely 1 % faster than both
};
Winners winners_of(const std::vector<Contestant>& all);

}  // namespace motley::tuner
