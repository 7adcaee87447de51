// A worker process that is started when it is needed.
#include "worker/worker.hpp"

#include "base/text.hpp"

namespace motley::tuner {

void Worker::start() {
  if (child_ && child_->running()) return;
  child_ = std::make_unique<Child>(command_);
  opened_.clear();
  ++starts_;
}

Receipt Worker::ask(const nlohmann::json& request, std::chrono::milliseconds patience, nlohmann::json& reply) {
  start();
  return child_->ask(request, patience, reply);
}

const nlohmann::json& Worker::open(const std::string& what, const nlohmann::json& request,
                                   std::chrono::milliseconds patience) {
  start();
  if (opened_ == what) return opening_reply_;
  // What was open before may take the process with it when it goes: that is not this one's fault.
  const bool is_used = !opened_.empty();
  opened_.clear();
  Receipt receipt = child_->ask(request, patience, opening_reply_);
  if (receipt != Receipt::message && is_used) {
    start();
    receipt = child_->ask(request, patience, opening_reply_);
  }
  if (receipt != Receipt::message)
    base::fail(ErrorCode::plugin, "the worker % while it opened the problem", {how_it_ended()});
  if (opening_reply_.value("ending", "measured") != "measured")
    base::fail(ErrorCode::plugin, "%", {opening_reply_.value("reason", std::string("the worker gives no reason"))});
  opened_ = what;
  return opening_reply_;
}

}  // namespace motley::tuner
