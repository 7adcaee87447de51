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
    : Supervisor(std::make_shared<Worker>(std::move(command)), nullptr, journal, std::move(fingerprint),
                 std::move(problem), std::move(text), policy) {}

Supervisor::Supervisor(std::shared_ptr<Worker> worker, json opening, Journal& journal, std::string fingerprint,
                       std::string problem, std::function<std::string(size_t)> text, const WatchdogPolicy& policy)
    : worker_(std::move(worker)),
      opening_(std::move(opening)),
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
  open();
  const json request = {{"do", what}, {"problem", problem_}, {"config", text_(candidate)}};
  // What compiling takes says nothing of how long a run may take, and the other way round.
  const bool compiles = std::string_view(what) != "run";
  const Receipt receipt = worker_->ask(request, compiles ? policy_.most : patience(policy_, incumbent_ns_), reply);
  if (receipt == Receipt::late) return fail(candidate, Ending::hung, worker_->how_it_ended());
  if (receipt != Receipt::message) return fail(candidate, Ending::crashed, worker_->how_it_ended());
  const std::string ending = word(reply, "ending", "measured"), reason = word(reply, "reason", "no reason given");
  if (ending == "measured") return true;
  return fail(candidate,
              ending == "invalid" ? Ending::invalid
              : ending == "wrong" ? Ending::wrong
                                  : Ending::failed,
              reason);
}

const json& Supervisor::open() {
  constexpr std::chrono::minutes kPatience{10};
  return opening_.is_null() ? opening_ : worker_->open(fingerprint_ + problem_ + opening_.dump(), opening_, kPatience);
}

bool Supervisor::begin(size_t candidate) {
  open();  // what goes wrong there is not the candidate's fault
  const Subject s = subject(candidate);
  if (!journal_.banned(s)) {
    journal_.begin(s);
    open_.insert(candidate);
  }
  return check(candidate);
}

bool Supervisor::begin_unrecorded(size_t candidate) {
  open();
  return check(candidate);
}

bool Supervisor::check(size_t candidate) {
  const Subject s = subject(candidate);
  if (!open_.contains(candidate) && journal_.banned(s)) {
    last_failure_ = {Ending::failed, {}, 0, base::text("banned after % strikes", {journal_.strikes(s)})};
    return false;
  }
  if (times_.contains(candidate)) return true;
  json reply;
  if (!ask("check", candidate, reply)) return false;
  times_[candidate];
  const auto number = [&](const char* name) {
    const auto at = reply.find(name);
    return at != reply.end() && at->is_number() ? at->get<double>() : 0.0;
  };
  errors_[candidate] = {number("max_abs"), number("max_rel")};
  return true;
}

Supervisor::Error Supervisor::error(size_t candidate) const {
  const auto at = errors_.find(candidate);
  return at == errors_.end() ? Error{} : at->second;
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

void Supervisor::record(size_t candidate) {
  journal_.finish(subject(candidate),
                  {Ending::measured, {}, static_cast<uint64_t>(std::llround(median(times_ns(candidate)))), ""});
}

bool Supervisor::confirm(size_t candidate) {
  json reply;
  return times_.contains(candidate) && ask("confirm", candidate, reply);
}

void Supervisor::finish(size_t candidate, std::vector<double> log_ratios) {
  if (open_.erase(candidate) == 0) return;
  journal_.finish(subject(candidate), {Ending::measured, std::move(log_ratios),
                                       static_cast<uint64_t>(std::llround(median(times_[candidate]))), ""});
}

}  // namespace motley::tuner
