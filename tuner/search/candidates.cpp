// The configs that a search chooses from, numbered.
#include "search/candidates.hpp"

#include <string_view>

#include "base/text.hpp"

namespace motley::tuner {

size_t ConfigHash::operator()(const Config& config) const {
  return config_hash({reinterpret_cast<const char*>(config.data()), config.size() * sizeof config[0]});
}

Candidates::Candidates(const Space& space, uint64_t seed, size_t limit)
    : parameters_(&space.parameters()), width_(space.parameters().size()) {
  if (width_ == 0) base::fail(ErrorCode::invalid_argument, "a space without parameters leaves nothing to search");
  if (const auto all = space.enumerate(limit)) {
    for (const Config& config : *all) add(config);
    return;
  }
  space_ = &space;
  if (space.valid(space.default_config())) add(space.default_config());
  std::mt19937_64 random(seed);
  for (const Config& config : space.sample(limit, random)) add(config);
}

Candidates::Candidates(const std::vector<Parameter>& parameters, const std::vector<Config>& configs)
    : parameters_(&parameters), width_(parameters.size()) {
  if (width_ == 0) base::fail(ErrorCode::invalid_argument, "a recording without parameters leaves nothing to search");
  for (const Config& config : configs) add(config);
}

size_t Candidates::add(const Config& config) {
  const auto [at, is_new] = ids_.emplace(config, size());
  if (is_new) configs_.push_back(config);
  return at->second;
}

std::optional<size_t> Candidates::find(const Config& config) const {
  const auto at = ids_.find(config);
  return at == ids_.end() ? std::nullopt : std::optional(at->second);
}

std::vector<size_t> Candidates::neighbours(size_t id) {
  std::vector<size_t> result;
  if (space_) {
    for (const Config& other : space_->neighbours(config(id))) result.push_back(add(other));
    return result;
  }
  Config other = config(id);
  for (size_t p = 0; p < width_; ++p) {
    const uint16_t own = other[p];
    for (size_t v = 0; v < (*parameters_)[p].values.size(); ++v) {
      other[p] = static_cast<uint16_t>(v);
      if (v == own) continue;
      if (const auto found = find(other)) result.push_back(*found);
    }
    other[p] = own;
  }
  return result;
}

}  // namespace motley::tuner
