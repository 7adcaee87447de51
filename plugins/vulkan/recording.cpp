// Submitting, descriptors, and the recording of launches.
#include "recording.hpp"

#include <algorithm>

namespace motley::vulkan {

void submit_to(VulkanDevice& device, VulkanDevice::SharedQueue& queue, std::span<const VkCommandBuffer> commands,
               std::span<const Point> waits, std::span<const Point> signals) {
  std::vector<VkSemaphore> wait_semaphores, signal_semaphores;
  std::vector<uint64_t> wait_values, signal_values;
  for (const Point& p : waits) wait_semaphores.push_back(p.semaphore), wait_values.push_back(p.value);
  for (const Point& p : signals) signal_semaphores.push_back(p.semaphore), signal_values.push_back(p.value);
  const std::vector<VkPipelineStageFlags> stages(waits.size(), VK_PIPELINE_STAGE_ALL_COMMANDS_BIT);
  VkTimelineSemaphoreSubmitInfo values{};
  values.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO;
  values.waitSemaphoreValueCount = static_cast<uint32_t>(wait_values.size());
  values.pWaitSemaphoreValues = wait_values.data();
  values.signalSemaphoreValueCount = static_cast<uint32_t>(signal_values.size());
  values.pSignalSemaphoreValues = signal_values.data();
  VkSubmitInfo info{};
  info.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
  info.pNext = &values;
  info.waitSemaphoreCount = static_cast<uint32_t>(wait_semaphores.size());
  info.pWaitSemaphores = wait_semaphores.data();
  info.pWaitDstStageMask = stages.data();
  info.commandBufferCount = static_cast<uint32_t>(commands.size());
  info.pCommandBuffers = commands.data();
  info.signalSemaphoreCount = static_cast<uint32_t>(signal_semaphores.size());
  info.pSignalSemaphores = signal_semaphores.data();
  const std::lock_guard lock(queue.mutex);
  check(device.vk.vkQueueSubmit(queue.handle, 1, &info, VK_NULL_HANDLE), "work can't be submitted");
}

namespace {

constexpr VkAccessFlags kKernelAccess = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT;
constexpr VkAccessFlags kCopyAccess = VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
constexpr VkPipelineStageFlags kDeviceStages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;

void order(const DeviceFunctions& vk, VkCommandBuffer commands, VkPipelineStageFlags before, VkPipelineStageFlags after,
           VkAccessFlags written, VkAccessFlags used) {
  VkMemoryBarrier barrier{};
  barrier.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER;
  barrier.srcAccessMask = written;
  barrier.dstAccessMask = used;
  vk.vkCmdPipelineBarrier(commands, before, after, 0, 1, &barrier, 0, nullptr, 0, nullptr);
}

}  // namespace

void order_memory(const DeviceFunctions& vk, VkCommandBuffer commands) {
  order(vk, commands, kDeviceStages, kDeviceStages | VK_PIPELINE_STAGE_HOST_BIT,
        VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT, kKernelAccess | kCopyAccess | VK_ACCESS_HOST_READ_BIT);
}

void order_kernels(const DeviceFunctions& vk, VkCommandBuffer commands) {
  constexpr VkPipelineStageFlags compute = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
  order(vk, commands, compute, compute, VK_ACCESS_SHADER_WRITE_BIT, kKernelAccess);
}

namespace {

// One half of handing a buffer from queue family to queue family, of which one is not ours.
void hand_over(const VulkanDevice& device, VkCommandBuffer commands, const VulkanMemory& memory, bool to_us) {
  constexpr VkPipelineStageFlags all = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
  VkBufferMemoryBarrier barrier{};
  barrier.sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER;
  barrier.srcAccessMask = to_us ? 0 : VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
  barrier.dstAccessMask = to_us ? kKernelAccess | kCopyAccess : 0;
  barrier.srcQueueFamilyIndex = to_us ? VK_QUEUE_FAMILY_EXTERNAL : device.found().queue_family;
  barrier.dstQueueFamilyIndex = to_us ? device.found().queue_family : VK_QUEUE_FAMILY_EXTERNAL;
  barrier.buffer = memory.buffer();
  barrier.size = VK_WHOLE_SIZE;
  device.vk.vkCmdPipelineBarrier(commands, to_us ? all : kDeviceStages, to_us ? kDeviceStages : all, 0, 0, nullptr, 1,
                                 &barrier, 0, nullptr);
}

}  // namespace

void take_over(const VulkanDevice& device, VkCommandBuffer commands, const VulkanMemory& memory) {
  if (memory.is_shared()) hand_over(device, commands, memory, true);
}
void hand_on(const VulkanDevice& device, VkCommandBuffer commands, const VulkanMemory& memory) {
  if (memory.is_shared()) hand_over(device, commands, memory, false);
}

// ---- descriptors ----

Bindings::~Bindings() {
  for (const auto& [range, view] : views_) device_.vk.vkDestroyBufferView(device_.handle(), view, nullptr);
  if (pool_) device_.vk.vkDestroyDescriptorPool(device_.handle(), pool_, nullptr);
}

void Bindings::count(const VulkanPipeline& pipeline) {
  ++sets_;
  for (Kind kind : pipeline.kinds) ++(kind == Kind::texels ? texels_ : storage_);
}

void Bindings::make_pool() {
  std::vector<VkDescriptorPoolSize> sizes;
  if (storage_) sizes.push_back({VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, storage_});
  if (texels_) sizes.push_back({VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, texels_});
  if (sizes.empty()) return;
  VkDescriptorPoolCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO;
  info.maxSets = sets_;
  info.poolSizeCount = static_cast<uint32_t>(sizes.size());
  info.pPoolSizes = sizes.data();
  check(device_.vk.vkCreateDescriptorPool(device_.handle(), &info, nullptr, &pool_), "a descriptor pool can't be made");
}

VkBufferView Bindings::view_of(const Range& range) {
  VkBufferView& view = views_[{range.memory->id(), range.offset, range.bytes, range.half}];
  if (view) return view;
  VkBufferViewCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO;
  info.buffer = range.memory->buffer();
  info.format = range.half ? VK_FORMAT_R16G16B16A16_SFLOAT : VK_FORMAT_R32G32B32A32_SFLOAT;
  info.offset = range.offset;
  info.range = range.bytes;
  check(device_.vk.vkCreateBufferView(device_.handle(), &info, nullptr, &view), "a buffer view can't be made");
  return view;
}

VkDescriptorSet Bindings::set_for(const VulkanPipeline& pipeline, std::span<const Range> ranges) {
  VkDescriptorSetAllocateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO;
  info.descriptorPool = pool_;
  info.descriptorSetCount = 1;
  info.pSetLayouts = &pipeline.set_layout;
  VkDescriptorSet set;
  check(device_.vk.vkAllocateDescriptorSets(device_.handle(), &info, &set), "descriptors can't be allocated");
  std::vector<VkDescriptorBufferInfo> buffers(ranges.size());
  std::vector<VkBufferView> views(ranges.size());
  std::vector<VkWriteDescriptorSet> writes(ranges.size());
  for (uint32_t i = 0; i < ranges.size(); ++i) {
    const Range& r = ranges[i];
    const uint64_t room = r.memory->buffer_bytes() - r.offset;
    VkWriteDescriptorSet& w = writes[i];
    w.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET;
    w.dstSet = set;
    w.dstBinding = i;
    w.descriptorCount = 1;
    if (pipeline.kinds[i] == Kind::texels) {
      w.descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER;
      // Mesa 22 takes the second byte of a view's size for a number of mip levels, and compiles kernels once more where it is 0.
      // Every tensor has memory up to a multiple of 256 bytes.
      uint64_t bytes = std::max<uint64_t>((r.bytes + 15) / 16 * 16, 256);
      if (r.constant && (bytes >> 8 & 0xff) == 0) bytes += 256;
      views[i] = view_of({r.memory, r.offset, std::min(bytes, room / 16 * 16), r.half});
      w.pTexelBufferView = &views[i];
    } else {
      w.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
      buffers[i] = {r.memory->buffer(), r.offset, std::min((r.bytes + 3) / 4 * 4, room)};
      w.pBufferInfo = &buffers[i];
    }
  }
  device_.vk.vkUpdateDescriptorSets(device_.handle(), static_cast<uint32_t>(writes.size()), writes.data(), 0, nullptr);
  return set;
}

// ---- recording ----

Recording::Key Recording::key_of(std::span<const gpu::SlotMemory> slots) {
  Key key;
  for (const gpu::SlotMemory& s : slots)
    key.emplace_back(s.memory ? static_cast<const VulkanMemory*>(s.memory)->id() : 0, s.offset);
  return key;
}

Recording::Recording(VulkanDevice& device, VkCommandPool pool, Key k, std::shared_ptr<const gpu::Cut> c, bool with_times)
    : key(std::move(k)), cut(std::move(c)), timed(with_times), device_(device), pool_(pool), bindings_(device) {}

Recording::Recording(VulkanDevice& device, VkCommandPool pool, std::span<const Launch> launches,
                     std::span<const VulkanPipeline* const> pipelines, std::span<const gpu::SlotMemory> slots,
                     std::shared_ptr<const gpu::Cut> c, bool with_times)
    : Recording(device, pool, key_of(slots), std::move(c), with_times) {
  for (const VulkanPipeline* p : pipelines) bindings_.count(*p);
  bindings_.make_pool();
  if (timed && device_.found().timestamp_bits && !launches.empty()) {
    stamps_ = static_cast<uint32_t>(cut->slices.size() + cut->pieces.size());
    VkQueryPoolCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO;
    info.queryType = VK_QUERY_TYPE_TIMESTAMP;
    info.queryCount = stamps_;
    check(device_.vk.vkCreateQueryPool(device_.handle(), &info, nullptr, &queries_), "a query pool can't be made");
  }
  for (const gpu::SlotMemory& slot : slots) {
    const auto* memory = static_cast<const VulkanMemory*>(slot.memory);
    const bool known = std::find(shared_.begin(), shared_.end(), memory) != shared_.end();
    if (memory && memory->is_shared() && !known) shared_.push_back(memory);
  }
  std::vector<VkDescriptorSet> sets;
  for (size_t i = 0; i < launches.size(); ++i) {
    std::vector<Bindings::Range> ranges;
    for (const gpu::SlotBinding& b : launches[i].bindings) {
      const gpu::SlotMemory& slot = slots[b.slot];
      // A slot without bytes (an empty tensor) is bound to any memory: nothing is read from it.
      const auto* memory = static_cast<const VulkanMemory*>(slot.memory ? slot.memory : slots[0].memory);
      if (slot.memory && b.bytes)
        ranges.push_back({memory, memory->base() + slot.offset + b.offset, b.bytes, b.half_texels, b.slot == 0});
      else ranges.push_back({static_cast<const VulkanMemory*>(slots[0].memory), 0, 16, false, true});
    }
    sets.push_back(bindings_.set_for(*pipelines[i], ranges));
  }
  for (size_t i = 0; i < cut->slices.size(); ++i) record_slice(i, launches, pipelines, sets);
  if (!cut->slices.empty()) return;
  begin_slice();  // nothing to do, yet something to submit
  end_slice();
}

Recording::~Recording() {
  if (queries_) device_.vk.vkDestroyQueryPool(device_.handle(), queries_, nullptr);
  if (!slices_.empty())
    device_.vk.vkFreeCommandBuffers(device_.handle(), pool_, static_cast<uint32_t>(slices_.size()), slices_.data());
}

void Recording::begin_slice() {
  VkCommandBufferAllocateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO;
  info.commandPool = pool_;
  info.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
  info.commandBufferCount = 1;
  VkCommandBuffer& commands = slices_.emplace_back(VkCommandBuffer{});
  const VkResult result = device_.vk.vkAllocateCommandBuffers(device_.handle(), &info, &commands);
  if (result != VK_SUCCESS) slices_.pop_back();
  check(result, "a command buffer can't be made");
  VkCommandBufferBeginInfo begin{};
  begin.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
  begin.flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT;
  check(device_.vk.vkBeginCommandBuffer(commands, &begin), "commands can't be recorded");
  order_memory(device_.vk, commands);
  for (const VulkanMemory* memory : shared_) take_over(device_, commands, *memory);
}

void Recording::end_slice() {
  for (const VulkanMemory* memory : shared_) hand_on(device_, slices_.back(), *memory);
  order_memory(device_.vk, slices_.back());
  check(device_.vk.vkEndCommandBuffer(slices_.back()), "commands can't be recorded");
}

void Recording::stamp(size_t index) {
  if (queries_)
    device_.vk.vkCmdWriteTimestamp(slices_.back(), VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, queries_, static_cast<uint32_t>(index));
}

// Stamps of slice i: one at its begin, with number `slices[i].begin + i`, and one after each piece.
void Recording::record_slice(size_t slice, std::span<const Launch> launches, std::span<const VulkanPipeline* const> pipelines,
                             std::span<const VkDescriptorSet> sets) {
  const gpu::Cut::Slice& s = cut->slices[slice];
  begin_slice();
  const auto first_stamp = static_cast<uint32_t>(s.begin + slice);
  if (queries_) device_.vk.vkCmdResetQueryPool(slices_.back(), queries_, first_stamp, s.end - s.begin + 1);
  stamp(first_stamp);
  for (uint32_t at = s.begin; at < s.end; ++at) {
    const uint32_t launch = cut->pieces[at].launch;
    if (at > s.begin && (launches[launch].barrier || timed)) order_kernels(device_.vk, slices_.back());
    if (at == s.begin || cut->pieces[at - 1].launch != launch) bind(launches[launch], *pipelines[launch], sets[launch]);
    dispatch(cut->pieces[at]);
    stamp(at + slice + 1);
  }
  end_slice();
}

void Recording::bind(const Launch& launch, const VulkanPipeline& pipeline, VkDescriptorSet set) {
  const DeviceFunctions& vk = device_.vk;
  const VkCommandBuffer c = slices_.back();
  vk.vkCmdBindPipeline(c, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline.handle);
  vk.vkCmdBindDescriptorSets(c, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline.layout, 0, 1, &set, 0, nullptr);
  if (!launch.params.empty())
    vk.vkCmdPushConstants(c, pipeline.layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, static_cast<uint32_t>(launch.params.size()),
                          launch.params.data());
}

void Recording::dispatch(const gpu::Piece& p) {
  if (p.first == std::array<uint32_t, 3>{}) device_.vk.vkCmdDispatch(slices_.back(), p.groups[0], p.groups[1], p.groups[2]);
  else
    device_.vk.vkCmdDispatchBase(slices_.back(), p.first[0], p.first[1], p.first[2], p.groups[0], p.groups[1], p.groups[2]);
}

std::vector<std::pair<uint64_t, uint64_t>> Recording::times() const {
  std::vector<std::pair<uint64_t, uint64_t>> list;
  if (!queries_) return list;
  std::vector<uint64_t> ticks(stamps_);
  const VkResult result =
      device_.vk.vkGetQueryPoolResults(device_.handle(), queries_, 0, stamps_, ticks.size() * sizeof(uint64_t), ticks.data(),
                                       sizeof(uint64_t), VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT);
  if (result != VK_SUCCESS) return list;
  const uint32_t bits = device_.found().timestamp_bits;
  const uint64_t mask = bits >= 64 ? UINT64_MAX : (uint64_t{1} << bits) - 1;
  const auto period = static_cast<double>(device_.found().properties.limits.timestampPeriod);
  const auto ns = [&](uint64_t t) { return static_cast<uint64_t>(static_cast<double>(t & mask) * period); };
  for (size_t i = 0; i < cut->slices.size(); ++i)
    for (size_t at = cut->slices[i].begin; at < cut->slices[i].end; ++at) list.emplace_back(ns(ticks[at + i]), ns(ticks[at + i + 1]));
  return list;
}

void Recording::expect(const std::shared_ptr<Timeline>& timeline) {
  idle();
  for (const auto& p : pending_)
    if (p.first == timeline) return;
  pending_.emplace_back(timeline, 0);
}

void Recording::submitted(const std::shared_ptr<Timeline>& timeline, uint64_t value) {
  for (auto& p : pending_)
    if (p.first == timeline) p.second = value;
}

bool Recording::idle() {
  std::erase_if(pending_, [](const auto& p) { return p.first->value() >= p.second; });
  return pending_.empty();
}

void Recording::wait() {
  for (const auto& [timeline, value] : pending_) timeline->wait(value, UINT64_MAX);
  pending_.clear();
}

}  // namespace motley::vulkan
