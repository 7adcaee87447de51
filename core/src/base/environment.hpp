// Environment variables, and the processor cores that this process may use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace motley::base {

// The process has more rights than its user (set-user-id, capabilities): what the user controls is not trusted.
bool elevated();

// The variable's value; null where unset, and always null in an elevated process.
const char* environment(const char* name);

// Non-empty items of a list "a,b".
std::vector<std::string> split(const std::string& text, char separator);

// Cores that affinity and cgroup quota leave to this process; at least 1.
uint32_t available_cores();

}  // namespace motley::base
