// Starting a program with its output in files, so that no amount of it blocks.
#include "program.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace motley::test {

namespace fs = std::filesystem;

Scratch::Scratch() {
  std::string pattern = (fs::temp_directory_path() / "motley-test-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw std::runtime_error("no scratch folder");
  folder_ = pattern;
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

size_t Scratch::file_count() const {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
}

std::vector<char> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, const std::vector<char>& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file) throw std::runtime_error("cannot write " + path);
}

void write_text(const std::string& path, const std::string& text) { write_file(path, {text.begin(), text.end()}); }

Outcome motley(const std::vector<std::string>& arguments) {
  const Scratch scratch;
  setenv("XDG_DATA_HOME", scratch.path().c_str(), 1);
  const std::string out = scratch / "out", err = scratch / "err";
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out.c_str(), O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err.c_str(), O_WRONLY | O_CREAT, 0600);
  std::vector<std::string> all{"motley"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& a : all) argv.push_back(a.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawn(&child, MOTLEY_PROGRAM, &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (error) throw std::runtime_error("cannot start " MOTLEY_PROGRAM);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;

  Outcome outcome;
  if (WIFEXITED(status)) outcome.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  const std::vector<char> o = read_file(out), e = read_file(err);
  outcome.out.assign(o.begin(), o.end());
  outcome.err.assign(e.begin(), e.end());
  return outcome;
}

::testing::AssertionResult fails_with(const Outcome& outcome, const std::string& text) {
  const auto shown = [&] {
    return ::testing::AssertionFailure() << "code " << outcome.code << ", signal " << outcome.signal
                                         << "\nstdout: " << outcome.out << "\nstderr: " << outcome.err << "\n";
  };
  if (outcome.code != 1) return shown() << "expected exit code 1";
  const std::string& err = outcome.err;
  if (std::count(err.begin(), err.end(), '\n') != 1 || err.back() != '\n')
    return shown() << "expected one line on stderr";
  if (err.rfind("motley: ", 0) != 0 || err.size() < 30)
    return shown() << "expected a sentence that begins with \"motley: \"";
  if (err.find(text) == std::string::npos) return shown() << "expected a sentence with \"" << text << "\"";
  if (!outcome.out.empty()) return shown() << "expected nothing on stdout";
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult succeeds(const Outcome& outcome) {
  if (outcome.code == 0 && outcome.err.empty()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "code " << outcome.code << ", signal " << outcome.signal
                                       << "\nstdout: " << outcome.out << "\nstderr: " << outcome.err;
}

std::string digits_onnx() { return MOTLEY_SOURCE_DIR "/tools/models/digits.onnx"; }
std::string digit_picture(const std::string& name) { return MOTLEY_SOURCE_DIR "/tools/models/digits/" + name; }

std::string converted_digits(const Scratch& scratch) {
  const std::string path = scratch / "digits.motley";
  const Outcome outcome = motley({"convert", digits_onnx(), "-o", path});
  EXPECT_TRUE(succeeds(outcome));
  return path;
}

std::string data_folder() {
  const char* given = getenv("MOTLEY_TEST_DATA");
  const fs::path folder = given ? given : MOTLEY_SOURCE_DIR "/../shared/data";
  return fs::is_directory(folder) ? folder.string() : "";
}

}  // namespace motley::test
