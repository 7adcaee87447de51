// A plugin library as the checker sees it: loaded without the core's registry, so that its mistakes are the checker's
// to find.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "motley/plugin.h"

namespace motley::check {

// The host that the plugin under test gets: logs nothing, runs parallel_for on four real threads.
const motley_host& check_host(const std::string& plugin_path);

// The plugin under check, whose allocations and threads are told from others', or the one that knows the right results.
enum class Role { checked, oracle };

// Loaded and entered. Throws std::runtime_error with a sentence.
const motley_plugin* load(const std::string& path, Role role = Role::checked);

// Fields past the plugin's struct_size zeroed.
motley_plugin copy_api(const motley_plugin* plugin);

struct ErrorBuffer {
  char text[256] = {};
  motley_error error{sizeof(motley_error), sizeof text, text};
};

const char* status_name(motley_status status);

// Calls a function of the plugin. Throws std::runtime_error where an exception comes out, or a status that is none.
template <class Fn>
motley_status call(const char* function, Fn&& fn) {
  motley_status status;
  try {
    status = fn();
  } catch (...) {
    throw std::runtime_error(std::string(function) + " let an exception cross the C border");
  }
  if (static_cast<unsigned>(status) > MOTLEY_INTERNAL)
    throw std::runtime_error(std::string(function) + " returned " + std::to_string(static_cast<int>(status)) +
                             ", which is no motley_status");
  return status;
}

// As call, and throws where the status is not MOTLEY_OK, with the plugin's message.
template <class Fn>
void succeed(const char* function, const ErrorBuffer& message, Fn&& fn) {
  const motley_status status = call(function, fn);
  if (status == MOTLEY_OK) return;
  throw std::runtime_error(std::string(function) + " failed (" + status_name(status) + "): " + message.text);
}

// Loads, copies and initializes.
motley_plugin start(const std::string& path, Role role = Role::checked);

std::vector<motley_device_info> enumerate(const motley_plugin& api);

}  // namespace motley::check
