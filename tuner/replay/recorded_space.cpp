// A recording as something to search.
#include "replay/recorded_space.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/text.hpp"

namespace motley::tuner {

namespace {

std::vector<Config> runnable(const Recording& recording) {
  std::vector<Config> configs;
  for (const Observation& o : recording.observations)
    if (o.validity != Validity::constraints) configs.push_back(o.config);
  return configs;
}

}  // namespace

RecordedSpace::RecordedSpace(std::string name, Recording recording)
    : name_(std::move(name)),
      recording_(std::make_unique<Recording>(std::move(recording))),
      candidates_(recording_->parameters, runnable(*recording_)),
      costs_(candidates_.size()) {
  // Of a config that was recorded more than once, the better time counts.
  for (const Observation& o : recording_->observations) {
    const double cost = typical_ns(o);
    if (cost <= 0) continue;
    double& known = costs_[candidates_.find(o.config).value()];
    known = known > 0 ? std::min(known, cost) : cost;
  }
  optimum_ = std::numeric_limits<double>::infinity();
  for (const double cost : costs_)
    if (cost > 0) optimum_ = std::min(optimum_, cost);
  if (optimum_ == std::numeric_limits<double>::infinity())
    base::fail(ErrorCode::invalid_argument, "the recording \"%\" has no config that works: give another one", {name_});
}

bool RecordedSpace::is_sibling_of(const RecordedSpace& other) const {
  if (this == &other || kernel() != other.kernel() || recording_->device == other.recording_->device ||
      parameters().size() != other.parameters().size())
    return false;
  for (size_t p = 0; p < parameters().size(); ++p)
    if (parameters()[p].name != other.parameters()[p].name) return false;
  return true;
}

Sibling RecordedSpace::as_sibling_for(const RecordedSpace& other, const std::vector<Observed>& observed) const {
  Sibling sibling;
  for (const Observed& o : observed) {
    Config config = candidates_.config(o.candidate);
    bool known = true;
    for (size_t p = 0; p < config.size() && known; ++p) {
      const auto& values = other.parameters()[p].values;
      const auto at = std::find(values.begin(), values.end(), parameters()[p].values[config[p]]);
      known = at != values.end();
      config[p] = static_cast<uint16_t>(at - values.begin());
    }
    if (!known) continue;
    sibling.configs.push_back(std::move(config));
    sibling.costs.push_back(o.cost);
  }
  return sibling;
}

}  // namespace motley::tuner
