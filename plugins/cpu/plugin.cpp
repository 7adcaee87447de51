// The plugin's entry: one device, always there.
#include "motley/plugin.hpp"

#include "device.hpp"

namespace motley::cpu {

class CpuBackend final : public sdk::Backend {
 public:
  const char* build_id() const override { return CpuDevice::build_id(); }
  std::vector<motley_device_info> enumerate() override { return {CpuDevice().describe()}; }
  std::unique_ptr<sdk::Device> open(uint32_t index) override {
    return index == 0 ? std::make_unique<CpuDevice>() : nullptr;
  }
};

}  // namespace motley::cpu

MOTLEY_PLUGIN("cpu", motley::cpu::CpuBackend)
