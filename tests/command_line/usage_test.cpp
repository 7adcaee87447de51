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
      {"bench", "a.motley", "--error-budget", "nan"},
      {"bench", "a.motley", "--deadline", "-1"},
      {"bench", "a.motley", "--slice", "1ms"},
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
  const Scratch scratch;
  const std::string said = scratch / "said";
  for (const char* arguments : {" info ", " explain --json "}) {  // less and more than a buffer
    const std::string command = std::string(MOTLEY_PROGRAM) + arguments + digits_onnx() + " >/dev/full 2>" + said;
    const int status = std::system(command.c_str());
    EXPECT_EQ(WEXITSTATUS(status), 1);
    const std::vector<char> text = read_file(said);
    EXPECT_NE(std::string(text.begin(), text.end()).find("the output could not be written"), std::string::npos)
        << arguments;
  }
}

TEST(Usage, APluginThatIsNamedAndNotUsedIsSaid) {
  const Scratch scratch;
  write_text(scratch / "plugin.so", "no library");
  const std::string place = scratch / "nowhere";
  const Outcome outcome = motley({"explain", digits_onnx(), "--plugin", scratch / "plugin.so", "--plugin-dir", place});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.err.find("plugin.so\" is not used: "), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("nowhere\" is not used: "), std::string::npos) << outcome.err;
}

}  // namespace motley::test
