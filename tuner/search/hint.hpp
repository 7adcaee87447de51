// What a sibling device's measurements say of configs.
#pragma once

#include <random>
#include <unordered_map>

#include "search/model.hpp"
#include "search/strategy.hpp"

namespace motley::tuner {

// The target that a config had on the sibling (1 - best / time), or, where it was not measured there, what a model of
// the sibling's measurements expects. Relative to their mean, so that 0 says nothing.
class Hint {
 public:
  // At least one config of `sibling` works. `parameters` and `sibling` outlive it.
  Hint(const std::vector<Parameter>& parameters, const Sibling& sibling, uint64_t seed);

  float operator()(const Config& config) const;
  // As the sibling's measurements have it: how parameters act on related devices is much alike.
  const Kernel& kernel() const { return model_.kernel(); }

 private:
  std::unordered_map<Config, float, ConfigHash> known_;  // without those that failed
  Model model_;
  double middle_ = 0;
};

// All siblings' hints for the candidates of a search, found as they are asked for.
class Hints {
 public:
  // Siblings of which no config works say nothing. `candidates` and `siblings` outlive it.
  Hints(const Candidates& candidates, const std::vector<Sibling>& siblings, uint64_t seed);

  size_t size() const { return hints_.size(); }
  // Where a fit begins: the settings that the siblings have on average.
  Kernel kernel() const;
  // Of one candidate: size() of them, which stay where they are.
  const float* of(size_t candidate);

 private:
  const Candidates& candidates_;
  std::vector<Hint> hints_;
  std::unordered_map<size_t, std::vector<float>> found_;
};

}  // namespace motley::tuner
