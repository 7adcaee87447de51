// What a check found, and how it is told.
#pragma once

#include <string>
#include <vector>

namespace motley::check {

enum class Verdict { pass, fail, unsupported };
const char* to_string(Verdict verdict);

struct Result {
  std::string group;  // "rules", "lifetimes", "ops", …
  std::string name;   // "Conv", "entry/struct_size"
  Verdict verdict = Verdict::pass;
  std::string message;  // a sentence, "" for most passes
  int cases = 0;        // how many single tests it stands for
};

// A table to stdout; the last line is "N passed, N failed, N unsupported".
void print_table(const std::vector<Result>& results);
// The same as JSON, for a vendor to ship. Throws std::runtime_error where the file cannot be written.
void write_json(const std::vector<Result>& results, const std::string& library, const std::string& path);

}  // namespace motley::check
