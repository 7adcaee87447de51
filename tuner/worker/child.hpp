// A worker process, from the tuner's side.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/file.hpp"
#include "worker/message.hpp"

namespace motley::tuner {

// Runs while the object lives, and is killed with it. Not for several threads at once.
class Child {
 public:
  // `command` is a program and its arguments. Throws Error(io) where it cannot be started.
  explicit Child(const std::vector<std::string>& command);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Sends a request and waits for the answer. Anything but Receipt::message ends the child; how_it_ended() says how.
  Receipt ask(const nlohmann::json& request, std::chrono::milliseconds patience, nlohmann::json& reply);
  bool running() const { return pid_ > 0; }
  // "crashed (signal 11)", "ended (code 3)", "took longer than 2000 ms", "answered with what is no message".
  const std::string& how_it_ended() const { return how_; }

 private:
  void end(Receipt why, std::chrono::milliseconds patience);

  pid_t pid_ = -1;
  base::Descriptor requests_, replies_;
  std::string how_;
};

}  // namespace motley::tuner
