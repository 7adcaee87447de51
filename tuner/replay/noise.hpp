// A simulated device: recorded times with noise, and with a clock that throttles.
#pragma once

#include <random>

#include "measure/meter.hpp"
#include "replay/recorded_space.hpp"

namespace motley::tuner {

struct NoiseModel {
  double deviation = 0.1;    // of the logarithm of each run: 10 %
  double slowest = 1.35;     // a throttled stretch is 1.1 to this many times as slow
  double stretch_runs = 60;  // how long a stretch is on average, throttled or not
};

class SimulatedMeter : public Meter {
 public:
  // `space` outlives it.
  SimulatedMeter(const RecordedSpace& space, const NoiseModel& model, uint64_t seed)
      : space_(space), model_(model), random_(seed) {}
  double run_ns(size_t candidate) override;
  size_t runs() const { return runs_; }

 private:
  const RecordedSpace& space_;
  NoiseModel model_;
  std::mt19937_64 random_;
  double slowdown_ = 1;
  size_t runs_ = 0;
};

// How well a way to measure picks among the candidates of one noisy search.
struct NoiseResult {
  double loss = 0;                // true time of its choice over that of the best candidate visited; 1 is perfect
  double fraction = 0;            // optimum of the space over the true time of its choice
  double runs_per_candidate = 0;  // anchors included
};

// Each candidate runs once and the least time wins.
NoiseResult pick_by_one_run(const RecordedSpace& space, size_t evaluations, const NoiseModel& model, uint64_t seed);
// Each runs twice, the lesser counts.
NoiseResult pick_by_best_of_two(const RecordedSpace& space, size_t evaluations, const NoiseModel& model, uint64_t seed);
// Ratios to an anchor, rungs, a paired final: measure/.
NoiseResult pick_by_racing(const RecordedSpace& space, size_t evaluations, const NoiseModel& model, uint64_t seed);

}  // namespace motley::tuner
