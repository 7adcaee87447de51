// Tries configs in a worker process, so that a kernel that crashes, hangs or is wrong costs one record and no more.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "journal/journal.hpp"
#include "measure/meter.hpp"
#include "worker/worker.hpp"

namespace motley::tuner {

struct WatchdogPolicy {
  std::chrono::milliseconds least{2000};  // so long a request may always take
  std::chrono::milliseconds most{10000};  // and so long it may never take
  double times_incumbent = 5;
};

// How long a request may take, when the best so far runs in `incumbent_ns` (0: none yet).
std::chrono::milliseconds patience(const WatchdogPolicy& policy, double incumbent_ns);

// The requests, and what a worker answers; each has "problem" and "config" as well.
//   {"do": "check"}   compiles and compares with the reference:  {"ending": "measured", "max_abs", "max_rel"}, or
//                     "invalid", "wrong" or "failed" with a "reason"
//   {"do": "confirm"} compares again, and releases what was compiled; as "check"
//   {"do": "run"}     one run of what was compiled; compiles it if the worker is a new one:  {"ns": time}, or as above
class Supervisor : public Meter {
 public:
  // All outlive it. `texts` are the candidates' canonical texts, by number.
  Supervisor(std::vector<std::string> command, Journal& journal, std::string fingerprint, std::string problem,
             std::function<std::string(size_t candidate)> text, const WatchdogPolicy& policy = {});
  // With a worker that others use too. `opening` is the request by which it learns of the problem; it may take long, as
  // the reference computes what is right.
  Supervisor(std::shared_ptr<Worker> worker, nlohmann::json opening, Journal& journal, std::string fingerprint,
             std::string problem, std::function<std::string(size_t candidate)> text, const WatchdogPolicy& policy = {});

  // Makes sure that the worker knows the problem. Throws Error(plugin). Returns what it said of it.
  const nlohmann::json& open();

  // Writes "start", then compiles and checks the candidate, unless it passed already in this object's life. Where it
  // does not end well, "done" is written too. True: it may run, and `finish` has to follow. A banned candidate is false
  // at once, and nothing is written.
  bool begin(size_t candidate);
  // As begin(), but nothing is written where it ends well. For what runs without a tuner too, the default: a tuner that
  // is killed again and again must not ban it.
  bool begin_unrecorded(size_t candidate);
  // One run of a candidate that passed; 0 where it failed, which is recorded. Also after `finish`: then only a failure
  // is recorded. That is for the anchor, which runs all the time: a tuner that is killed must not cost it a strike.
  double run_ns(size_t candidate) override;
  // After its runs: whether it is still right, and its executable can go. Where not, that is recorded, and its times
  // are forgotten.
  bool confirm(size_t candidate);
  // Writes what the runs came to.
  void finish(size_t candidate, std::vector<double> log_ratios);
  // Writes "done" for what was begun unrecorded.
  void record(size_t candidate);
  // Of a candidate that passed, nanoseconds.
  const std::vector<double>& times_ns(size_t candidate) const;

  // The largest difference from the reference when it was checked.
  struct Error {
    double max_abs = 0, max_rel = 0;
  };
  Error error(size_t candidate) const;

  // Why the last begin() or run_ns() failed.
  const Outcome& last_failure() const { return last_failure_; }
  size_t restarts() const { return worker_->restarts(); }
  // What the journal calls a candidate.
  Subject subject(size_t candidate) const;

 private:
  // The reply to a request, or the failure: crashed, hung, wrong, invalid, failed.
  bool ask(const char* what, size_t candidate, nlohmann::json& reply);
  bool fail(size_t candidate, Ending ending, std::string reason);
  bool check(size_t candidate);

  std::shared_ptr<Worker> worker_;
  nlohmann::json opening_;  // null: nothing to say
  Journal& journal_;
  std::string fingerprint_, problem_;
  std::function<std::string(size_t)> text_;
  WatchdogPolicy policy_;
  std::map<size_t, std::vector<double>> times_;  // of candidates that passed, ns
  std::map<size_t, Error> errors_;
  std::set<size_t> open_;                        // begun and not finished
  double incumbent_ns_ = 0;
  Outcome last_failure_;
};

}  // namespace motley::tuner
