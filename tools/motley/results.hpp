// What a run gave: top classes with labels, or a summary of each output.
#pragma once

#include <string>
#include <vector>

#include "common.hpp"
#include "motley/motley.hpp"

namespace motley::cli {

// Element `index` of a tensor as a number, whatever its type.
double value_at(const TensorRef& tensor, int64_t index);

// One line per class. Throws Error(io), Error(limit) for over 16 MB.
std::vector<std::string> read_labels(const std::string& path);
std::vector<std::string> split_lines(const std::string& text);

struct ClassScore {
  int64_t index;
  std::string label;  // "" where there are no labels
  double value;
};
// A tensor that is one row of class scores: every dimension but one is 1, and that one is over 1.
bool is_class_row(const TensorRef& tensor);
// The highest values, NaN last. A label list that begins with "background" and is one longer than the row is shifted by
// that one; any other length that differs throws Error(invalid_argument).
std::vector<ClassScore> top_classes(const TensorRef& tensor, size_t count, const std::vector<std::string>& labels);

// "probabilities  float32 1x10  min 0 max 1 mean 0.1: 0 0 1 …"
std::string summary(const TensorRef& tensor);
Json summary_json(const TensorRef& tensor);

}  // namespace motley::cli
