// Predicts what configs cost from those that were measured, and how sure that is.
#pragma once

#include <cstdint>
#include <vector>

#include "search/cholesky.hpp"
#include "search/kernel.hpp"

namespace motley::tuner {

// A config, and what each sibling's hint says of it: as many as the model has siblings; see Hint.
struct Point {
  const uint16_t* config = nullptr;
  const float* hints = nullptr;
};

// One measurement.
struct Sample {
  Point point;
  double target = 0;
};

// A Gaussian process over configs. Its kernel adds up what each parameter does alone and together with others, and near
// neighbours count most; see Kernel. (Rasmussen and Williams, Gaussian Processes for Machine Learning, chapters 2, 5.)
// Siblings' hints come in as a linear regression with weights that are not known beforehand: what they don't explain is
// left to the kernel. (Kennedy and O'Hagan, Predicting the output from a complex computer code, 2000.)
class Model {
 public:
  // A fit starts from `kernel`'s settings.
  explicit Model(Kernel kernel, size_t hints = 0) : kernel_(std::move(kernel)), trust_(hints, kTypicalTrust) {}

  // Learns from the samples, at least one; `rounds` passes over the kernel's settings look for ones that explain them
  // better, starting from those of the last fit. The points are read later too: they outlive the next fit.
  void fit(std::vector<Sample> samples, int rounds);

  const std::vector<Sample>& samples() const { return samples_; }
  // Relative to the amplitude, as all variances here.
  float covariance(const Point& a, const Point& b) const { return kernel_(a.config, b.config) + agreement(a, b); }
  float variance(const Point& point) const { return 1 + agreement(point, point); }
  const Kernel& kernel() const { return kernel_; }
  // Expected target.
  double mean(const Point& point) const;

  // For Posterior.
  const Cholesky& factor() const { return factor_; }
  const std::vector<double>& whitened() const { return whitened_; }
  double level() const { return level_; }
  double amplitude() const { return amplitude_; }
  double noise() const { return noise_; }

 private:
  static constexpr float kTypicalTrust = 1;

  // The part of the covariance that is from the hints.
  float agreement(const Point& a, const Point& b) const {
    float sum = 0;
    for (size_t s = 0; s < trust_.size(); ++s) sum += trust_[s] * a.hints[s] * b.hints[s];
    return sum;
  }
  double pair(size_t i, size_t j) const;
  void build();
  double evaluate();
  double prior() const;
  void improve_parameter(size_t parameter);
  void improve_noise();
  void improve_trust(size_t sibling);
  std::vector<double> replaced(size_t parameter, const Shape& before) const;

  Kernel kernel_;
  double noise_ = 1e-2;       // variance of a measurement, relative to the amplitude
  std::vector<float> trust_;  // by sibling: variance of its hints' weight
  std::vector<Sample> samples_;
  std::vector<double> products_;  // the kernel of all pairs of samples, without noise
  double score_ = 0;
  Cholesky factor_;
  std::vector<double> whitened_, weights_;
  double level_ = 0, amplitude_ = 1;
};

// Predictions for a fixed set of points, kept up to date as some of them are measured.
class Posterior {
 public:
  // `model` and what the points refer to outlive it.
  Posterior(const Model& model, std::vector<Point> points);

  double mean(size_t i) const { return means_[i]; }
  double deviation(size_t i) const;
  // Point `i` was measured; the kernel's settings stay.
  void condition(size_t i, double target);

 private:
  void project();

  const Model& model_;
  std::vector<Point> points_;
  std::vector<std::vector<float>> rows_;  // the factor's inverse times the covariances: per sample, over all points
  std::vector<float> means_, explained_;
};

}  // namespace motley::tuner
