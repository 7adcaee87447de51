// Calls into a plugin: room for its error text, and what its status means.
#include "plugin/call.hpp"

#include <cstdio>
#include <iterator>

#include "base/text.hpp"
#include "plugin/registry.hpp"

namespace motley::plugin {

std::string status_name(motley_status status) {
  static constexpr const char* kNames[] = {"OK",          "INVALID_ARGUMENT", "UNSUPPORTED",        "OUT_OF_MEMORY",
                                           "DEVICE_LOST", "TIMEOUT",          "INCOMPATIBLE_CACHE", "CANCELLED",
                                           "BUSY",        "INTERNAL"};
  const auto number = static_cast<unsigned>(status);
  return number < std::size(kNames) ? kNames[number] : base::text("status %", {number});
}

std::string clean_text(const char* text, size_t capacity) {
  std::string clean;
  for (size_t i = 0; i < capacity && text[i] != '\0'; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    clean += c < 0x20 || c == 0x7f ? ' ' : text[i];
  }
  return clean;
}

std::string ErrorRoom::describe(motley_status status) const {
  const std::string text = clean_text(text_, sizeof text_);
  return status_name(status) + (text.empty() ? "" : base::text(": %", {text}));
}

void ErrorRoom::write_exception(const char* text) noexcept {
  std::snprintf(text_, sizeof text_, "an exception left the plugin, which the ABI forbids (%s)", text);
}

void throw_failure(motley_status status, Device& device, motley_device* handle, const char* what, const char* text) {
  if (status == MOTLEY_CANCELLED) base::fail(ErrorCode::cancelled, "the run was cancelled");
  if (status == MOTLEY_DEVICE_LOST) device.forget(handle);
  std::string why = text && *text ? text : "no message";
  if (status != MOTLEY_INVALID_ARGUMENT) why = base::text("%: %", {status_name(status), why});
  const std::string message = base::text("device \"%\" failed to %: %", {device.name(), what, why});
  switch (status) {
    case MOTLEY_INVALID_ARGUMENT: base::fail(ErrorCode::invalid_argument, "%", {message});
    case MOTLEY_OUT_OF_MEMORY: throw DeviceFailure(ErrorCode::out_of_memory, message, device);
    case MOTLEY_UNSUPPORTED: throw DeviceFailure(ErrorCode::unsupported, message, device);
    default: throw DeviceFailure(ErrorCode::plugin, message, device);
  }
}

}  // namespace motley::plugin
