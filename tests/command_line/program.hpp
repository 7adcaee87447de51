// Starting `motley` and looking at what it did.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace motley::test {

struct Outcome {
  int code = -1;  // exit code; -1: killed by a signal
  int signal = 0;
  std::string out, err;
  nlohmann::json json() const { return nlohmann::json::parse(out); }
};

// Runs motley with these arguments. User-installed plugins are out of sight.
Outcome motley(const std::vector<std::string>& arguments);

// For EXPECT_TRUE: it left with code 1, printed nothing on stdout, and one sentence on stderr that holds `text`.
::testing::AssertionResult fails_with(const Outcome& outcome, const std::string& text);
::testing::AssertionResult succeeds(const Outcome& outcome);

// An empty folder that goes away with the object.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  std::string operator/(const std::string& name) const { return (folder_ / name).string(); }
  std::string path() const { return folder_.string(); }
  size_t file_count() const;

 private:
  std::filesystem::path folder_;
};

std::string digits_onnx();
std::string digit_picture(const std::string& name);  // "3_0.png"
// Converts the digits network into the folder; gives the path.
std::string converted_digits(const Scratch& scratch);

std::vector<char> read_file(const std::string& path);
void write_file(const std::string& path, const std::vector<char>& bytes);
void write_text(const std::string& path, const std::string& text);

// MOTLEY_TEST_DATA or ../shared/data; "" where there is none.
std::string data_folder();

}  // namespace motley::test
