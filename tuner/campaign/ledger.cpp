// What a tuning found out, and the dispatch table made of it.
#include "campaign/ledger.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "journal/record.hpp"
#include "table/fields.hpp"
#include "table/rows.hpp"
#include "table/text.hpp"
#include "table/winner.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

constexpr Rigor kLevels[] = {Rigor::estimate, Rigor::measure, Rigor::patient, Rigor::exhaustive};

std::string ends_of(const json& transfer) {
  return transfer.at("from").get<std::string>() + " " + transfer.at("to").get<std::string>() + " " +
         transfer.at("kind").get<std::string>();
}
// What it is for; and what it is, as several for the same are kept.
std::string purpose_of(const json& plan) {
  return plan.at("graph_hash").get<std::string>() + plan.at("objective").get<std::string>() + plan.at("devices").dump();
}
std::string name_of(const json& plan) {
  return purpose_of(plan) + (plan.value("error", 0.0) <= 0 ? "" : " with an error") +
         (plan.contains("cuts") ? " with cuts" : "");
}

}  // namespace

std::optional<Rigor> rigor_named(const std::string& name) {
  for (const Rigor level : kLevels)
    if (name == to_string(level)) return level;
  return std::nullopt;
}

Ledger::Ledger(Journal& journal, json table, std::string tool) : journal_(journal), tool_(std::move(tool)) {
  keep(table.is_null() ? empty_document(tool_) : std::move(table));
  for (const json& note : journal_.notes()) {
    try {
      take(note);
    } catch (const json::exception&) {  // of another version: measured again
    } catch (const Error&) {            // likewise
    }
  }
}

void Ledger::keep(json table) { table_ = canonical(table); }

namespace {

// Of one of a table's lists. Throws Error(invalid_argument).
void check_row(const char* list, const json& row) {
  for (const table::Field* field = table::kDocument.begin; field != table::kDocument.end; ++field)
    if (std::string_view(field->name) == list) table::check_fields(row, *field->inner, "a row");
}

void check_rows(const std::string& kind, const json& note) {
  if (kind == "device") check_row("devices", note.at("row"));
  if (kind == "transfer") check_row("transfers", note.at("row"));
  if (kind == "plan") check_row("plans", note.at("row"));
  if (kind != "kernel") return;
  for (const json& row : note.at("rows")) check_row("kernels", row);
  if (!rigor_named(note.at("rigor"))) base::fail(ErrorCode::invalid_argument, "there is no such rigor");
}

}  // namespace

void Ledger::take(const json& note) {
  const std::string kind = note.at("kind");
  check_rows(kind, note);
  if (kind == "device") devices_[note.at("row").at("id")] = note.at("row");
  if (kind == "transfer") transfers_[ends_of(note.at("row"))] = note.at("row");
  if (kind == "plan") put_plan(note.at("row"));
  if (kind == "kernel") kernels_[{note.at("problem"), note.at("device")}] = note;
  if (kind == "left_out") left_out_[{note.at("problem"), note.at("device")}] = note.at("reason");
}

void Ledger::add_device(const TunedDevice& device) {
  if (devices_.contains(device.id())) return;
  journal_.note("device", {{"row", device.row}});
  devices_[device.id()] = device.row;
}

void Ledger::add_kernel(const Problem& problem, const std::string& device, Rigor rigor, json rows) {
  json note = {{"device", device},
               {"problem", problem.name()},
               {"op", graph::describe_op(problem.graph.nodes[0])},
               {"count", problem.count},
               {"rigor", to_string(rigor)},
               {"rows", std::move(rows)},
               {"tunable", bool(problem.tunable)}};
  journal_.note("kernel", note);
  kernels_[{problem.name(), device}] = std::move(note);
}

void Ledger::leave_out(const Problem& problem, const std::string& device, const std::string& reason) {
  journal_.note("left_out", {{"device", device},
                             {"problem", problem.name()},
                             {"op", graph::describe_op(problem.graph.nodes[0])},
                             {"reason", reason}});
  left_out_[{problem.name(), device}] = reason;
}

void Ledger::add_transfer(json row) {
  const std::string ends = ends_of(row);
  journal_.note("transfer", {{"row", row}});
  transfers_[ends] = std::move(row);
}

void Ledger::add_plan(json facts) {
  const json row = facts.at("row");
  // Of a network of thousands of nodes the report's details do not fit a record, and then the row may not either: a
  // resumed tuning races that network again.
  constexpr size_t kMost = kMaxRecordBytes - 4096;
  if (facts.dump().size() > kMost) facts = {{"row", row}};
  if (facts.dump().size() <= kMost) journal_.note("plan", std::move(facts));
  put_plan(row);
}

// Of plans that split operators only those count that were raced with the last one that splits none.
void Ledger::put_plan(const json& row) {
  if (!row.contains("cuts"))
    std::erase_if(plans_, [&](const auto& known) {
      return known.second.contains("cuts") && purpose_of(known.second) == purpose_of(row);
    });
  plans_[name_of(row)] = row;
}

std::optional<Rigor> Ledger::known(const std::string& problem, const std::string& device) const {
  const auto own = kernels_.find({problem, device});
  if (own != kernels_.end()) return rigor_named(own->second.at("rigor"));
  std::optional<Rigor> best;
  for (const json& row : table_["kernels"]) {
    if (observed_name(row) != problem || row["device"] != device) continue;
    const auto level = rigor_named(row["rigor"]);
    if (level && (!best || *level > *best)) best = level;
  }
  return best;
}

bool Ledger::left_out(const std::string& problem, const std::string& device) const {
  return left_out_.contains({problem, device});
}

std::vector<table::KernelRow> Ledger::rows_of(const std::string& problem, const std::string& device) const {
  std::vector<table::KernelRow> rows;
  const auto add = [&](const json& row) {
    rows.push_back({problem, row["config"], "", 0, row["runs"], row["median_ns"], row["mad_ns"],
                    row["ratio_vs_default"], row["ratio_high"], row["error"]["max_rel"]});
  };
  if (const auto own = kernels_.find({problem, device}); own != kernels_.end())
    for (const json& row : own->second.at("rows")) add(row);
  else
    for (const json& row : table_["kernels"])
      if (observed_name(row) == problem && row["device"] == device) add(row);
  std::sort(rows.begin(), rows.end(), table::comes_before);
  return rows;
}

uint64_t Ledger::median_ns(const std::string& problem, const std::string& device) const {
  const std::vector<table::KernelRow> rows = rows_of(problem, device);
  std::vector<const table::KernelRow*> pointers;
  for (const table::KernelRow& row : rows) pointers.push_back(&row);
  return table::winner_of(pointers).median_ns;
}

uint64_t Ledger::median_ns(const std::string& problem, const std::string& device, const std::string& config) const {
  for (const table::KernelRow& row : rows_of(problem, device))
    if (row.config == config) return row.median_ns;
  const auto is_it = [&](const json& row) {
    return row["problem_key"] == problem && row["device"] == device && row["config"] == config;
  };
  for (const auto& [where, note] : kernels_)
    for (const json& row : note.at("rows"))
      if (is_it(row)) return row["median_ns"];
  for (const json& row : table_["kernels"])
    if (is_it(row)) return row["median_ns"];
  return median_ns(problem, device);
}

std::vector<std::string> Ledger::best_configs(const std::string& problem, const std::string& device,
                                              size_t most) const {
  std::vector<table::KernelRow> rows = rows_of(problem, device);
  std::erase_if(rows, [](const table::KernelRow& row) { return row.config.empty(); });
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.ratio < b.ratio; });
  std::vector<std::string> configs;
  for (const table::KernelRow& row : rows)
    if (configs.size() < most && std::find(configs.begin(), configs.end(), row.config) == configs.end())
      configs.push_back(row.config);
  return configs;
}

bool Ledger::has_transfers(const std::string& device) const {
  const auto names = [&](const json& row) { return row["from"] == device || row["to"] == device; };
  return std::any_of(transfers_.begin(), transfers_.end(), [&](const auto& t) { return names(t.second); }) ||
         std::any_of(table_["transfers"].begin(), table_["transfers"].end(), names);
}

std::vector<json> Ledger::transfers() const {
  std::vector<json> all;
  for (const auto& [ends, row] : transfers_) all.push_back(row);
  for (const json& row : table_["transfers"])
    if (!transfers_.contains(ends_of(row))) all.push_back(row);
  return all;
}

json Ledger::costs() const {
  json document = table_;
  document["tool"] = tool_;
  for (const auto& [id, row] : devices_) document["devices"].push_back(row);
  std::erase_if(document["kernels"].get_ref<json::array_t&>(), [&](const json& row) {
    return kernels_.contains({observed_name(row), row["device"]});
  });
  for (const auto& [where, note] : kernels_)
    for (const json& row : note.at("rows")) document["kernels"].push_back(row);
  document["transfers"] = transfers();
  document["plans"] = json::array();
  return canonical(document);
}

bool Ledger::is_raced_anew(const json& row) const {
  return std::any_of(plans_.begin(), plans_.end(),
                     [&](const auto& known) { return purpose_of(known.second) == purpose_of(row); });
}

json Ledger::document() const {
  json document = costs();
  for (const auto& [name, row] : plans_) document["plans"].push_back(row);
  for (const json& row : table_["plans"])
    if (!plans_.contains(name_of(row)) && !(row.contains("cuts") && is_raced_anew(row)))
      document["plans"].push_back(row);
  return canonical(document);
}

}  // namespace motley::tuner
