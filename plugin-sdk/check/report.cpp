// The table and the JSON log.
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
    case Verdict::unsupported: return "unsupported";
    case Verdict::expected_failure: return "expected";
    default: return "PASSES";
  }
}

std::string row_text(const Result& r, size_t width, bool with_device) {
  std::string name = r.check();
  if (with_device && !r.device.empty()) name += " [" + r.device + "]";
  name.resize(std::max(width, name.size()), ' ');
  char cases[32] = "             ";
  if (r.cases) std::snprintf(cases, sizeof cases, "  %5d case%s", r.cases, r.cases == 1 ? " " : "s");
  char verdict[32];
  std::snprintf(verdict, sizeof verdict, "%-11s", to_string(r.verdict));
  std::string text = name + "  " + verdict + cases + (r.message.empty() ? "" : "  " + r.message);
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string summary(const std::vector<Result>& results) {
  int count[5] = {};
  for (const Result& r : results) ++count[static_cast<int>(r.verdict)];
  std::string text = std::to_string(count[0] + count[4]) + " passed, " + std::to_string(count[1]) + " failed, " +
                     std::to_string(count[2]) + " unsupported";
  if (count[3]) text += ", " + std::to_string(count[3]) + " expected failures";
  if (count[4]) text += "; " + std::to_string(count[4]) + " that passed were expected to fail";
  return text;
}

namespace {

const char* json_verdict(Verdict verdict) {
  switch (verdict) {
    case Verdict::fail: return "fail";
    case Verdict::expected_failure: return "expected_failure";
    case Verdict::unexpected_pass: return "unexpected_pass";
    default: return to_string(verdict);
  }
}

}  // namespace

void write_json(const std::vector<Result>& results, const RunInfo& info, const std::string& path) {
  nlohmann::json rows = nlohmann::json::array();
  for (const Result& r : results)
    rows.push_back({{"group", r.group},
                    {"name", r.name},
                    {"device", r.device},
                    {"verdict", json_verdict(r.verdict)},
                    {"message", r.message},
                    {"cases", r.cases},
                    {"seconds", r.seconds}});
  const nlohmann::json log = {{"schema", "motley.plugin-check/1"},
                              {"library", info.library},
                              {"plugin", {{"id", info.plugin}, {"version", info.version}, {"build", info.build}}},
                              {"depth", info.depth},
                              {"seed", info.seed},
                              {"seconds", info.seconds},
                              {"results", rows}};
  std::ofstream file(path);
  file << log.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  file.close();
  if (!file) throw std::runtime_error("the log \"" + path + "\" cannot be written; choose another place with --json");
}

}  // namespace motley::check
