// What several tables know together, and what differs between two.
#include "table/merge.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/text.hpp"
#include "motley/error.hpp"
#include "table/document.hpp"
#include "table/rows.hpp"
#include "table/text.hpp"
#include "table/winner.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

constexpr const char* kLists[] = {"devices", "kernels", "plans", "transfers"};

// The tools of all, each once, in order.
std::string tools_of(const std::vector<json>& documents) {
  std::vector<std::string> tools;
  for (const json& document : documents) {
    const std::string all = document["tool"];
    for (size_t at = 0, end; at <= all.size(); at = end + 2) {
      end = std::min(all.find("; ", at), all.size());
      tools.push_back(all.substr(at, end - at));
    }
  }
  std::sort(tools.begin(), tools.end());
  tools.erase(std::unique(tools.begin(), tools.end()), tools.end());
  std::string text;
  for (const std::string& tool : tools) text += (text.empty() ? "" : "; ") + tool;
  return text;
}

std::string describe(const Decision& d) {
  const std::string config = d.config.empty() ? "default" : d.config;
  return d.median_ns ? base::text("% % ns", {config, d.median_ns}) : config;
}

void compare_kernels(const json& before, const json& after, std::vector<Difference>& result) {
  const auto by_name = [](const json& document) {
    std::map<std::string, Decision> all;
    for (Decision& d : decisions_of(document)) {
      const std::string name = observed_name(d.problem, d.candidate) + " on " + d.device;
      all.emplace(name, std::move(d));
    }
    return all;
  };
  const auto old_ones = by_name(before), new_ones = by_name(after);
  for (const auto& [name, d] : old_ones) {
    const auto now = new_ones.find(name);
    if (now == new_ones.end()) {
      result.push_back({Difference::Kind::removed, "kernel", name, describe(d), ""});
    } else if (describe(now->second) != describe(d)) {
      const bool timed = d.median_ns && now->second.median_ns;
      const double ratio = timed ? static_cast<double>(now->second.median_ns) / static_cast<double>(d.median_ns) : 1;
      result.push_back({Difference::Kind::changed, "kernel", name, describe(d), describe(now->second), ratio});
    }
  }
  for (const auto& [name, d] : new_ones)
    if (!old_ones.count(name)) result.push_back({Difference::Kind::added, "kernel", name, "", describe(d)});
}

void compare_rows(const char* list, const char* what, const json& before, const json& after,
                  std::vector<Difference>& result) {
  const auto missing = [&](const json& row, const json& from) {
    return std::find(from[list].begin(), from[list].end(), row) == from[list].end();
  };
  for (const json& row : before[list])
    if (missing(row, after))
      result.push_back({Difference::Kind::removed, what, row.value("id", row.value("graph_hash", "")), row.dump(), ""});
  for (const json& row : after[list])
    if (missing(row, before))
      result.push_back({Difference::Kind::added, what, row.value("id", row.value("graph_hash", "")), "", row.dump()});
}

// A candidate's rows compete with other kernels as the planner does: by what they take.
table::Winner fastest_of(std::span<const table::KernelRow* const> rows) {
  const table::KernelRow* best = *std::min_element(
      rows.begin(), rows.end(), [](const auto* a, const auto* b) { return a->median_ns < b->median_ns; });
  return {&best->config, best->median_ns, best->ratio};
}

}  // namespace

json merge_tables(const std::vector<json>& documents) {
  if (documents.empty()) base::fail(ErrorCode::invalid_argument, "there is no table to merge: name one or more");
  json all = empty_document(tools_of(documents));
  for (const json& document : documents) {
    const json part = canonical(document);  // so that devices have the same names everywhere
    for (const char* list : kLists) all[list].insert(all[list].end(), part[list].begin(), part[list].end());
  }
  // The same device may now stand there several times, as may rows: canonical() keeps each once.
  return canonical(all);
}

std::vector<Decision> decisions_of(const json& document) {
  const table::Table table = table::table_of(document);
  const auto same = [](const table::KernelRow& a, const table::KernelRow& b) {
    return a.problem == b.problem && a.device == b.device && a.candidate == b.candidate;
  };
  std::vector<const table::KernelRow*> rows;
  for (const table::KernelRow& row : table.kernels) rows.push_back(&row);
  std::sort(rows.begin(), rows.end(), [](const auto* a, const auto* b) {
    const auto first = [](const table::KernelRow& r) { return std::tie(r.problem, r.device, r.candidate); };
    return first(*a) != first(*b) ? first(*a) < first(*b) : table::comes_before(*a, *b);
  });
  std::vector<Decision> decisions;
  for (size_t i = 0, end; i < rows.size(); i = end) {
    for (end = i; end < rows.size() && same(*rows[end], *rows[i]);) ++end;
    const std::span group = std::span(rows).subspan(i, end - i);
    table::Winner winner = table::winner_of(group);
    if (!rows[i]->candidate.empty()) winner = fastest_of(group);
    decisions.push_back({rows[i]->problem, table.devices[rows[i]->device].id, winner.config ? *winner.config : "",
                         rows[i]->candidate, winner.median_ns, winner.ratio, end - i});
  }
  return decisions;
}

std::vector<Difference> diff_tables(const json& before, const json& after) {
  const json a = canonical(before), b = canonical(after);
  std::vector<Difference> result;
  compare_rows("devices", "device", a, b, result);
  compare_kernels(a, b, result);
  compare_rows("transfers", "transfer", a, b, result);
  compare_rows("plans", "plan", a, b, result);
  return result;
}

}  // namespace motley::tuner
