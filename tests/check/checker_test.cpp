// motley-plugin-check passes what is good, and names what is broken.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace {

struct Outcome {
  int exit_code;
  std::string output;
};

Outcome run(const std::string& arguments) {
  const std::string command = std::string(MOTLEY_CHECK) + " " + arguments + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer;
  while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) output.append(buffer.data(), n);
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

std::string library(const std::string& name) { return std::string(MOTLEY_TEST_PLUGINS) + "/lib" + name + ".so"; }

TEST(Checker, TheTemplatePasses) {
  const Outcome o = run(library("motley_template"));
  EXPECT_EQ(o.exit_code, 0) << o.output;
  EXPECT_NE(o.output.find("ops/Unary(relu)"), std::string::npos) << o.output;
  EXPECT_NE(o.output.find(" 0 failed"), std::string::npos) << o.output;
}

TEST(Checker, TheReferencePassesAgainstItself) {
  const Outcome o = run("--quick --op Binary " + std::string(MOTLEY_PLUGINS) + "/libmotley_reference.so");
  EXPECT_EQ(o.exit_code, 0) << o.output;
}

TEST(Checker, TheCpuPluginPasses) {
  const Outcome o = run("--timeout 600 " + std::string(MOTLEY_PLUGINS) + "/libmotley_cpu.so");
  EXPECT_EQ(o.exit_code, 0) << o.output;
}

TEST(Checker, WritesJson) {
  const std::string path = testing::TempDir() + "check.json";
  ASSERT_EQ(run("--quick --op relu --json " + path + " " + library("motley_template")).exit_code, 0);
  std::ifstream file(path);
  const nlohmann::json log = nlohmann::json::parse(file);
  EXPECT_EQ(log["schema"], "motley.plugin-check/1");
  EXPECT_GT(log["results"].size(), 10u);
}

TEST(Checker, BadUsageIsASentence) {
  EXPECT_EQ(run("").exit_code, 2);
  EXPECT_EQ(run("/nonexistent.so").exit_code, 2);
  EXPECT_EQ(run("--nonsense x").exit_code, 2);
  EXPECT_EQ(run(std::string(MOTLEY_CHECK)).exit_code, 1) << "a program is no plugin";
}

// Each broken plugin and the check that must name it.
struct Broken {
  const char* name;
  const char* row;   // start of the failing row
  const char* text;  // part of its message
};
class BrokenPlugin : public testing::TestWithParam<Broken> {};

TEST_P(BrokenPlugin, IsCaughtByANamedCheck) {
  const Outcome o = run("--op relu --timeout 4 " + library(std::string("broken_") + GetParam().name));
  EXPECT_EQ(o.exit_code, 1) << o.output;
  bool found = false;
  size_t begin = 0;
  while (begin < o.output.size()) {
    const size_t end = std::min(o.output.find('\n', begin), o.output.size());
    const std::string row = o.output.substr(begin, end - begin);
    found = found || (row.rfind(GetParam().row, 0) == 0 && row.find("FAIL") != std::string::npos &&
                      row.find(GetParam().text) != std::string::npos);
    begin = end + 1;
  }
  EXPECT_TRUE(found) << o.output;
}

INSTANTIATE_TEST_SUITE_P(Kinds, BrokenPlugin,
                         testing::Values(Broken{"kWrongTail", "ops/Unary(relu)", "reference"},
                                         Broken{"kNan", "ops/Unary(relu)", "nan"},
                                         Broken{"kWritesPast", "ops/Unary(relu)", "outside the memory"},
                                         Broken{"kIgnoresOffset", "ops/Unary(relu)", ""},
                                         Broken{"kChangesInput", "ops/Unary(relu)", "changed its input"},
                                         Broken{"kCrashAtRun", "Unary(relu)/crash", "Segmentation fault"},
                                         Broken{"kCrashAtCompile", "Unary(relu)/crash", "Aborted"},
                                         Broken{"kExit", "Unary(relu)/crash", "ended the process"},
                                         Broken{"kHang", "Unary(relu)/time", "hung"},
                                         Broken{"kLies", "ops/Unary(relu)", "changed my mind"},
                                         Broken{"kThrows", "Unary(relu)/", ""},
                                         Broken{"kMissing", "rules/required_functions", "compile is NULL"},
                                         Broken{"kForeignMajor", "rules/foreign_major", "another ABI major"},
                                         Broken{"kSmallStruct", "rules/struct_size", "struct_size"},
                                         Broken{"kSecondRun", "ops/Unary(relu)", ""}),
                         [](const auto& info) { return info.param.name; });

TEST(Checker, TheUnbrokenVariantPasses) {
  const Outcome o = run("--op relu " + library("broken_kNothing"));
  EXPECT_EQ(o.exit_code, 0) << o.output;
}

}  // namespace
