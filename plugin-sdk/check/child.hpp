// Running a check in a child process, so that whatever a plugin does, the report is complete.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "report.hpp"

namespace motley::check {

// Thrown by a check for which the plugin has nothing to test; the text says why.
struct Unsupported : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// How a check tells the parent, from inside the child.
class Reporter {
 public:
  explicit Reporter(int fd) : fd_(fd) {}
  // What is about to be done: named if the child dies or hangs in it.
  void stage(const std::string& text);
  // How many single tests were done so far.
  void count(int cases);
  // Said of a check that passes.
  void note(const std::string& text);
  // Something that the parent needs later.
  void fact(const std::string& key, const std::string& value);
  void verdict(Verdict verdict, const std::string& message);

 private:
  void send(char kind, const std::string& text);
  int fd_;
};

struct ChildReport {
  Verdict verdict = Verdict::fail;
  std::string message;
  int cases = 0;
  double seconds = 0;
  std::vector<std::pair<std::string, std::string>> facts;
};

using ChildBody = std::function<void(Reporter&)>;

// A body being run in a child process. It passes when body returns, is unsupported when body throws Unsupported, and
// fails when it throws anything else, crashes, leaves the process or gets no further for `timeout_s`. The child's
// process group is killed at the end. [one thread]
class Child {
 public:
  // Forks. Throws std::runtime_error where there is no child to be had.
  Child(double timeout_s, const ChildBody& body);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // True once there is nothing more to wait for: then comes finish().
  bool is_over() const;
  // Waits until one of them has something to say, is over, or half a second has passed, and listens to it.
  static void listen(std::span<const std::unique_ptr<Child>> children);
  // Ends the child where it has not ended, and says what became of it. Once.
  ChildReport finish();

 private:
  void hear(bool readable);
  struct State;
  std::unique_ptr<State> state_;
};

// One child, from its beginning to its end.
ChildReport run_in_child(double timeout_s, const ChildBody& body);

}  // namespace motley::check
