// The plugin's entry: every Vulkan device that can compute.
#include "plugin.hpp"

#include "device.hpp"

namespace motley::vulkan {

class VulkanPlatform final : public gpu::Platform {
 public:
  const char* id() const override { return "vulkan"; }
  std::vector<Capabilities> enumerate(std::string& explanation) override {
    std::vector<Capabilities> list;
    const Instance* vk = instance(explanation);
    if (!vk) return list;
    for (const Found& found : find_devices(*vk, explanation)) list.push_back(capabilities_of(found));
    return list;
  }
  std::unique_ptr<gpu::Device> open(uint32_t index) override {
    std::string explanation;
    const Instance* vk = instance(explanation);
    if (!vk) throw StatusError(MOTLEY_UNSUPPORTED, explanation);
    const std::vector<Found> found = find_devices(*vk, explanation);
    return index < found.size() ? std::make_unique<VulkanDevice>(*vk, found[index]) : nullptr;
  }
};

}  // namespace motley::vulkan

MOTLEY_GPU_PLUGIN(motley::vulkan::VulkanPlatform)
