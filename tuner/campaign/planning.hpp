// Plans models in worker processes: folding constants, and seeing the later stages of a network, run kernels.
#pragma once

#include <functional>

#include "campaign/workload.hpp"

namespace motley::tuner {

struct PlanningOptions {
  std::vector<std::string> worker;                   // the command that serves requests (campaign/agent.hpp)
  std::filesystem::path folder;                      // there already; gets the stages as models, which stay there
  std::chrono::milliseconds patience{120'000};       // after which a worker counts as hung
  std::function<void(const std::string&)> say = {};  // one line of what is worth knowing
};

// A device whose kernels end the process that plans a model: the model is planned as if it were not there.
struct Quarantined {
  std::string model, device, reason;  // reason: "crashed (signal 11)"
};

// Plans the model, which is `number` of its campaign, for devices in this order. Where a worker crashes or hangs, the
// device is looked for without which it does not. It joins `quarantined`, in which it is found again the next time.
// Later stages that no worker lives to see are left out, and that is said. Throws Error(plugin) where no set of devices
// can plan the model; the worker's own error where it refuses, such as Error(invalid_argument); Error(io).
PlannedModel plan_in_worker(const TunedModel& model, size_t number, const plan::DeviceList& devices,
                            const PlanningOptions& options, std::vector<Quarantined>& quarantined);

// What a worker does for that: requests "plan" and "later" (campaign/agent.hpp).
nlohmann::json answer_plan(const nlohmann::json& request, const graph::Module& module, const plan::DeviceList& devices);

}  // namespace motley::tuner
