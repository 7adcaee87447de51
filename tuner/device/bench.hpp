// A problem on a device: compiles it with a config, checks it against the reference plugin, times it.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "device/memory.hpp"
#include "device/values.hpp"
#include "journal/journal.hpp"
#include "model/serialize.hpp"

namespace motley::tuner {

// What a worker process holds. [one] thread.
class Bench {
 public:
  // Both devices outlive it. Throws Error(plugin) where the reference cannot run the problem: then nothing can be
  // checked.
  Bench(plugin::Device& device, plugin::Device& reference, graph::Graph problem);
  ~Bench();

  // Compiles, and compares with the reference on three fillings. Ending::measured where all is well; else invalid (the
  // plugin does not take the config), failed (it could not compile or run), wrong.
  Outcome check(const std::string& config);
  // Nanoseconds of one run of a config, an average where a single run is too short for the clock. Throws Error(plugin)
  // where it fails.
  double run_ns(const std::string& config);

 private:
  struct Compiled;
  struct Runner;

  Compiled& compiled(const std::string& config);
  void feed(Runner& runner, const std::vector<Bytes>& inputs);
  std::vector<Bytes> results(Runner& runner, const std::vector<Bytes>& inputs, Compiled& compiled);

  graph::Graph problem_;
  model::SerializedGraph serialized_;
  std::unique_ptr<Runner> device_;
  std::vector<std::vector<Bytes>> inputs_, expected_;  // by filling
  std::deque<std::unique_ptr<Compiled>> compiled_;     // the latest last
  size_t repeats_ = 0;                                 // of a run; 0: not known yet
};

// The worker's main loop for one problem: answers the supervisor's requests until the tuner is gone.
void serve_bench(Bench& bench);

}  // namespace motley::tuner
