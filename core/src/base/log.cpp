// Messages on stderr, for people.
#include "base/log.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string>

#include "base/environment.hpp"

namespace motley::base {
namespace {

constexpr std::string_view kNames[] = {"debug", "info", "warning", "error", "off"};

LogLevel from_environment() {
  const char* text = environment("MOTLEY_LOG");
  const auto found =
      std::find(std::begin(kNames), std::end(kNames), text ? std::string_view(text) : std::string_view("warning"));
  return found == std::end(kNames) ? LogLevel::warning : static_cast<LogLevel>(found - std::begin(kNames));
}

}  // namespace

LogLevel log_threshold() {
  static const LogLevel threshold = from_environment();
  return threshold;
}

void log(LogLevel level, std::string_view from, std::string_view text) noexcept {
  if (level < log_threshold() || level >= LogLevel::off) return;
  try {
    std::string line = "motley ";
    line.append(kNames[static_cast<size_t>(level)]).append(": ").append(from).append(": ").append(text).append("\n");
    // Names in it come from files, and a terminal obeys control characters.
    for (size_t i = 0; i + 1 < line.size(); ++i)
      if (static_cast<unsigned char>(line[i]) < ' ' || line[i] == 0x7f) line[i] = '?';
    std::fwrite(line.data(), 1, line.size(), stderr);
  } catch (...) {
    // A message that finds no memory is lost.
  }
}

}  // namespace motley::base
