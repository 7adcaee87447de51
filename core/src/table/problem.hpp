// How near two problems are, told from their keys.
#pragma once

#include <string_view>

namespace motley::table {

// The sum of |log2| of the ratios of corresponding numbers; 0 for equal keys; -1 where the problems are of different
// kinds: the keys differ in more than numbers, in a number below 8 (strides, windows: another kernel), in one that is
// part of a word ("float32", "g4"), or in one by more than an octave.
double distance(std::string_view a, std::string_view b);

// How many times as long problem `a` should take as `b`, which is at a distance of 0 or more: the product of the ratios
// of its numbers, or the root of it where the key lists whole tensors ("->"), as each size then stands in two of them.
double scale(std::string_view a, std::string_view b);

}  // namespace motley::table
