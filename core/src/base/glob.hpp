// Names matched against shell patterns: "*", "?", "[a-z]".
#pragma once

#include <string>
#include <vector>

namespace motley::base {

bool matches(const std::string& pattern, const std::string& name);
bool matches_any(const std::vector<std::string>& patterns, const std::string& name);

}  // namespace motley::base
