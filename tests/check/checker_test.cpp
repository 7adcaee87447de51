// motley-plugin-check passes what is good, reports all that it does, and takes lists of expected failures.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "command.hpp"

namespace motley::test {
namespace {

const std::string kBroken = library("motley_broken_host"), kBrokenQueued = library("motley_broken_queued");
std::string plugin(const std::string& name) { return std::string(MOTLEY_PLUGINS) + "/libmotley_" + name + ".so"; }

void expect_good(const Outcome& o, const char* row) {
  EXPECT_EQ(o.exit_code, 0) << o.output;
  EXPECT_NE(o.output.find(row), std::string::npos) << o.output;
  EXPECT_NE(o.output.find(" 0 failed"), std::string::npos) << o.output;
}

std::string write_file(const char* name, const std::string& text) {
  const std::string path = testing::TempDir() + name;
  std::ofstream(path) << text;
  return path;
}

size_t rows_in(const std::string& output) {
  return static_cast<size_t>(std::count(output.begin(), output.end(), '\n'));
}

TEST(Checker, TheTemplatePasses) { expect_good(run_checker(library("motley_template")), "ops/Unary(relu)"); }
TEST(Checker, TheQueuedDevicePasses) {
  const Outcome o = run_checker("--quick " + library("motley_queued_device"));
  expect_good(o, "memory/imported");
  EXPECT_NE(o.output.find("queues/waits                    pass"), std::string::npos) << o.output;
}
TEST(Checker, TheUnbrokenPluginsPass) {
  const Outcome o = run_checker("--quick " + kBroken);
  expect_good(o, "candidates/offered              pass");
  EXPECT_NE(o.output.find("cache/flipped                   pass"), std::string::npos) << o.output;
  expect_good(run_checker("--quick --op relu " + kBrokenQueued), "queues/in_order");
}
TEST(Checker, TheReferencePassesAgainstItself) {
  expect_good(run_checker("--quick " + plugin("reference")), "ops/Conv");
}
TEST(Checker, TheCpuPluginPassesQuickly) { expect_good(run_checker("--quick " + plugin("cpu")), "tuning/Conv"); }
TEST(Checker, TheCpuPluginPasses) {
  expect_good(run_checker("--timeout 600 --seed 2 " + plugin("cpu")), "tuning/Conv");
}

TEST(Checker, AReportIsCompleteWhateverThePluginDoes) {
  const std::string arguments = "--quick --op relu " + kBroken;
  const Outcome good = run_checker(arguments);
  for (const char* kind : {"crash_at_run", "exit_at_run", "throws_at_submit", "crash_at_release"}) {
    const Outcome bad = run_checker(arguments, std::string("MOTLEY_BREAK=") + kind);
    EXPECT_EQ(rows_in(bad.output), rows_in(good.output)) << kind << "\n" << bad.output;
  }
}

// The rows, their order and their verdicts are those of one check after another; a crash ends one child and not its
// neighbours.
TEST(Checker, ChecksSideBySideGiveTheSameReport) {
  const auto rows = [](const Outcome& o) {
    std::vector<std::string> list;
    std::istringstream lines(o.output);
    for (std::string line; std::getline(lines, line);) list.push_back(line.substr(0, 40));
    if (!list.empty()) list.pop_back();  // the summary has the seconds
    return list;
  };
  for (const char* kind : {"", "crash_at_run", "nan"}) {
    const std::string environment = std::string("MOTLEY_BREAK=") + kind;
    const Outcome one = run_checker("--op Unary " + kBroken, environment);
    const Outcome four = run_checker("--op Unary --jobs 4 " + kBroken, environment);
    EXPECT_EQ(one.exit_code, four.exit_code);
    EXPECT_EQ(rows(one), rows(four)) << kind;
  }
}

TEST(Checker, WritesJsonAndJUnit) {
  const std::string json = testing::TempDir() + "check.json", junit = testing::TempDir() + "check.xml";
  const Outcome o = run_checker("--quick --op relu --seed 9 --json " + json + " --junit " + junit + " " + kBroken,
                                "MOTLEY_BREAK=nan");
  ASSERT_EQ(o.exit_code, 1) << o.output;
  std::ifstream file(json);
  const nlohmann::json log = nlohmann::json::parse(file);
  EXPECT_EQ(log["schema"], "motley.plugin-check/1");
  EXPECT_EQ(log["plugin"]["id"], "broken");
  EXPECT_EQ(log["depth"], "quick");
  EXPECT_EQ(log["seed"], 9);
  EXPECT_GT(log["results"].size(), 40u);
  std::ostringstream xml;
  xml << std::ifstream(junit).rdbuf();
  EXPECT_NE(xml.str().find("<testcase classname=\"ops\" name=\"Unary(relu) [broken]\""), std::string::npos)
      << xml.str();
  EXPECT_NE(xml.str().find("<failure message="), std::string::npos);
}

TEST(Checker, ExpectedFailuresAreApart) {
  const std::string list = write_file("expect.json", R"({"schema": "motley.check-expect/1", "expect": [
    {"check": "query/fing*", "device": "brok?n", "reason": "serial numbers are wanted here"},
    {"check": "query/estimates", "reason": "was wrong once"}]})");
  const std::string arguments = "--filter 'query/*' --quick --expect " + list + " " + kBroken;
  const Outcome o = run_checker(arguments, "MOTLEY_BREAK=bad_fingerprint");
  EXPECT_EQ(o.exit_code, 0) << o.output;
  EXPECT_NE(o.output.find("serial numbers are wanted here: "), std::string::npos) << o.output;
  EXPECT_NE(o.output.find("1 expected failure"), std::string::npos) << o.output;
  EXPECT_NE(o.output.find("take it off the list"), std::string::npos) << o.output;
  EXPECT_EQ(run_checker(arguments, "MOTLEY_BREAK=changes_answer").exit_code, 1) << "others fail all the same";
}

TEST(Checker, FilterListAndDevice) {
  const Outcome filtered = run_checker("--filter 'rules/n*' " + kBroken);
  EXPECT_EQ(rows_in(filtered.output), 3u) << filtered.output;
  const Outcome list = run_checker("--list");
  EXPECT_EQ(list.exit_code, 0);
  for (const char* name :
       {"rules/load ", "memory/offsets ", "queues/waits ", "cache/flipped ", "ops/Conv ", "tuning/OP "})
    EXPECT_NE(list.output.find(name), std::string::npos) << name;
  EXPECT_EQ(run_checker("--quick --device broken --filter 'query/*' " + kBroken).exit_code, 0);
}

TEST(Checker, EachDeviceIsChecked) {
  const std::string arguments = "--quick --op relu " + kBroken, two = "MOTLEY_BREAK=two_devices";
  const Outcome both = run_checker(arguments, two);
  EXPECT_EQ(both.exit_code, 0) << both.output;
  for (const char* row : {"cache/other_device [broken]", "ops/Unary(relu) [second]"})
    EXPECT_NE(both.output.find(row), std::string::npos) << both.output;
  EXPECT_EQ(both.output.find("the plugin has one device"), std::string::npos) << both.output;
  const Outcome one = run_checker("--device second " + arguments, two);
  EXPECT_EQ(one.exit_code, 0) << one.output;
  EXPECT_LT(rows_in(one.output), rows_in(both.output));
}

TEST(Checker, BadUsageIsASentence) {
  EXPECT_EQ(run_checker("").exit_code, 2);
  EXPECT_EQ(run_checker("/nonexistent.so").exit_code, 2);
  EXPECT_EQ(run_checker("--nonsense x").exit_code, 2);
  EXPECT_EQ(run_checker("--timeout soon " + kBroken).exit_code, 2);
  EXPECT_EQ(run_checker("--seed -3 " + kBroken).exit_code, 2);
  for (const char* count : {"0", "-1", "many", "1000"})
    EXPECT_EQ(run_checker(std::string("--jobs ") + count + " " + kBroken).exit_code, 2) << count;
  EXPECT_EQ(run_checker("--expect /nonexistent.json " + kBroken).exit_code, 2);
  for (const char* text : {"[", "{}", R"({"schema": "motley.check-expect/1"})",
                           R"({"schema": "motley.check-expect/1", "expect": [{"check": "x"}]})",
                           R"({"schema": "motley.check-expect/1", "expect": [7]})"})
    EXPECT_EQ(run_checker("--expect " + write_file("bad.json", text) + " " + kBroken).exit_code, 2) << text;
  const Outcome o = run_checker("--device gpu7 --filter 'query/*' " + kBroken);
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_NE(o.output.find("there are: broken"), std::string::npos) << o.output;
  for (const char* nothing : {"--filter 'rules/lood' ", "--op relo "}) {
    const Outcome none = run_checker(nothing + kBroken);
    EXPECT_EQ(none.exit_code, 2) << nothing;
    EXPECT_NE(none.output.find("--list shows"), std::string::npos) << none.output;
  }
  EXPECT_EQ(run_checker(MOTLEY_CHECK).exit_code, 1) << "a program is no plugin";
}

}  // namespace
}  // namespace motley::test
