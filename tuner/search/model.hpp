// Predicts what configs cost from those that were measured, and how sure that is.
#pragma once

#include <cstdint>
#include <vector>

#include "search/cholesky.hpp"
#include "search/kernel.hpp"

namespace motley::tuner {

// One measurement. `source` 0 is this device; others are siblings, whose times resemble ours.
struct Sample {
  const uint16_t* config = nullptr;
  uint32_t source = 0;
  double target = 0;
};

// A Gaussian process over configs. Its kernel adds up what each parameter does alone and together with others, and near
// neighbours count most; see Kernel. (Rasmussen and Williams, Gaussian Processes for Machine Learning, chapters 2, 5.)
class Model {
 public:
  explicit Model(const std::vector<Parameter>& parameters) : kernel_(parameters) {}

  // Learns from the samples, at least one; `rounds` passes over the kernel's settings look for ones that explain them
  // better, starting from those of the last fit. The configs are read later too: they outlive the next fit.
  void fit(std::vector<Sample> samples, int rounds);

  const std::vector<Sample>& samples() const { return samples_; }
  // Of a config on this device with a sample.
  float covariance(const uint16_t* config, const Sample& sample) const {
    return kernel_(config, sample.config) * static_cast<float>(kinship_[sample.source]);
  }
  const Kernel& kernel() const { return kernel_; }
  // Expected target of a config on this device.
  double mean(const uint16_t* config) const;

  // For Posterior.
  const Cholesky& factor() const { return factor_; }
  const std::vector<double>& whitened() const { return whitened_; }
  double level() const { return level_; }
  double amplitude() const { return amplitude_; }
  double noise() const { return noise_; }

 private:
  double pair(size_t i, size_t j) const;
  double kin(size_t i, size_t j) const;
  void build();
  double evaluate();
  double prior() const;
  void improve_parameter(size_t parameter);
  void improve_noise();
  void improve_kinship(size_t source);
  std::vector<double> replaced(size_t parameter, const Shape& before) const;

  Kernel kernel_;
  double noise_ = 1e-2;             // variance of a measurement, relative to the amplitude
  std::vector<double> kinship_{1};  // by source: how its times correlate with this device's, whose own is 1
  std::vector<Sample> samples_;
  std::vector<double> products_;  // the kernel of all pairs of samples, without noise
  double score_ = 0;
  Cholesky factor_;
  std::vector<double> whitened_, weights_;
  double level_ = 0, amplitude_ = 1;
};

// Predictions for a fixed set of configs, kept up to date as some of them are measured.
class Posterior {
 public:
  // `model` and the configs outlive it.
  Posterior(const Model& model, std::vector<const uint16_t*> configs);

  double mean(size_t i) const { return means_[i]; }
  double deviation(size_t i) const;
  // Config `i` was measured; the kernel's settings stay.
  void condition(size_t i, double target);

 private:
  void project();

  const Model& model_;
  std::vector<const uint16_t*> configs_;
  std::vector<std::vector<float>> rows_;  // the factor's inverse times the covariances: per sample, over all configs
  std::vector<float> means_, explained_;
};

}  // namespace motley::tuner
