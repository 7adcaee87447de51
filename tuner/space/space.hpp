// What a kernel's tuner may choose from: parameters, their values, and which combinations are valid.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "space/expression.hpp"
#include "space/value.hpp"

namespace motley::tuner {

struct Parameter {
  std::string name;
  std::vector<Value> values;  // at least one, no two the same
  size_t default_index = 0;
};

// A choice of one value per parameter: indices into their values, in the space's order of parameters.
using Config = std::vector<uint16_t>;

// Parameters and constraints. Immutable after it is built; [any] thread, as far as the check given to it is.
class Space {
 public:
  // A rule that is code and not text, such as a plugin's config_check: called with the canonical text of a config.
  using Check = std::function<bool(const std::string& config)>;

  Space() = default;
  // Throws Error(invalid_argument): a parameter without values, a name or value twice, one with a character that the
  // canonical text needs for itself (',' '=' '|'), a constraint that cannot be read.
  Space(std::vector<Parameter> parameters, const std::vector<std::string>& constraints, Check check = {});

  // One parameter as the plugin interface gives it: its values as "v1|v2|v3" and its default.
  // Throws Error(invalid_argument) where the default is none of the values.
  static Parameter plugin_parameter(std::string name, std::string_view values, std::string_view default_value);

  const std::vector<Parameter>& parameters() const { return parameters_; }
  const std::vector<Expression>& constraints() const { return constraints_; }
  // How many combinations there are, valid or not; stops at UINT64_MAX.
  uint64_t combinations() const;
  Config default_config() const;

  // Whether all constraints and the check hold. A constraint that cannot be computed does not hold.
  bool valid(const Config& config) const;

  // "key=value,key=value" with the keys in ascending order: the same for spaces that list parameters differently.
  std::string text(const Config& config) const;
  // The config of such a text; keys in any order, those left out at their default. Throws Error(invalid_argument).
  Config parse(std::string_view text) const;

  // Up to `limit` valid configs, in ascending order; nothing where there are more.
  std::optional<std::vector<Config>> enumerate(size_t limit) const;
  // Up to `count` different valid configs, drawn evenly from all of them; fewer where few draws are valid.
  std::vector<Config> sample(size_t count, std::mt19937_64& random) const;
  // Valid configs that differ in one parameter.
  std::vector<Config> neighbours(const Config& config) const;

 private:
  bool constraints_hold(const Config& config, const std::vector<size_t>& constraints) const;
  bool extend(Config& config, size_t parameter, size_t limit, std::vector<Config>& found) const;

  std::vector<Parameter> parameters_;
  std::vector<Expression> constraints_;
  std::vector<std::vector<size_t>> decided_by_;  // the constraints whose last parameter is this one
  std::vector<size_t> by_name_;                  // parameters in ascending order of name
  Check check_;
};

// 64-bit FNV-1a of a config's canonical text: a short name for it.
uint64_t config_hash(std::string_view canonical_text);

}  // namespace motley::tuner
