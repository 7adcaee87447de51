// Messages on stderr, for people: off below the level that MOTLEY_LOG names (debug, info, warning, error; or off).
#pragma once

#include <string_view>

namespace motley::base {

enum class LogLevel { debug, info, warning, error, off };

// From MOTLEY_LOG, read once; warning where it is unset or names no level.
LogLevel log_threshold();
// One line, written at once so that lines of several threads don't mix. `from` says who speaks.
void log(LogLevel level, std::string_view from, std::string_view text) noexcept;

}  // namespace motley::base
