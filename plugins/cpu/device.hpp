// The CPU as a device: its description, its kernels, what a tuner may choose from.
#pragma once

#include "motley/sdk/kernel.hpp"
#include "topology.hpp"

namespace motley::cpu {

class CpuDevice final : public sdk::Device {
 public:
  CpuDevice() : topology_(read_topology()) {}

  std::span<const sdk::KernelEntry> kernels() const override;
  std::string fingerprint() const override;
  double estimate_cost(const sdk::NodeView& node) const override;
  std::vector<sdk::Parameter> tuning_space(const sdk::NodeView& node) const override;
  std::string problem_key(const sdk::NodeView& node) const override;
  sdk::Reason config_check(const sdk::NodeView& node, const sdk::Config& config) const override;

  motley_device_info describe() const;
  // Changes whenever kernels or the instruction sets they are compiled for do.
  static const char* build_id();

 private:
  // float32, all cores: two multiply-adds of a vector per clock.
  double peak_gflops() const;
  double bandwidth_gbps() const;

  Topology topology_;
};

}  // namespace motley::cpu
