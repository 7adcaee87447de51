// Tries configs in a worker process.
#include "worker/supervisor.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "measure/statistics.hpp"

namespace motley::tuner {

using nlohmann::json;

std::chrono::milliseconds patience(const WatchdogPolicy& policy, double incumbent_ns) {
  constexpr double kNsPerMs = 1e6;
  const double wanted =
      std::min(policy.times_incumbent * incumbent_ns / kNsPerMs, static_cast<double>(policy.most.count()));
  return std::clamp(std::chrono::milliseconds(static_cast<int64_t>(wanted)), std::min(policy.least, policy.most),
                    policy.most);
}

Supervisor::Supervisor(std::vector<std::string> command, Journal& journal, std::string fingerprint, std::string problem,
                       std::function<std::string(size_t)> text, const WatchdogPolicy& policy)
    : command_(std::move(command)),
      journal_(journal),
      fingerprint_(std::move(fingerprint)),
      problem_(std::move(problem)),
      text_(std::move(text)),
      policy_(policy) {}

namespace {

std::string word(const json& reply, const char* name, const char* fallback) {
  const auto at = reply.find(name);
  return at != reply.end() && at->is_string() ? at->get<std::string>() : fallback;
}

}  // namespace

Subject Supervisor::subject(size_t candidate) const { return {fingerprint_, problem_, text_(candidate)}; }

bool Supervisor::fail(size_t candidate, Ending ending, std::string reason) {
  last_failure_ = {ending, {}, 0, std::move(reason)};
  journal_.finish(subject(candidate), last_failure_);
  open_.erase(candidate);
  times_.erase(candidate);
  return false;
}

bool Supervisor::ask(const char* what, size_t candidate, json& reply) {
  if (!child_ || !child_->running()) {
    if (child_) ++restarts_;
    child_ = std::make_unique<Child>(command_);
  }
  const json request = {{"do", what}, {"problem", problem_}, {"config", text_(candidate)}};
  const Receipt receipt = child_->ask(request, patience(policy_, incumbent_ns_), reply);
  if (receipt == Receipt::late) return fail(candidate, Ending::hung, child_->how_it_ended());
  if (receipt != Receipt::message) return fail(candidate, Ending::crashed, child_->how_it_ended());
  const std::string ending = word(reply, "ending", "measured"), reason = word(reply, "reason", "no reason given");
  if (ending == "measured") return true;
  return fail(candidate,
              ending == "invalid" ? Ending::invalid
              : ending == "wrong" ? Ending::wrong
                                  : Ending::failed,
              reason);
}

bool Supervisor::begin(size_t candidate) {
  const Subject s = subject(candidate);
  if (journal_.banned(s)) {
    last_failure_ = {Ending::failed, {}, 0, base::text("banned after % strikes", {journal_.strikes(s)})};
    return false;
  }
  journal_.begin(s);
  open_.insert(candidate);
  json reply;
  if (times_.contains(candidate)) return true;
  if (!ask("check", candidate, reply)) return false;
  times_[candidate];
  return true;
}

double Supervisor::run_ns(size_t candidate) {
  if (!times_.contains(candidate)) return 0;
  json reply;
  if (!ask("run", candidate, reply)) return 0;
  const double ns = reply.contains("ns") && reply["ns"].is_number() ? reply["ns"].get<double>() : 0;
  if (!std::isfinite(ns) || ns <= 0) {
    fail(candidate, Ending::failed, "the worker gave no time");
    return 0;
  }
  times_[candidate].push_back(ns);
  incumbent_ns_ = incumbent_ns_ > 0 ? std::min(incumbent_ns_, ns) : ns;
  return ns;
}

const std::vector<double>& Supervisor::times_ns(size_t candidate) const {
  static const std::vector<double> none;
  const auto at = times_.find(candidate);
  return at == times_.end() ? none : at->second;
}

void Supervisor::finish(size_t candidate, std::vector<double> log_ratios) {
  if (open_.erase(candidate) == 0) return;
  journal_.finish(subject(candidate), {Ending::measured, std::move(log_ratios),
                                       static_cast<uint64_t>(std::llround(median(times_[candidate]))), ""});
}

}  // namespace motley::tuner
