// Messages between the tuner and its worker.
#include "worker/message.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "base/json.hpp"
#include "motley/error.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

bool write_all(int descriptor, const std::string& bytes) {
  for (size_t at = 0; at < bytes.size();) {
    // The pipes are sockets, so that a dead reader is a return value and not a signal.
    const ssize_t count = ::send(descriptor, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    at += static_cast<size_t>(count);
  }
  return true;
}

// Waits for data: Receipt::message where there is some.
Receipt wait_readable(int descriptor, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return Receipt::late;
    constexpr int64_t kLongestWait = 60000;
    pollfd waited{descriptor, POLLIN, 0};
    const int ready = ::poll(&waited, 1, static_cast<int>(std::min<int64_t>(left.count(), kLongestWait)));
    if (ready > 0) return Receipt::message;
    if (ready < 0 && errno != EINTR) return Receipt::gone;
  }
}

Receipt read_all(int descriptor, Clock::time_point deadline, char* data, size_t size) {
  while (size > 0) {
    if (const Receipt ready = wait_readable(descriptor, deadline); ready != Receipt::message) return ready;
    const ssize_t count = ::read(descriptor, data, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Receipt::gone;
    data += count;
    size -= static_cast<size_t>(count);
  }
  return Receipt::message;
}

}  // namespace

bool send_message(int descriptor, const json& message) {
  const std::string text = message.dump(-1, ' ', false, json::error_handler_t::replace);
  const auto size = static_cast<uint32_t>(text.size());
  if (text.size() > kMaxMessageBytes) return false;
  std::string bytes(sizeof size, '\0');
  std::memcpy(bytes.data(), &size, sizeof size);
  return write_all(descriptor, bytes + text);
}

Receipt receive_message(int descriptor, Clock::time_point deadline, json& message) {
  uint32_t size = 0;
  if (const Receipt r = read_all(descriptor, deadline, reinterpret_cast<char*>(&size), sizeof size);
      r != Receipt::message)
    return r;
  if (size > kMaxMessageBytes) return Receipt::garbage;
  std::string text(size, '\0');
  if (const Receipt r = read_all(descriptor, deadline, text.data(), size); r != Receipt::message) return r;
  try {
    message = base::parse_json(text, "a message", ErrorCode::plugin, {kMaxMessageBytes});
  } catch (const Error&) {
    return Receipt::garbage;
  }
  return message.is_object() ? Receipt::message : Receipt::garbage;
}

void serve(const std::function<json(const json& request)>& handle) {
  json request;
  while (receive_message(kRequestDescriptor, Clock::time_point::max(), request) == Receipt::message) {
    json reply;
    try {
      reply = handle(request);
    } catch (const std::exception& error) {
      reply = {{"ending", "failed"}, {"reason", error.what()}};
    }
    if (!send_message(kReplyDescriptor, reply)) return;
  }
}

}  // namespace motley::tuner
