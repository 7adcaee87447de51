// Text for people: tables, durations, sizes, shapes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "motley/motley.hpp"

namespace motley::cli {

enum class Newlines { keep, replace };
// Control characters become '?': names come from files, and a terminal obeys escape sequences.
std::string printable(std::string_view text, Newlines newlines = Newlines::replace);

// "870 ns", "12.3 us", "4.56 ms", "1.20 s"
std::string duration_text(double ns);
// "812 B", "4.95 MB"
std::string bytes_text(double bytes);
// "1x3x224x224", "batchx10", "?x4", "scalar"
std::string shape_text(std::span<const int64_t> shape, std::span<const std::string> symbols = {});

// Columns as wide as their widest cell, two spaces apart. Those whose title begins with '>' stand at the right.
class Table {
 public:
  explicit Table(std::vector<std::string> titles);
  void row(std::vector<std::string> cells);
  bool empty() const { return rows_.size() == 1; }
  // Lines that end in newlines.
  std::string text(std::string_view indent = "") const;

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;  // the first: titles
};

}  // namespace motley::cli
