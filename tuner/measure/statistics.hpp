// Robust figures of few, noisy samples.
#pragma once

#include <cstddef>
#include <vector>

namespace motley::tuner {

double median(std::vector<double> values);  // 0 of none
// Median distance from the median, times 1.4826: the standard deviation, for normal noise.
double robust_deviation(const std::vector<double>& values);

// Where the middle of a distribution is, with a 95 % interval.
struct Estimate {
  double middle = 0;
  double low = 0, high = 0;  // infinite while there are fewer than kMinimum samples
  size_t count = 0;

  static constexpr size_t kMinimum = 5;  // below it the deviation says nothing
};

// Median, and an interval from the robust deviation and Student's t.
Estimate estimate(const std::vector<double>& samples);

}  // namespace motley::tuner
