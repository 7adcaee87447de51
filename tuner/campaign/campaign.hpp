// A tuning from models to a dispatch table: kernels, then edges, then whole plans.
#pragma once

#include <functional>

#include "campaign/ledger.hpp"
#include "campaign/planning.hpp"

namespace motley::tuner {

// What is going on, for whoever shows it.
struct Status {
  std::string phase;           // "kernels", "transfers", "plans"
  std::string what, device;    // the problem, the ends, the model
  size_t done = 0, total = 0;  // of this phase
  size_t tried = 0;            // configs of this problem
  double best_ratio = 1;       // of its best one to the default
  double fraction = 0;         // of the whole, 0 to 1
  double seconds_left = -1;    // below 0: not known
};

struct CampaignOptions {
  std::filesystem::path table, journal;
  // Keeps problem files and what the reference answered; made here, and removed at the end unless it was stopped.
  std::filesystem::path work;
  bool resume = false;                // else a journal that is there is an error
  std::optional<Rigor> rigor;         // nothing: `measure`, or with a time limit as high as the time allows
  std::chrono::milliseconds time{0};  // 0: no limit
  size_t part = 1, parts = 1;         // shard: only the first one measures transfers, and none runs plans
  uint64_t seed = 1;
  // Relative. Above 0, kernels of lower precision are measured too, and plans that keep within it are raced.
  double error_budget = 0;
  std::vector<std::string> worker;  // the command that serves requests (campaign/agent.hpp)
  std::chrono::milliseconds planning_patience{120'000};  // with a process that plans a model
  std::function<bool()> stop;       // asked often; once true, what is known is written and the campaign ends
  std::function<void(const Status&)> progress;
  std::function<void(const std::string&)> say;  // one line of what is worth knowing
};

// A candidate of a plan race.
struct PlanResult {
  std::string name;                            // "untuned", "cpu", "cpu,vulkan"
  uint64_t predicted_ns = 0, measured_ns = 0;  // 0: not known
};
struct ModelResult {
  std::string model, winner;
  std::string winner_within_budget;  // of all plans, where one with an error is surely faster; "": none
  std::vector<PlanResult> plans;
};
struct CampaignResult {
  size_t problems = 0, measured = 0, displaced = 0, left_out = 0, failed_configs = 0;
  bool stopped = false, complete = true;  // not complete: the time did not suffice for every problem
  std::vector<ModelResult> models;
};

// Tunes the models on the devices (of `all`, all devices of the runtime) and publishes the table; before the end too,
// whenever something is known. Throws Error(invalid_argument) where a journal is there and `resume` is not set, or
// where none is there and it is; Error(io); and what plan_in_worker() throws.
CampaignResult run_campaign(const std::vector<TunedModel>& models, const std::vector<TunedDevice>& devices,
                            const plan::DeviceList& all, const CampaignOptions& options);

// What run_campaign() would measure, and how much of the work each problem makes. Uses and removes the work folder.
std::vector<Problem> list_problems(const std::vector<TunedModel>& models, const std::vector<TunedDevice>& devices,
                                   const plan::DeviceList& all, CampaignOptions options);

}  // namespace motley::tuner
