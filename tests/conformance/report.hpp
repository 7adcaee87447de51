// What the runners print.
#pragma once

#include <filesystem>
#include <vector>

#include "run_case.hpp"

namespace motley::conformance {

struct ReportOptions {
  bool per_op = true;
  bool list_skipped = false;
  std::filesystem::path json;  // empty: none
};

// Prints failures, skips if asked, a table per op with the devices that ran it, and the line of totals. Writes the JSON
// file. Gives the exit code: 0 where nothing failed.
int report(const std::vector<Result>& results, const ReportOptions& options);

// Results as text between processes.
std::string pack(const Result& result);
Result unpack(const std::string& text);

}  // namespace motley::conformance
