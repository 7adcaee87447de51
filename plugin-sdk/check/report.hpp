// What a check found, and how it is told.
#pragma once

#include <string>
#include <vector>

namespace motley::check {

// expected_failure: it failed and a list said why it may; unexpected_pass: it passed though the list said otherwise.
enum class Verdict { pass, fail, unsupported, expected_failure, unexpected_pass };
const char* to_string(Verdict verdict);

struct Result {
  std::string group;        // "rules", "lifetimes", "ops", …
  std::string name;         // "Conv", "struct_size"
  std::string device = {};  // id of the device; "" for what concerns the plugin
  Verdict verdict = Verdict::pass;
  std::string message = {};  // a sentence, "" for most passes
  int cases = 0;             // how many single tests it stands for
  double seconds = 0;

  std::string check() const { return group + "/" + name; }  // as --filter and --expect name it
};

// What the log says about the run itself.
struct RunInfo {
  std::string library, plugin, version, build;
  std::string depth;
  unsigned long long seed = 0;
  double seconds = 0;
};

// One row of the table, padded for names of `width`. The device is named where `with_device`.
std::string row_text(const Result& result, size_t width, bool with_device);
// "N passed, N failed, N unsupported", and expected failures and unexpected passes where there are any.
std::string summary(const std::vector<Result>& results);
// All of it as JSON, for a vendor to ship. Throws std::runtime_error where the file cannot be written.
void write_json(const std::vector<Result>& results, const RunInfo& info, const std::string& path);
// The same for programs that show test results: a suite per group. Throws as above.
void write_junit(const std::vector<Result>& results, const RunInfo& info, const std::string& path);

}  // namespace motley::check
