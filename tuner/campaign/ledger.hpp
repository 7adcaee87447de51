// What a tuning found out, kept in its journal, and the dispatch table made of it.
#pragma once

#include <map>
#include <optional>

#include "campaign/workload.hpp"
#include "journal/journal.hpp"
#include "tune/problem.hpp"

namespace motley::tuner {

// Notes in the journal, each written before anything is built on it:
//   session   what was asked for
//   device    {"row": a row of "devices"}
//   kernel    {"device", "problem", "count", "rigor", "rows": rows of "kernels"}: replaces earlier ones of that problem
//   left_out  {"device", "problem", "reason"}: the default does not work, or the worker cannot run it
//   transfer  {"row": a row of "transfers"}: replaces earlier ones of the same ends and kind
//   plan      {"model", "row": a row of "plans", "candidates", "nodes"}: replaces earlier ones of the same graph and
//   devices
class Ledger {
 public:
  // `table`: an earlier table whose rows are kept where this tuning has none of its own; null: none. The journal
  // outlives it.
  Ledger(Journal& journal, nlohmann::json table, std::string tool);

  // From now on `table` stands for the earlier table.
  void keep(nlohmann::json table);
  void add_device(const TunedDevice& device);
  void add_kernel(const Problem& problem, const std::string& device, Rigor rigor, nlohmann::json rows);
  void leave_out(const Problem& problem, const std::string& device, const std::string& reason);
  void add_transfer(nlohmann::json row);
  void add_plan(nlohmann::json facts);

  // Problems are called by Problem::name(). The rigor with which one was measured, now or earlier; nothing where it was
  // not.
  std::optional<Rigor> known(const std::string& problem, const std::string& device) const;
  bool left_out(const std::string& problem, const std::string& device) const;
  // Nanoseconds of the config that the table chooses; 0 where there is none.
  uint64_t median_ns(const std::string& problem, const std::string& device) const;
  // Of this config ("": the default), which may be a candidate's, or else of the one that the table chooses.
  uint64_t median_ns(const std::string& problem, const std::string& device, const std::string& config) const;
  // Configs of a problem by their ratio to the default, the fastest first.
  std::vector<std::string> best_configs(const std::string& problem, const std::string& device, size_t most) const;
  bool has_transfers(const std::string& device) const;
  std::vector<nlohmann::json> transfers() const;

  // All of it as a document of the table, in canonical form.
  nlohmann::json document() const;
  // As document(), without plans.
  nlohmann::json costs() const;

 private:
  using Where = std::pair<std::string, std::string>;  // problem, device
  void take(const nlohmann::json& note);
  void put_plan(const nlohmann::json& row);
  bool is_raced_anew(const nlohmann::json& row) const;
  std::vector<table::KernelRow> rows_of(const std::string& problem, const std::string& device) const;

  Journal& journal_;
  nlohmann::json table_;
  std::string tool_;
  std::map<std::string, nlohmann::json> devices_, transfers_, plans_;
  std::map<Where, nlohmann::json> kernels_;
  std::map<Where, std::string> left_out_;
};

std::optional<Rigor> rigor_named(const std::string& name);

}  // namespace motley::tuner
