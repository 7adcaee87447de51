// The progress bar.
#include "progress.hpp"

#include <fmt/format.h>
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

void Progress::update(uint64_t done, uint64_t total) {
  if (!terminal_ || total == 0) return;
  const auto now = Clock::now();
  if (now - begin_ < kPatience || now - last_ < kInterval) return;
  last_ = now;
  shown_ = true;
  const double fraction = std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0);
  const int filled = static_cast<int>(fraction * kWidth);
  std::string left;
  if (fraction > 0.02) {
    const double seconds = std::chrono::duration<double>(now - begin_).count();
    left = fmt::format(", {:.0f} s left", seconds / fraction * (1 - fraction));
  }
  fmt::print(stderr, "\r\033[K{} [{:#<{}}{:.<{}}] {:.0f} %{}", label_, "", filled, "", kWidth - filled, fraction * 100,
             left);
  std::fflush(stderr);
}

}  // namespace motley::cli
