// How near two problems are, told from their keys.
#include "table/problem.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>

namespace motley::table {

namespace {

constexpr uint64_t kSmallestSize = 8;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// An x stands between extents: "3x3".
bool in_word(std::string_view key, size_t at) {
  return at > 0 && ((key[at - 1] | 32) >= 'a' && (key[at - 1] | 32) <= 'z') && key[at - 1] != 'x';
}

// The number at `at`, which moves past it; one that is too large is 0.
uint64_t number_at(std::string_view key, size_t& at) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(key.data() + at, key.data() + key.size(), value);
  at = static_cast<size_t>(end - key.data());
  return error == std::errc() ? value : 0;
}

// log2 of the ratio, added up: as distances, and with signs.
struct Sums {
  double distance = 0, scale = 0;
};

// A distance of -1 where the problems are of different kinds.
Sums compare(std::string_view a, std::string_view b) {
  Sums sums;
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[j])) {
      if (a[i++] != b[j++]) return {-1, 0};
      continue;
    }
    const bool fixed = in_word(a, i);
    const uint64_t x = number_at(a, i), y = number_at(b, j);
    if (x == y) continue;
    if (fixed || x < kSmallestSize || y < kSmallestSize || x / 2 > y || y / 2 > x || x > 2 * y || y > 2 * x)
      return {-1, 0};
    const double octaves = std::log2(static_cast<double>(x) / static_cast<double>(y));
    sums.distance += std::abs(octaves);
    sums.scale += octaves;
  }
  return i == a.size() && j == b.size() ? sums : Sums{-1, 0};
}

}  // namespace

double distance(std::string_view a, std::string_view b) { return compare(a, b).distance; }

double scale(std::string_view a, std::string_view b) {
  const bool lists_tensors = a.find("->") != std::string_view::npos;
  return std::exp2(compare(a, b).scale * (lists_tensors ? 0.5 : 1));
}

}  // namespace motley::table
