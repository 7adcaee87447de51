// Messages between the tuner and its worker: a length of four bytes in the machine's order, then JSON.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

namespace motley::tuner {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kMaxMessageBytes = 16 << 20;  // a plan of many nodes
// The worker's ends of the pipes. Not standard input and output: a driver may print whatever it likes there.
constexpr int kRequestDescriptor = 3, kReplyDescriptor = 4;

// False where the other side is gone.
bool send_message(int descriptor, const nlohmann::json& message);

enum class Receipt { message, gone, late, garbage };
// Waits until `deadline`. `message` is set where the result is Receipt::message.
Receipt receive_message(int descriptor, Clock::time_point deadline, nlohmann::json& message);

// The worker's main loop: answers each request with what `handle` returns, until the tuner is gone. An exception of
// `handle` becomes {"ending": "failed", "reason": its text}.
void serve(const std::function<nlohmann::json(const nlohmann::json& request)>& handle);

}  // namespace motley::tuner
