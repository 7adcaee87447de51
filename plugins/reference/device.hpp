// The reference device: one scalar kernel for every primitive op.
#pragma once

#include "motley/sdk/kernel.hpp"

namespace motley::reference {

class ReferenceDevice final : public sdk::Device {
 public:
  std::span<const sdk::KernelEntry> kernels() const override;
  std::string fingerprint() const override;
  double estimate_cost(const sdk::NodeView& node) const override;
};

class ReferenceBackend final : public sdk::Backend {
 public:
  std::vector<motley_device_info> enumerate() override;
  std::unique_ptr<sdk::Device> open(uint32_t index) override;
};

}  // namespace motley::reference
