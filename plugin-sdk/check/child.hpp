// Running checks in a child process, so that whatever a plugin does, the report is complete.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "report.hpp"

namespace motley::check {

// How a check tells the parent, from inside the child.
class Reporter {
 public:
  explicit Reporter(int fd) : fd_(fd) {}
  // What is about to be done: named if the child dies or hangs in it.
  void stage(const std::string& text);
  void result(const Result& result);

 private:
  void send(char kind, const std::string& text);
  int fd_;
};

// Forks, runs body in the child and collects its results. A child that crashes, exits on its own or takes longer than
// `timeout_s` is a failed result of `group`, with the stage it was in. The child's process group is killed at the end.
std::vector<Result> run_in_child(const std::string& group, double timeout_s,
                                 const std::function<void(Reporter&)>& body);

}  // namespace motley::check
