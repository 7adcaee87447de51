// A worker process that is started when it is needed, and again after it ended.
#pragma once

#include <memory>

#include "worker/child.hpp"

namespace motley::tuner {

// Shared by all who have something to ask of it. Not for several threads at once.
class Worker {
 public:
  // `command` is a program and its arguments.
  explicit Worker(std::vector<std::string> command) : command_(std::move(command)) {}

  // Starts the process where there is none; else as Child::ask. Throws Error(io) where it cannot be started.
  Receipt ask(const nlohmann::json& request, std::chrono::milliseconds patience, nlohmann::json& reply);
  // As ask(), for what a worker has to know before it is asked: `request` is sent first where the process does not have
  // `what` open. Throws Error(plugin) where that fails, with the reason. Returns its reply, also of an earlier time.
  const nlohmann::json& open(const std::string& what, const nlohmann::json& request,
                             std::chrono::milliseconds patience);

  const std::string& how_it_ended() const { return child_->how_it_ended(); }
  // Processes started after the first.
  size_t restarts() const { return starts_ > 0 ? starts_ - 1 : 0; }

 private:
  void start();

  std::vector<std::string> command_;
  std::unique_ptr<Child> child_;
  std::string opened_;
  nlohmann::json opening_reply_;
  size_t starts_ = 0;
};

}  // namespace motley::tuner
