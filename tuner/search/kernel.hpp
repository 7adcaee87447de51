// How alike two configs are expected to run: the covariance of the logarithms of their times.
#pragma once

#include <cstdint>
#include <vector>

#include "space/space.hpp"

namespace motley::tuner {

// One parameter's part. Each is found from the data.
struct Shape {
  double length = 0.7;   // how far a change reaches; the parameter's range is 1
  double weight = 0.8;   // 0: the parameter plays no part; 1: configs far apart in it tell nothing about each other
  double alignment = 0;  // how much it counts that two numbers divide by different powers of two (warps, banks, lines)
};

// A product over the parameters of (1 - weight) + weight x (a Matern function of the distance): main effects and
// interactions of every order at once, as in an analysis of variance. For each parameter a table holds all pairs.
class Kernel {
 public:
  explicit Kernel(const std::vector<Parameter>& parameters);

  size_t width() const { return scales_.size(); }
  const Shape& shape(size_t parameter) const { return shapes_[parameter]; }
  void set_shape(size_t parameter, const Shape& shape);
  // Whether alignment means anything here: numbers that are not all powers of two.
  bool has_alignment(size_t parameter) const { return scales_[parameter].has_alignment; }

  float factor(size_t parameter, uint16_t a, uint16_t b) const {
    return tables_[parameter][size_t{a} * scales_[parameter].positions.size() + b];
  }
  // One config with another: 1 for the same.
  float operator()(const uint16_t* a, const uint16_t* b) const {
    float product = 1;
    for (size_t p = 0; p < scales_.size(); ++p) product *= factor(p, a[p], b[p]);
    return product;
  }

 private:
  // Where a parameter's values lie.
  struct Scale {
    std::vector<double> positions;  // 0 to 1
    std::vector<double> exponents;  // of the largest power of two that divides the value
    bool ordered = true;            // words are not: each is as far from all others
    bool has_alignment = false;
  };
  static Scale scale_of(const Parameter& parameter);

  std::vector<Scale> scales_;
  std::vector<Shape> shapes_;
  std::vector<std::vector<float>> tables_;
};

}  // namespace motley::tuner
