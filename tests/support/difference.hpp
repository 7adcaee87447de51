// Whether two tensors are equal within a tolerance.
#pragma once

#include "value.hpp"

namespace motley::test {

struct Tolerance {
  double absolute = 1e-5, relative = 1e-5;
};

// NaN is close to NaN, an infinity to itself.
inline bool is_close(double got, double want, const Tolerance& tolerance) {
  if (std::isnan(got) || std::isnan(want)) return std::isnan(got) && std::isnan(want);
  if (std::isinf(got) || std::isinf(want)) return got == want;
  return std::fabs(got - want) <= tolerance.absolute + tolerance.relative * std::fabs(want);
}

// "" where all is close; else how many elements are not, and the first of them.
inline std::string difference(const Value& got, const Value& want, const Tolerance& tolerance) {
  if (got.shape != want.shape) return "the shapes differ";
  const std::vector<double> a = as_doubles(got), b = as_doubles(want);
  size_t wrong = 0, first = 0;
  for (size_t i = a.size(); i-- > 0;) {
    if (is_close(a[i], b[i], tolerance)) continue;
    ++wrong;
    first = i;
  }
  if (!wrong) return "";
  return std::to_string(wrong) + " of " + std::to_string(a.size()) + " elements differ; element " +
         std::to_string(first) + " is " + std::to_string(a[first]) + ", not " + std::to_string(b[first]);
}

}  // namespace motley::test
