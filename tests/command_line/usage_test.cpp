// Help, version, wrong arguments, output that cannot be written.
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>

#include "program.hpp"

namespace motley::test {

TEST(Usage, VersionAndHelp) {
  const Outcome version = motley({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_EQ(version.out.rfind("motley 0.", 0), 0u) << version.out;
  for (const char* command : {"convert", "info", "devices", "plugins", "run", "bench", "explain"}) {
    const Outcome help = motley({command, "--help"});
    EXPECT_EQ(help.code, 0) << command;
    EXPECT_NE(help.out.find(std::string("Example: motley ") + command), std::string::npos) << help.out;
    EXPECT_EQ(help.err, "");
  }
  EXPECT_NE(motley({"--help"}).out.find("Example: motley run"), std::string::npos);
}

TEST(Usage, WrongArgumentsExitWithTwoAndOneSentence) {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"fly"},
      {"run"},
      {"info", "a.motley", "--fast"},
      {"bench", "a.motley", "--runs", "0"},
      {"bench", "a.motley", "--runs", "many"},
      {"run", "a.motley", "--top", "0"},
      {"run", "a.motley", "--channels", "green"},
      {"run", "a.motley", "--mean", "x"},
      {"run", "a.motley", "--threads", "-1"},
      {"convert"},
  };
  for (const auto& arguments : wrong) {
    const Outcome outcome = motley(arguments);
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.err.rfind("motley: ", 0), 0u) << outcome.err;
    EXPECT_NE(outcome.err.find("--help"), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
}

TEST(Usage, AFullDiskIsAnError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "there is no /dev/full";
  const std::string command = std::string(MOTLEY_PROGRAM) + " info " + digits_onnx() + " >/dev/full 2>/dev/null";
  const int status = std::system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

}  // namespace motley::test
