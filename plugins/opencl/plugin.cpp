// The plugin's entry: every device of every OpenCL platform.
#include "plugin.hpp"

#include "device.hpp"

namespace motley::opencl {

class ClPlatform final : public gpu::Platform {
 public:
  const char* id() const override { return "opencl"; }
  std::vector<Capabilities> enumerate(std::string& explanation) override {
    std::vector<Capabilities> list;
    const Functions* cl = functions(explanation);
    if (!cl) return list;
    uint32_t index = 0;
    for (const Found& found : find_devices(*cl, explanation)) list.push_back(query_capabilities(*cl, found, index++));
    return list;
  }
  std::unique_ptr<gpu::Device> open(uint32_t index) override {
    std::string explanation;
    const Functions* cl = functions(explanation);
    if (!cl) throw StatusError(MOTLEY_UNSUPPORTED, explanation);
    const std::vector<Found> found = find_devices(*cl, explanation);
    return index < found.size() ? std::make_unique<ClDevice>(*cl, found[index], index) : nullptr;
  }
};

}  // namespace motley::opencl

MOTLEY_GPU_PLUGIN(motley::opencl::ClPlatform)
