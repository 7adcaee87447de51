// What a check found, and how it is told.
#include "report.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace motley::check {

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass: return "pass";
    case Verdict::fail: return "FAIL";
    default: return "unsupported";
  }
}

void print_table(const std::vector<Result>& results) {
  size_t width = 8;
  for (const Result& r : results) width = std::max(width, r.group.size() + r.name.size() + 1);
  int count[3] = {};
  for (const Result& r : results) {
    ++count[static_cast<int>(r.verdict)];
    const std::string name = r.group + "/" + r.name;
    std::printf("%-*s  %-11s", static_cast<int>(width), name.c_str(), to_string(r.verdict));
    if (r.cases) std::printf("  %4d cases", r.cases);
    std::printf("%s%s\n", r.message.empty() ? "" : "  ", r.message.c_str());
  }
  std::printf("%d passed, %d failed, %d unsupported\n", count[0], count[1], count[2]);
}

void write_json(const std::vector<Result>& results, const std::string& library, const std::string& path) {
  nlohmann::json rows = nlohmann::json::array();
  for (const Result& r : results)
    rows.push_back({{"group", r.group},
                    {"name", r.name},
                    {"verdict", r.verdict == Verdict::fail ? "fail" : to_string(r.verdict)},
                    {"message", r.message},
                    {"cases", r.cases}});
  std::ofstream file(path);
  file << nlohmann::json{{"schema", "motley.plugin-check/1"}, {"library", library}, {"results", rows}}.dump(
              2, ' ', false, nlohmann::json::error_handler_t::replace)
       << "\n";
  file.close();
  if (!file) throw std::runtime_error("the log \"" + path + "\" cannot be written; choose another place with --json");
}

}  // namespace motley::check
