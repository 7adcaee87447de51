// What all phases of a campaign work with.
#pragma once

#include "campaign/budget.hpp"
#include "campaign/campaign.hpp"
#include "worker/worker.hpp"

namespace motley::tuner {

struct Desk {
  const std::vector<TunedDevice>& devices;
  const plan::DeviceList& all;  // of the runtime
  const CampaignOptions& options;
  Ledger& ledger;
  Journal& journal;
  Budget budget;
  std::vector<std::shared_ptr<Worker>> workers;  // one per device, so that what one does to its process hurts no other
  CampaignResult& result;
  Status status;

  bool stopped() const { return options.stop && options.stop(); }
  void show() {
    status.seconds_left = budget.is_limited() ? budget.seconds_left() : -1;
    if (budget.is_limited()) status.fraction = 1 - budget.seconds_left() / budget.seconds();
    if (options.progress) options.progress(status);
  }
  void say(const std::string& line) const {
    if (options.say) options.say(line);
  }
  // Writes the table. What another tuner wrote into it meanwhile is kept. Throws Error(io).
  void publish();
  // A request that is not about a config. Throws Error(plugin) where the worker crashed, hung or refused.
  nlohmann::json ask(Worker& worker, const nlohmann::json& request, std::chrono::milliseconds patience) const;
};

// Measures the default of every problem, then searches where there is something to choose.
void tune_kernels(Desk& desk, std::vector<Problem>& problems);
// Measures candidates against the plain kernels.
void measure_candidates(Desk& desk, const std::vector<Problem>& problems);
// Measures what moving bytes costs.
void measure_transfers(Desk& desk);
// Runs whole plans against each other.
void race_plans(Desk& desk, const std::vector<TunedModel>& models, const std::vector<PlannedModel>& planned);

// alpha + beta × bytes through measured points, in ns and ps per byte.
struct Line {
  double alpha_ns = 0, beta_ps_per_byte = 0;
};
struct Point {
  double bytes = 0, ns = 0;
};
Line fit(const std::vector<Point>& points);

}  // namespace motley::tuner
