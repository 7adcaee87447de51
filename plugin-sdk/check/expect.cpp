// Reading the list of expected failures and applying it.
#include "expect.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace motley::check {

bool matches(const std::string& glob, const std::string& text) {
  size_t g = 0, t = 0, star = std::string::npos, resume = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = t;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t])) {
      ++g;
      ++t;
    } else if (star != std::string::npos) {
      g = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

std::vector<Expectation> read_expectations(const std::string& path) {
  const auto fail = [&](const std::string& what) {
    throw std::invalid_argument("the list of expected failures \"" + path + "\" " + what);
  };
  std::ifstream file(path);
  if (!file) fail("cannot be read");
  const nlohmann::json list = nlohmann::json::parse(file, nullptr, false);
  if (!list.is_object() || list.value("schema", nlohmann::json()) != "motley.check-expect/1")
    fail("is not JSON with \"schema\": \"motley.check-expect/1\"");
  if (!list.contains("expect") || !list["expect"].is_array()) fail("has no array \"expect\"");
  std::vector<Expectation> expectations;
  for (const nlohmann::json& row : list["expect"]) {
    const auto text = [&](const char* key) -> std::string {
      return row.is_object() && row.contains(key) && row[key].is_string() ? row[key].get<std::string>() : "";
    };
    Expectation e{text("check"), text("device"), text("reason")};
    if (e.check.empty() || e.reason.empty())
      fail("has an entry without \"check\" or \"reason\" (" + row.dump().substr(0, 80) + ")");
    if (e.device.empty()) e.device = "*";
    expectations.push_back(std::move(e));
  }
  return expectations;
}

void apply(const std::vector<Expectation>& expectations, Result& result) {
  for (const Expectation& e : expectations) {
    if (!matches(e.check, result.check()) || !matches(e.device, result.device)) continue;
    if (result.verdict == Verdict::fail) {
      result.verdict = Verdict::expected_failure;
      result.message = e.reason + ": " + result.message;
    } else if (result.verdict == Verdict::pass) {
      result.verdict = Verdict::unexpected_pass;
      result.message = "was expected to fail (" + e.reason + "); take it off the list";
    }
    return;
  }
}

}  // namespace motley::check
