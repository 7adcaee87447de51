// Puts a recording together row by row: the values of the parameters are known only at the end.
#pragma once

#include <string>
#include <vector>

#include "formats/recording.hpp"

namespace motley::tuner {

class RecordingBuilder {
 public:
  // The names of the parameters; every row gives their values in this order.
  explicit RecordingBuilder(std::vector<std::string> names) : names_(std::move(names)) {}

  const std::vector<std::string>& names() const { return names_; }
  void add(std::vector<Value> values, Observation observation);
  // Parameters and observations put into `recording`. Values are sorted where all are numbers.
  void finish(Recording& recording);

 private:
  std::vector<std::string> names_;
  std::vector<std::vector<Value>> rows_;
  std::vector<Observation> observations_;
};

}  // namespace motley::tuner
