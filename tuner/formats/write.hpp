// Writes T4 results, T1 spaces and Kernel Tuner's cache files. The text ends with a new line; keys keep a fixed order.
#pragma once

#include <string>

#include "formats/recording.hpp"

namespace motley::tuner {

std::string write_t4(const Recording& recording);
std::string write_cache(const Recording& recording);
// Values, defaults and the constraints' texts. A check that is code is not in it.
std::string write_t1(const std::string& kernel, const Space& space);

}  // namespace motley::tuner
