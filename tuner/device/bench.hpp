// A problem on a device: compiles it with a config, checks it against the reference plugin, times it.
#pragma once

#include <deque>
#include <filesystem>
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
  // Both devices outlive it. What the reference answers is kept in the file `answers`, where one is named, and taken
  // from there the next time. Results may be as far from that as is usual for `precision`; undefined: for the outputs'
  // own types. Throws Error(plugin) where the device gives no queue.
  Bench(plugin::Device& device, plugin::Device& reference, graph::Graph problem,
        const std::filesystem::path& answers = {}, schema::DataType precision = schema::DataType::undefined);
  ~Bench();

  // Whether the reference ran the problem. Where it did not, check() only sees whether a config runs, and
  // why_unchecked() says what the reference said.
  bool is_checked() const { return !expected_.empty(); }
  const std::string& why_unchecked() const { return why_unchecked_; }

  // Compiles, and compares with the reference on three fillings. Ending::measured where all is well; else invalid (the
  // plugin does not take the config), failed (it could not compile or run), wrong.
  // `worst` gets the largest differences that were found, unless it is null.
  Outcome check(const std::string& config, Difference* worst = nullptr);
  // check() once more, with what was compiled for it before, which is released then: a kernel may go wrong after some
  // runs, or when it goes.
  Outcome confirm(const std::string& config);
  // Nanoseconds of one run of a config: many are submitted at once and waited for together, so that this is what a
  // kernel adds to a segment, and not what handing work over costs. Throws Error(plugin) where it fails.
  double run_ns(const std::string& config);
  // The same, each waited for before the next is submitted.
  double alone_ns(const std::string& config);

 private:
  struct Compiled;
  struct Runner;

  Outcome check(Compiled& candidate, Difference* worst);  // throws ConfigError
  Compiled& compiled(const std::string& config, size_t copies = 1);
  void choose_method(const std::string& config);
  void ask_reference(plugin::Device& reference);
  bool read_answers(const std::filesystem::path& path);
  void write_answers(const std::filesystem::path& path) const;
  void feed(Runner& runner, const std::vector<Bytes>& inputs);
  std::vector<Bytes> results(Runner& runner, const std::vector<Bytes>& inputs, Compiled& compiled);

  graph::Graph problem_;
  schema::DataType precision_;
  model::SerializedGraph serialized_, repeated_;
  std::unique_ptr<Runner> device_;
  std::vector<std::vector<Bytes>> inputs_, expected_;  // by filling
  std::deque<std::unique_ptr<Compiled>> compiled_;     // the latest last
  std::string why_unchecked_;
  size_t copies_ = 1;                                  // of the node in the segment that is timed
  size_t repeats_ = 0;                                 // of a run; 0: not known yet
};

// The answers to the supervisor's requests to check and to confirm a config.
nlohmann::json check_reply(Bench& bench, const std::string& config);
nlohmann::json confirm_reply(Bench& bench, const std::string& config);

// The worker's main loop for one problem: answers the supervisor's requests until the tuner is gone.
void serve_bench(Bench& bench);

}  // namespace motley::tuner
