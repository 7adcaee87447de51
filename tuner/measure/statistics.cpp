// Robust figures of few, noisy samples.
#include "measure/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace motley::tuner {

namespace {

constexpr double kNormalFromMad = 1.4826;  // 1 / the 75th percentile of the normal distribution
constexpr double kMedianError = 1.2533;    // sqrt(pi / 2): standard error of a median over that of a mean

// 97.5th percentile of Student's t. The expansion of Cornish and Fisher is within 0.5 % from 4 degrees of freedom on.
double student_t(double freedom) {
  constexpr double z = 1.959964;
  const double z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
  const double g1 = (z3 + z) / 4, g2 = (5 * z5 + 16 * z3 + 3 * z) / 96,
               g3 = (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / 384;
  return z + g1 / freedom + g2 / (freedom * freedom) + g3 / (freedom * freedom * freedom);
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

double robust_deviation(const std::vector<double>& values) {
  const double middle = median(values);
  std::vector<double> distances;
  for (const double value : values) distances.push_back(std::abs(value - middle));
  return kNormalFromMad * median(std::move(distances));
}

Estimate estimate(const std::vector<double>& samples) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  Estimate result{median(samples), -kInfinite, kInfinite, samples.size()};
  if (samples.size() < Estimate::kMinimum) return result;
  const auto n = static_cast<double>(samples.size());
  const double half = student_t(n - 1) * kMedianError * robust_deviation(samples) / std::sqrt(n);
  result.low = result.middle - half;
  result.high = result.middle + half;
  return result;
}

}  // namespace motley::tuner
