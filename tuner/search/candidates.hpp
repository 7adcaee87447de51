// The configs that a search chooses from, numbered.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "space/space.hpp"

namespace motley::tuner {

struct ConfigHash {
  size_t operator()(const Config& config) const;
};

// All valid configs of a space, or, where there are too many, a sample that grows by the neighbours that are asked for.
// Numbers stay what they are. Not for several threads at once, because of that growth.
class Candidates {
 public:
  static constexpr size_t kMostEnumerated = 100000;

  // The default config is always among them if it is valid. `space` outlives it.
  Candidates(const Space& space, uint64_t seed, size_t limit = kMostEnumerated);
  // Just these, such as those of a recording; configs that occur again are left out. `parameters` outlives it.
  Candidates(const std::vector<Parameter>& parameters, const std::vector<Config>& configs);

  size_t size() const { return configs_.size(); }
  size_t width() const { return width_; }
  const std::vector<Parameter>& parameters() const { return *parameters_; }
  // Indices into the parameters' values, width() of them; they stay where they are.
  const uint16_t* operator[](size_t id) const { return configs_[id].data(); }
  const Config& config(size_t id) const { return configs_[id]; }
  std::optional<size_t> find(const Config& config) const;
  // Whether all valid configs are in it.
  bool complete() const { return space_ == nullptr; }
  // Those that differ in one parameter.
  std::vector<size_t> neighbours(size_t id);

 private:
  size_t add(const Config& config);

  const std::vector<Parameter>* parameters_;
  const Space* space_ = nullptr;  // of an incomplete set
  size_t width_;                  // at least 1
  std::deque<Config> configs_;
  std::unordered_map<Config, size_t, ConfigHash> ids_;
};

}  // namespace motley::tuner
