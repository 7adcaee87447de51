// Puts a recording together row by row: the values of the parameters are known only at the end.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "formats/recording.hpp"
#include "motley/error.hpp"

namespace motley::tuner {

class RecordingBuilder {
 public:
  // The names of the parameters; every row gives their values in this order.
  explicit RecordingBuilder(std::vector<std::string> names) : names_(std::move(names)) {}

  const std::vector<std::string>& names() const { return names_; }
  // A row of which one of these throws Error(invalid_argument) costs no more than itself: without values it is left
  // out, without an observation it is one of a config that failed.
  void add(const std::function<std::vector<Value>()>& values, const std::function<Observation()>& observation);
  // Parameters and observations put into `recording`. Values are sorted where all are numbers. Throws what was wrong
  // with the first damaged row where there is some and no config works.
  void finish(Recording& recording);

 private:
  std::vector<std::string> names_;
  std::vector<std::vector<Value>> rows_;
  std::vector<Observation> observations_;
  std::optional<Error> damage_;
  size_t damaged_ = 0;
};

}  // namespace motley::tuner
