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

// What was not measured counts as the plugin says. `id` gives the table's name of a device.
Parts parts_of(const nlohmann::json& plan, const Ledger& ledger,
               const std::function<std::string(const std::string& name)>& id);

}  // namespace motley::tuner
