// Running the checker as its users do.
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

namespace motley::test {

struct Outcome {
  int exit_code;
  std::string output;
};

// `environment` stands before the command: "MOTLEY_BREAK=nan".
inline Outcome run_checker(const std::string& arguments, const std::string& environment = "") {
  const std::string command = environment + " " + MOTLEY_CHECK + " " + arguments + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer;
  while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) output.append(buffer.data(), n);
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

inline std::string library(const std::string& name) { return std::string(MOTLEY_TEST_PLUGINS) + "/lib" + name + ".so"; }

}  // namespace motley::test
