// What the runners print.
#include "report.hpp"

#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

namespace motley::conformance {
using nlohmann::json;

namespace {

struct Counts {
  size_t passed = 0, failed = 0, skipped = 0;
  void add(Status status) { ++(status == Status::passed ? passed : status == Status::failed ? failed : skipped); }
};

struct Row {
  Counts counts;
  std::map<std::string, size_t> ran_on;  // of those that passed
  size_t fixed_shapes = 0;
};

std::string join(const std::set<std::string>& names) {
  if (names.empty()) return "folded";
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : "+") + name;
  return text;
}

void print_table(const std::vector<Result>& results) {
  std::map<std::string, Row> rows;
  for (const Result& r : results) {
    Row& row = rows[r.op];
    row.counts.add(r.status);
    if (r.status != Status::passed) continue;
    ++row.ran_on[join(r.devices)];
    row.fixed_shapes += r.fixed_shapes;
  }
  std::printf("%-28s %6s %6s %7s  %s\n", "op", "passed", "failed", "skipped", "ran on (cases that passed)");
  for (const auto& [op, row] : rows) {
    std::string where;
    for (const auto& [devices, count] : row.ran_on)
      where += (where.empty() ? "" : ", ") + devices + ": " + std::to_string(count);
    if (row.fixed_shapes)
      where += "; " + std::to_string(row.fixed_shapes) + " with inputs that steer shapes as constants";
    std::printf("%-28s %6zu %6zu %7zu  %s\n", op.c_str(), row.counts.passed, row.counts.failed, row.counts.skipped,
                where.c_str());
  }
}

json to_json(const Result& r) {
  return {{"name", r.name},     {"op", r.op},           {"status", to_string(r.status)},
          {"reason", r.reason}, {"devices", r.devices}, {"fixed_shapes", r.fixed_shapes}};
}

}  // namespace

std::string pack(const Result& result) { return to_json(result).dump(-1, ' ', false, json::error_handler_t::replace); }

Result unpack(const std::string& text) {
  const json j = json::parse(text);
  Result r;
  r.name = j.at("name");
  r.op = j.at("op");
  r.reason = j.at("reason");
  r.status = j.at("status") == "passed"   ? Status::passed
             : j.at("status") == "failed" ? Status::failed
                                          : Status::skipped;
  r.devices = j.at("devices").get<std::set<std::string>>();
  r.fixed_shapes = j.at("fixed_shapes");
  return r;
}

int report(const std::vector<Result>& results, const ReportOptions& options) {
  Counts total;
  json list = json::array();
  for (const Result& r : results) {
    total.add(r.status);
    list.push_back(to_json(r));
    if (r.status == Status::failed || (r.status == Status::skipped && options.list_skipped))
      std::printf("%s %s: %s\n", to_string(r.status), r.name.c_str(), r.reason.c_str());
  }
  if (options.per_op) print_table(results);
  if (!options.json.empty()) {
    std::ofstream file(options.json);
    file << json{{"passed", total.passed}, {"failed", total.failed}, {"skipped", total.skipped}, {"cases", list}}.dump(
                1, ' ', false, json::error_handler_t::replace)
         << '\n';
    if (!file.flush()) {
      std::fprintf(stderr, "cannot write \"%s\"\n", options.json.c_str());
      return 2;
    }
  }
  std::printf("%zu passed, %zu failed, %zu skipped\n", total.passed, total.failed, total.skipped);
  return total.failed == 0 ? 0 : 1;
}

}  // namespace motley::conformance
