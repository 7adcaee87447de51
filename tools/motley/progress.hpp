// A progress bar on the terminal, and nothing where stderr is not one.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace motley::cli {

// Appears after a quarter of a second, so that short work stays silent. The destructor removes it.
class Progress {
 public:
  explicit Progress(std::string label);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void update(uint64_t done, uint64_t total);
  // The same with the time that is left, unless that is below 0, and a text behind it, which is cut at the line's end.
  void show(double fraction, double seconds_left, const std::string& text);
  // Takes the bar away for a line of output.
  void clear();

 private:
  bool due();

  using Clock = std::chrono::steady_clock;
  std::string label_;
  bool terminal_;
  bool shown_ = false;
  Clock::time_point begin_, last_;
};

}  // namespace motley::cli
