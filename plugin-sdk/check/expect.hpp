// Failures that are known and explained, so that a run tells new ones from old.
#pragma once

#include <string>
#include <vector>

#include "report.hpp"

namespace motley::check {

struct Expectation {
  std::string check;   // "group/name", with * and ? as in file names
  std::string device;  // likewise; "*": any
  std::string reason;
};

// Reads {"schema": "motley.check-expect/1", "expect": [{"check": "ops/Conv*", "device": "gpu0", "reason": "…"}]}.
// Throws std::invalid_argument with a sentence where the file is not that.
std::vector<Expectation> read_expectations(const std::string& path);

// A failure that the list names becomes an expected failure with the reason put before its message; a pass, an
// unexpected pass.
void apply(const std::vector<Expectation>& expectations, Result& result);

// '*': any text, '?': any one character; everything else is itself, slashes too.
bool matches(const std::string& glob, const std::string& text);

}  // namespace motley::check
