// What happened in traced runs, and when.
#pragma once

#include <cstdint>
#include <vector>

#include "motley/motley.hpp"

namespace motley::run {

class Instance;

class Trace {
 public:
  // One step of a run: its index in the schedule, and the host's times around it.
  struct Mark {
    uint32_t step;
    uint64_t begin_ns, end_ns;
  };

  static uint64_t now();
  void begin_run();
  void add(const Mark& mark) { marks_.push_back(mark); }
  // Turns the marks, and what the devices measured themselves, into events.
  void end_run(const Instance& instance);
  void add_event(TraceEvent event);

  // By time; what contains others stands before them.
  std::vector<TraceEvent> sorted() const;

 private:
  static constexpr size_t kMostEvents = 1'000'000;
  std::vector<Mark> marks_;
  std::vector<TraceEvent> events_;
};

}  // namespace motley::run
