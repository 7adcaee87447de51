// Whose code is calling: the plugin's own, or that of drivers it opened, the checker, the C library on somebody's
// behalf.
#pragma once

#include <functional>

namespace motley::check {

// Runs `load`, which opens the plugin's library `path`. That library, and those that come in with it because it is
// linked with them, are the plugin's from then on. What the plugin opens later by itself (an API's loader, a driver) is
// not.
void watch_plugin(const char* path, const std::function<void()>& load);

// Whether the plugin asked for what the function that returns to `return_address` does. The C and C++ run-time
// libraries ask on behalf of their callers, so these are looked through. Allocates nothing. [any]
bool called_by_plugin(const void* return_address);

}  // namespace motley::check
