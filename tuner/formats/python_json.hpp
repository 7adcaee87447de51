// JSON as Python's writer makes it, which knows numbers that JSON does not.
#pragma once

#include <string>

namespace motley::tuner {

// NaN, Infinity and -Infinity, where they stand for values, become null.
std::string without_special_numbers(std::string text);

}  // namespace motley::tuner
