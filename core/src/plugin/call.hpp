// Calls into a plugin: room for its error text, and what its status means.
#pragma once

#include <exception>
#include <string>

#include "motley/error.hpp"
#include "motley/plugin.h"

namespace motley::plugin {

// "UNSUPPORTED"; "status 42" for a number that the ABI doesn't know.
std::string status_name(motley_status status);

// A text from a plugin in a field of `capacity` bytes, cut at the first zero; control characters become blanks.
std::string clean_text(const char* text, size_t capacity);

// Room for a plugin's error text: pass &room.error, then describe() the status that came back.
class ErrorRoom {
 public:
  ErrorRoom() { error = {sizeof(motley_error), sizeof text_, text_}; }
  ErrorRoom(const ErrorRoom&) = delete;
  ErrorRoom& operator=(const ErrorRoom&) = delete;

  // "UNSUPPORTED: what the plugin wrote".
  std::string describe(motley_status status) const;
  void write_exception(const char* text) noexcept;

  motley_error error;

 private:
  char text_[1024] = {};
};

class Device;

// A device failed at what it had promised. The work can be done again on other devices; what is wrong with the caller's
// data is no such failure.
class DeviceFailure : public Error {
 public:
  DeviceFailure(ErrorCode code, const std::string& text, const Device& device) : Error(code, text), device_(&device) {}
  const Device& device() const { return *device_; }

 private:
  const Device* device_;
};

// Throws for a failed call: Error(cancelled), Error(invalid_argument), else DeviceFailure with "device "x" failed to
// <what>: <text>". After MOTLEY_DEVICE_LOST the device forgets `handle`.
[[noreturn]] void throw_failure(motley_status status, Device& device, motley_device* handle, const char* what,
                                const char* text);

// Calls `fn`, which returns a motley_status. An exception that crosses the C ABI, against the rules, is MOTLEY_INTERNAL
// with its text.
template <class Fn>
motley_status guarded(ErrorRoom& room, Fn&& fn) noexcept {
  try {
    return fn();
  } catch (const std::exception& exception) {
    room.write_exception(exception.what());
  } catch (...) {
    room.write_exception("of no standard kind");
  }
  return MOTLEY_INTERNAL;
}

}  // namespace motley::plugin
