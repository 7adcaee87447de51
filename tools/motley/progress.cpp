// The progress bar.
#include "progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace motley::cli {

namespace {
constexpr int kWidth = 30;
constexpr auto kInterval = std::chrono::milliseconds(100);
constexpr auto kPatience = std::chrono::milliseconds(250);
}  // namespace

Progress::Progress(std::string label)
    : label_(std::move(label)), terminal_(isatty(STDERR_FILENO) == 1), begin_(Clock::now()), last_(begin_) {}

Progress::~Progress() {
  if (shown_) fmt::print(stderr, "\r\033[K");
}

bool Progress::due() {
  if (!terminal_) return false;
  const auto now = Clock::now();
  if (now - begin_ < kPatience || now - last_ < kInterval) return false;
  last_ = now;
  shown_ = true;
  return true;
}

void Progress::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
}

void Progress::update(uint64_t done, uint64_t total) {
  if (total == 0) return;
  const double fraction = std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
  show(fraction, fraction > 0.02 ? seconds / fraction * (1 - fraction) : -1, "");
}

void Progress::show(double fraction, double seconds_left, const std::string& text) {
  if (!due()) return;
  fraction = std::clamp(fraction, 0.0, 1.0);
  const int filled = static_cast<int>(fraction * kWidth);
  std::string line =
      fmt::format("{} [{:#<{}}{:.<{}}] {:.0f} %", label_, "", filled, "", kWidth - filled, fraction * 100);
  if (seconds_left >= 0) line += fmt::format(", {:.0f} s left", seconds_left);
  if (!text.empty()) line += "  " + text;
  winsize size{};
  const size_t columns = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  if (line.size() >= columns) line.resize(columns - 1);
  fmt::print(stderr, "\r\033[K{}", line);
  std::fflush(stderr);
}

}  // namespace motley::cli
