// One problem on its device's worker, and the table's row of what came of it.
#pragma once

#include "campaign/desk.hpp"
#include "worker/supervisor.hpp"

namespace motley::tuner {

const TunedDevice& device_of(const Desk& desk, const Problem& problem);
// `text` gives the configs that will be tried by number.
Supervisor supervisor_for(const Desk& desk, const Problem& problem, std::function<std::string(size_t)> text);
nlohmann::json row_for(const Desk& desk, const Problem& problem, const Measured& measured, const std::string& config,
                       Rigor rigor);
void leave_out(Desk& desk, const Problem& problem, const std::string& reason);

}  // namespace motley::tuner
