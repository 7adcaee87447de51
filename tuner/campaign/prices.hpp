// What the parts of a plan were measured to take, each apart.
#pragma once

#include <functional>

#include "campaign/ledger.hpp"
#include "campaign/parts.hpp"

namespace motley::tuner {

// `plan` is what a worker said of one (campaign/agent.hpp).

// What the kernel of a node was measured to take with its config on the device of this id; 0 where it was not. That of
// several nodes stands at the first.
uint64_t measured_ns(const nlohmann::json& plan, const nlohmann::json& node, const Ledger& ledger,
                     const std::string& device);

// A device of a plan.
struct PlanDevice {
  std::string id;               // the table's name of it
  bool in_background = false;   // else it works while the host waits
  bool in_host_memory = false;  // else it has memory of its own
};

// What was not measured counts as the plugin says. Of plans so large that they come without the names of their tensors,
// each step waits for the one before.
Parts parts_of(const nlohmann::json& plan, const Ledger& ledger,
               const std::function<PlanDevice(const std::string& name)>& device);

}  // namespace motley::tuner
