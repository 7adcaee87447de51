// What plans are raced for.
#include "campaign/tracks.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "plan/cost.hpp"

namespace motley::tuner {

namespace {

constexpr double kSecondsPerModel = 6;
// Stages that take this share of a network's time at least, with so many seconds at least.
constexpr size_t kMostStages = 8;
constexpr double kLeastShare = 0.02, kLeastSeconds = 1;

// What the nodes of a stage are thought to take where each is on the tuned device that is best for it.
double estimate_ns(const Desk& desk, const graph::Graph& graph) {
  plan::DeviceList devices;
  for (const TunedDevice& d : desk.devices) devices.push_back(d.device);
  const plan::SupportTable support = plan::query_support(graph, devices);
  double total = 0;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    double best = HUGE_VAL;
    for (size_t d = 0; d < devices.size(); ++d)
      if (support.at(d, n).supported) best = std::min(best, plan::estimate_cost(graph, n, *devices[d]));
    if (std::isfinite(best)) total += best;
  }
  return total;
}

// The stages of a network whose shapes depend on data that take most of its time, each with its share of it.
std::vector<std::pair<size_t, double>> stages_to_race(const Desk& desk, const PlannedModel& planned) {
  std::vector<std::pair<size_t, double>> stages;
  double total = 0;
  for (size_t s = 0; s < planned.stages.size(); ++s) {
    stages.emplace_back(s, estimate_ns(desk, planned.stages[s].graph));
    total += stages.back().second;
  }
  for (auto& [stage, share] : stages) share = total > 0 ? share / total : 0;
  std::stable_sort(stages.begin(), stages.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  if (stages.size() > kMostStages) stages.resize(kMostStages);
  std::erase_if(stages, [&](const auto& s) { return s.second < kLeastShare; });
  return stages;
}

}  // namespace

std::vector<Track> tracks_of(const Desk& desk, const TunedModel& model, const PlannedModel& planned) {
  const std::string name = model.path.filename().string();
  std::vector<Track> tracks;
  if (planned.is_whole) {
    for (const PlannedStage& stage : planned.stages)
      tracks.push_back({model, stage, name, model.path, model.shapes, true, kSecondsPerModel});
    return tracks;
  }
  for (const auto& [s, share] : stages_to_race(desk, planned)) {
    const PlannedStage& stage = planned.stages[s];
    const std::string title = base::text("% (stage %)", {name, s + 1});
    if (!stage.optimize) {
      desk.say(base::text("no plan of % is raced: a session cannot run that stage alone", {title}));
      continue;
    }
    tracks.push_back({model,
                      stage,
                      title,
                      stage.file,
                      {},
                      *stage.optimize,
                      std::max(kSecondsPerModel * share, kLeastSeconds)});
  }
  return tracks;
}

}  // namespace motley::tuner
