// The results in the XML that build servers read: a suite per group.
#include <cstdio>
#include <fstream>
#include <map>
#include <stdexcept>

#include "report.hpp"

namespace motley::check {

namespace {

// Text as an XML attribute: plugins write messages, so any byte may come.
std::string escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: {
        const auto byte = static_cast<unsigned char>(c);
        out += byte < 0x20 || byte > 0x7e ? '?' : c;
      }
    }
  }
  return out;
}

std::string element(const Result& r) {
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.3f", r.seconds);
  const std::string name = r.name + (r.device.empty() ? "" : " [" + r.device + "]");
  std::string text =
      "    <testcase classname=\"" + escape(r.group) + "\" name=\"" + escape(name) + "\" time=\"" + seconds + "\"";
  const std::string message = " message=\"" + escape(r.message) + "\"/>\n";
  switch (r.verdict) {
    case Verdict::pass:
    case Verdict::unexpected_pass: return text + "/>\n";
    case Verdict::fail: return text + ">\n      <failure" + message + "    </testcase>\n";
    default: return text + ">\n      <skipped" + message + "    </testcase>\n";
  }
}

}  // namespace

void write_junit(const std::vector<Result>& results, const RunInfo& info, const std::string& path) {
  struct Suite {
    int tests = 0, failures = 0, skipped = 0;
    std::string body;
  };
  std::map<std::string, Suite> suites;
  for (const Result& r : results) {
    Suite& suite = suites[r.group];
    ++suite.tests;
    suite.failures += r.verdict == Verdict::fail;
    suite.skipped += r.verdict == Verdict::unsupported || r.verdict == Verdict::expected_failure;
    suite.body += element(r);
  }
  std::ofstream file(path);
  file << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"" << escape(info.plugin) << "\">\n";
  for (const auto& [group, suite] : suites)
    file << "  <testsuite name=\"" << escape(group) << "\" tests=\"" << suite.tests << "\" failures=\""
         << suite.failures << "\" errors=\"0\" skipped=\"" << suite.skipped << "\">\n"
         << suite.body << "  </testsuite>\n";
  file << "</testsuites>\n";
  file.close();
  if (!file) throw std::runtime_error("the log \"" + path + "\" cannot be written; choose another place with --junit");
}

}  // namespace motley::check
