// The SPIR-V modules that the build made, packed by kernel: a kernel's variants differ little.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace motley::vulkan {

struct Pack {
  std::span<const uint8_t> packed;
  uint32_t bytes;  // unpacked
};
struct Module {
  const char* name;             // of the variant
  uint32_t pack, first, bytes;  // where it lies, unpacked
};

// Modules by name; packs once unpacked stay so until the object goes. [one thread at a time]
class Modules {
 public:
  // Empty where there is none of that name; valid as long as the object.
  std::span<const uint32_t> find(const std::string& variant);

 private:
  std::map<uint32_t, std::vector<uint32_t>> unpacked_;
};

}  // namespace motley::vulkan
