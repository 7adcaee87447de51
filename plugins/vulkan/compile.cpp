// Modules to pipelines: layouts by what a module's bindings are, specialization, subgroup size, the driver's cache.
#include "compile.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "device.hpp"
#include "recording.hpp"

namespace motley::vulkan {

namespace {

// Of the SPIR-V specification, as far as is needed here.
constexpr uint32_t kOpTypePointer = 32, kOpVariable = 59, kOpDecorate = 71, kBinding = 33, kUniformConstant = 0;

std::string text_of(const PipelineKey& key) {
  std::string text = key.variant;
  for (int32_t c : key.constants) text += " " + std::to_string(c);
  for (uint32_t g : key.group) text += "/" + std::to_string(g);
  return text;
}

// What Vulkan 1.0 says a pipeline cache begins with.
struct CacheHeader {
  uint32_t bytes, version, vendor, device;
  std::array<uint8_t, VK_UUID_SIZE> uuid;
};

}  // namespace

std::vector<Kind> binding_kinds(std::span<const uint32_t> words, size_t count) {
  std::vector<Kind> kinds(count, Kind::storage);
  std::map<uint32_t, uint32_t> binding_of;
  for (size_t at = 5; at < words.size();) {
    const uint32_t op = words[at] & 0xffff, length = words[at] >> 16;
    if (length == 0 || length > words.size() - at) break;
    if (op == kOpDecorate && length == 4 && words[at + 2] == kBinding) binding_of[words[at + 1]] = words[at + 3];
    if (op == kOpVariable && length >= 4 && words[at + 3] == kUniformConstant) {
      const auto binding = binding_of.find(words[at + 2]);
      if (binding != binding_of.end() && binding->second < count) kinds[binding->second] = Kind::texels;
    }
    at += length;
  }
  return kinds;
}

Pipelines::Pipelines(VulkanDevice& device, const std::string& identity)
    : device_(device), identity_(identity), disk_("vulkan") {
  std::array<char, 17> digits;
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(gpu::hash(identity)));
  file_ = std::string("pipelines-") + digits.data();
  std::vector<std::byte> known;
  if (!device_.has(Workaround::no_pipeline_cache)) known = disk_.read(file_, identity_);
  if (!header_fits(known, device_.found().properties)) known.clear();
  VkPipelineCacheCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO;
  info.initialDataSize = saved_bytes_ = known.size();
  info.pInitialData = known.data();
  check(device_.vk.vkCreatePipelineCache(device_.handle(), &info, nullptr, &cache_), "a pipeline cache can't be made");
}

Pipelines::~Pipelines() {
  for (const auto& [key, pipeline] : pipelines_)
    device_.vk.vkDestroyPipeline(device_.handle(), pipeline.handle, nullptr);
  for (const auto& [kinds, layout] : layouts_) {
    device_.vk.vkDestroyPipelineLayout(device_.handle(), layout.pipeline, nullptr);
    device_.vk.vkDestroyDescriptorSetLayout(device_.handle(), layout.set, nullptr);
  }
  device_.vk.vkDestroyPipelineCache(device_.handle(), cache_, nullptr);
}

bool Pipelines::header_fits(std::span<const std::byte> bytes, const VkPhysicalDeviceProperties& properties) {
  CacheHeader header;
  if (bytes.size() < sizeof header) return false;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header.bytes == sizeof header && header.version == VK_PIPELINE_CACHE_HEADER_VERSION_ONE &&
         header.vendor == properties.vendorID && header.device == properties.deviceID &&
         std::memcmp(header.uuid.data(), properties.pipelineCacheUUID, VK_UUID_SIZE) == 0;
}

const Pipelines::Layout& Pipelines::layout_for(const std::vector<Kind>& kinds) {
  Layout& layout = layouts_[kinds];
  if (layout.pipeline) return layout;
  std::vector<VkDescriptorSetLayoutBinding> bindings(kinds.size());
  for (uint32_t i = 0; i < bindings.size(); ++i)
    bindings[i] = {i,
                   kinds[i] == Kind::texels ? VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                   1, VK_SHADER_STAGE_COMPUTE_BIT, nullptr};
  VkDescriptorSetLayoutCreateInfo set{};
  set.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO;
  set.bindingCount = static_cast<uint32_t>(bindings.size());
  set.pBindings = bindings.data();
  check(device_.vk.vkCreateDescriptorSetLayout(device_.handle(), &set, nullptr, &layout.set), "a layout can't be made");
  const VkPushConstantRange range{VK_SHADER_STAGE_COMPUTE_BIT, 0, 128};
  VkPipelineLayoutCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO;
  info.setLayoutCount = 1;
  info.pSetLayouts = &layout.set;
  info.pushConstantRangeCount = 1;
  info.pPushConstantRanges = &range;
  const VkResult result = device_.vk.vkCreatePipelineLayout(device_.handle(), &info, nullptr, &layout.pipeline);
  if (result != VK_SUCCESS) {
    device_.vk.vkDestroyDescriptorSetLayout(device_.handle(), layout.set, nullptr);
    layouts_.erase(kinds);
  }
  check(result, "a layout can't be made");
  return layout;
}

void Pipelines::make(const Launch& launch, Modules& modules, VulkanPipeline& p) {
  const PipelineKey& key = launch.pipeline;
  const std::span<const uint32_t> words = modules.find(key.variant);
  if (words.empty()) throw StatusError(MOTLEY_INTERNAL, "there is no kernel variant \"" + key.variant + "\"");
  p.kinds = binding_kinds(words, launch.bindings.size());
  const Layout& layout = layout_for(p.kinds);
  p.layout = layout.pipeline;
  p.set_layout = layout.set;

  std::vector<int32_t> values = key.constants;
  std::vector<VkSpecializationMapEntry> entries;
  for (uint32_t i = 0; i < key.constants.size(); ++i) entries.push_back({i, i * 4, 4});
  for (uint32_t i = 0; i < 3; ++i) {
    entries.push_back({100 + i, static_cast<uint32_t>(values.size() * 4), 4});
    values.push_back(static_cast<int32_t>(key.group[i]));
  }
  const VkSpecializationInfo constants{static_cast<uint32_t>(entries.size()), entries.data(), values.size() * 4, values.data()};

  VkShaderModuleCreateInfo module_info{};
  module_info.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO;
  module_info.codeSize = words.size_bytes();
  module_info.pCode = words.data();
  VkShaderModule shader;
  check(device_.vk.vkCreateShaderModule(device_.handle(), &module_info, nullptr, &shader), "a shader module can't be made");
  VkComputePipelineCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO;
  info.flags = VK_PIPELINE_CREATE_DISPATCH_BASE;  // long launches run in pieces of their groups
  info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
  info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
  info.stage.module = shader;
  info.stage.pName = "main";
  info.stage.pSpecializationInfo = &constants;
  info.layout = p.layout;
  // Where the device offers several subgroup sizes, the widest that the work group fills.
  const Found& found = device_.found();
  const uint32_t items = key.group[0] * key.group[1] * key.group[2];
  uint32_t width = found.max_subgroup;
  while (width > found.min_subgroup && width > items) width /= 2;
  VkPipelineShaderStageRequiredSubgroupSizeCreateInfoEXT subgroup{};
  subgroup.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO_EXT;
  subgroup.requiredSubgroupSize = width;
  if (found.min_subgroup < found.max_subgroup && items <= width * found.max_subgroups) info.stage.pNext = &subgroup;
  const VkResult result = device_.vk.vkCreateComputePipelines(device_.handle(), cache_, 1, &info, nullptr, &p.handle);
  device_.vk.vkDestroyShaderModule(device_.handle(), shader, nullptr);
  check(result, "a kernel can't be compiled", key.variant);
}

std::vector<const VulkanPipeline*> Pipelines::get(std::span<const Launch> launches) {
  const std::lock_guard lock(mutex_);
  std::vector<const VulkanPipeline*> list, fresh;
  Modules modules;
  for (const Launch& launch : launches) {
    VulkanPipeline& p = pipelines_[text_of(launch.pipeline)];
    list.push_back(&p);
    if (p.handle) continue;
    fresh.push_back(&p);
    make(launch, modules, p);
  }
  if (fresh.empty()) return list;
  if (device_.capabilities().device_class == gpu::DeviceClass::cpu) warm(fresh);
  const std::vector<std::byte> bytes = device_.has(Workaround::no_pipeline_cache) ? std::vector<std::byte>() : save();
  if (!bytes.empty() && bytes.size() != saved_bytes_) {
    disk_.write(file_, identity_, bytes);
    saved_bytes_ = bytes.size();
  }
  return list;
}

void Pipelines::warm(std::span<const VulkanPipeline* const> fresh) {
  constexpr uint64_t kBytes = 512;
  VulkanMemory any(device_, kBytes);
  Bindings bindings(device_);
  for (const VulkanPipeline* p : fresh) bindings.count(*p);
  bindings.make_pool();
  std::vector<VkDescriptorSet> sets;
  for (const VulkanPipeline* p : fresh) {
    const std::vector<Bindings::Range> ranges(p->kinds.size(), {&any, 0, kBytes});
    sets.push_back(bindings.set_for(*p, ranges));
  }
  device_.run_now([&](VkCommandBuffer commands) {
    for (size_t i = 0; i < fresh.size(); ++i) {
      device_.vk.vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, fresh[i]->handle);
      device_.vk.vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, fresh[i]->layout, 0, 1, &sets[i], 0, nullptr);
      const std::array<std::byte, 128> nothing{};
      device_.vk.vkCmdPushConstants(commands, fresh[i]->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, nothing.size(), nothing.data());
      device_.vk.vkCmdDispatch(commands, 1, 1, 1);
      order_kernels(device_.vk, commands);
    }
  });
}

std::vector<std::byte> Pipelines::save() {
  size_t size = 0;
  if (device_.vk.vkGetPipelineCacheData(device_.handle(), cache_, &size, nullptr) != VK_SUCCESS) return {};
  if (size <= sizeof(CacheHeader)) return {};
  std::vector<std::byte> bytes(size);
  if (device_.vk.vkGetPipelineCacheData(device_.handle(), cache_, &size, bytes.data()) != VK_SUCCESS) return {};
  bytes.resize(size);
  return bytes;
}

void Pipelines::load(std::span<const std::byte> bytes) {
  if (!header_fits(bytes, device_.found().properties) || device_.has(Workaround::no_pipeline_cache)) return;
  VkPipelineCacheCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO;
  info.initialDataSize = bytes.size();
  info.pInitialData = bytes.data();
  VkPipelineCache other;
  if (device_.vk.vkCreatePipelineCache(device_.handle(), &info, nullptr, &other) != VK_SUCCESS) return;
  const std::lock_guard lock(mutex_);
  device_.vk.vkMergePipelineCaches(device_.handle(), cache_, 1, &other);
  device_.vk.vkDestroyPipelineCache(device_.handle(), other, nullptr);
}

}  // namespace motley::vulkan
