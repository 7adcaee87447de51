// How the time of a campaign is spent.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>

namespace motley::tuner {

// A stretch of time that may have no end.
class Budget {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Budget(std::chrono::milliseconds time)
      : begin_(Clock::now()), end_(time.count() > 0 ? begin_ + time : Clock::time_point::max()) {}

  bool is_limited() const { return end_ != Clock::time_point::max(); }
  // Infinite without a limit.
  double seconds_left() const {
    return is_limited() ? std::max(0.0, std::chrono::duration<double>(end_ - Clock::now()).count()) : HUGE_VAL;
  }
  double seconds() const { return std::chrono::duration<double>(end_ - begin_).count(); }
  bool over() const { return Clock::now() >= end_; }
  // This share of what is left.
  Budget part(double share) const {
    Budget result = *this;
    result.begin_ = Clock::now();
    if (is_limited())
      result.end_ = result.begin_ + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(seconds_left() * std::clamp(share, 0.0, 1.0)));
    return result;
  }

 private:
  Clock::time_point begin_, end_;
};

}  // namespace motley::tuner
