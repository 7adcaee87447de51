// A session goes on without a device that failed.
#include <algorithm>
#include <optional>

#include "base/log.hpp"
#include "base/text.hpp"
#include "run/session_state.hpp"

namespace motley::detail {

bool SessionState::drop(const plugin::DeviceFailure& failure) {
  plan::DeviceList& devices = request.devices;
  const auto it = std::find_if(devices.begin(), devices.end(),
                               [&](const auto& device) { return device.get() == &failure.device(); });
  if (it == devices.end() || devices.size() == 1) return false;
  lost.emplace_back(failure.device().name(), failure.what());
  base::log(base::LogLevel::warning, "session", base::text("%; the rest is planned anew without it", {failure.what()}));
  if (trace) {
    const uint64_t now = run::Trace::now();
    trace->add_event({TraceEvent::Kind::lost, failure.what(), failure.device().name(), "", 0, 0, now, now});
  }
  devices.erase(it);
  plans.clear();
  return true;
}

namespace {

// What the caller sees of a session, kept while its plan is replaced.
struct Before {
  std::list<SessionState::Planned> plans;
  std::unique_ptr<run::Instance> instance;
  std::vector<SessionState::Visible> visible;
  std::vector<std::unique_ptr<run::AlignedBlock>> input_memory;
  std::vector<run::Value> results;
  std::vector<run::Hook> hooks;
  plan::DeviceList devices;
  size_t lost;
};

bool is_own(const run::Instance& instance, graph::TensorId id) {
  const plan::Slot::Kind kind = instance.plan().slots.at(id).kind;
  return kind == plan::Slot::Kind::input || kind == plan::Slot::Kind::output;
}

// Inputs and outputs stay where they are: the caller's views show them, and inputs hold what was written.
void keep_memory(SessionState& session, const Before& before) {
  for (size_t i = 0; i < before.visible.size() && i < session.visible.size(); ++i) {
    const SessionState::Visible& old = before.visible[i];
    SessionState::Visible& now = session.visible[i];
    now.bound = old.bound;
    if (!session.instance || !is_own(*before.instance, old.id) || !is_own(*session.instance, now.id)) continue;
    session.instance->bind(now.id, before.instance->memory(old.id));
  }
  if (!before.instance) return;
  session.outlived.push_back(before.instance->share_memory());
  for (const SessionState::Visible& old : before.visible)
    if (const auto& constant = before.instance->plan().graph.tensor(old.id).constant)
      session.outlived.push_back(constant->owner);
}

}  // namespace

void SessionState::recover(const plugin::DeviceFailure& failure) {
  Before before{{}, nullptr, visible, {}, results, hooks, request.devices, lost.size()};
  before.plans.swap(plans);
  before.instance = std::move(instance);
  before.input_memory.swap(input_memory);
  std::optional<plugin::DeviceFailure> next = failure;
  while (next && drop(*next)) {
    next.reset();
    bool swapped = false;
    try {
      plan_now();
      keep_memory(*this, before);
      input_memory.swap(before.input_memory);
      swapped = true;
      return run_once();
    } catch (const plugin::DeviceFailure& another) {
      next = another;
      if (swapped) input_memory.swap(before.input_memory);
    } catch (const Error&) {
      if (swapped) throw;  // of the run itself: the new plan stays
    }
  }
  // Nothing else can do it. The session stays as it was, so that it can still be read and resized.
  plans.swap(before.plans);
  instance = std::move(before.instance);
  visible = std::move(before.visible);
  input_memory.swap(before.input_memory);
  results = std::move(before.results);
  hooks = std::move(before.hooks);
  request.devices = std::move(before.devices);
  lost.resize(before.lost);
  throw failure;
}

}  // namespace motley::detail
