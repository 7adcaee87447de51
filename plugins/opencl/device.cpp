// An OpenCL device: enumeration, capabilities, memory.
#include "device.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "plugin.hpp"
#include "queue.hpp"

namespace motley::opencl {

namespace {

std::string text_of(const Functions& cl, cl_device_id device, cl_device_info what) {
  size_t size = 0;
  if (cl.clGetDeviceInfo(device, what, 0, nullptr, &size) != CL_SUCCESS || size == 0) return {};
  std::string text(size, '\0');
  if (cl.clGetDeviceInfo(device, what, size, text.data(), nullptr) != CL_SUCCESS) return {};
  while (!text.empty() && (text.back() == '\0' || text.back() == ' ')) text.pop_back();
  return text;
}
std::string platform_text(const Functions& cl, cl_platform_id platform, cl_platform_info what) {
  size_t size = 0;
  if (cl.clGetPlatformInfo(platform, what, 0, nullptr, &size) != CL_SUCCESS || size == 0) return {};
  std::string text(size, '\0');
  if (cl.clGetPlatformInfo(platform, what, size, text.data(), nullptr) != CL_SUCCESS) return {};
  while (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}
template <class T>
T value_of(const Functions& cl, cl_device_id device, cl_device_info what, T fallback) {
  T value = fallback;
  return cl.clGetDeviceInfo(device, what, sizeof value, &value, nullptr) == CL_SUCCESS ? value : fallback;
}
uint64_t next_id() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}
bool has_word(const std::string& text, const char* word) {
  return (" " + text + " ").find(" " + std::string(word) + " ") != std::string::npos;
}

}  // namespace

std::vector<Found> find_devices(const Functions& cl, std::string& explanation) {
  std::vector<Found> found;
  cl_uint count = 0;
  if (cl.clGetPlatformIDs(0, nullptr, &count) != CL_SUCCESS || count == 0) {
    explanation = "the OpenCL loader is there and no driver is (on Debian: apt-get install pocl-opencl-icd, or your GPU's)";
    return found;
  }
  std::vector<cl_platform_id> platforms(count);
  cl.clGetPlatformIDs(count, platforms.data(), nullptr);
  for (cl_platform_id platform : platforms) {
    cl_uint devices = 0;
    if (cl.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, nullptr, &devices) != CL_SUCCESS) continue;
    std::vector<cl_device_id> ids(devices);
    if (devices) cl.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, devices, ids.data(), nullptr);
    for (cl_device_id id : ids) {
      const bool usable = value_of<cl_bool>(cl, id, CL_DEVICE_AVAILABLE, CL_FALSE) &&
                          value_of<cl_bool>(cl, id, CL_DEVICE_COMPILER_AVAILABLE, CL_FALSE) &&
                          value_of<cl_bool>(cl, id, CL_DEVICE_ENDIAN_LITTLE, CL_TRUE);
      if (usable) found.push_back({platform, id});
      else explanation += text_of(cl, id, CL_DEVICE_NAME) + " is not available or has no compiler; ";
    }
  }
  if (found.empty() && explanation.empty()) explanation = "the OpenCL drivers have no device";
  // "opencl" is the device that most users want: a discrete GPU, another, then CPUs; drivers are listed in any order.
  const auto rank = [&](const Found& f) {
    if (value_of<cl_device_type>(cl, f.device, CL_DEVICE_TYPE, CL_DEVICE_TYPE_GPU) & CL_DEVICE_TYPE_CPU) return 2;
    return value_of<cl_bool>(cl, f.device, CL_DEVICE_HOST_UNIFIED_MEMORY, CL_FALSE) ? 1 : 0;
  };
  std::stable_sort(found.begin(), found.end(), [&](const Found& a, const Found& b) { return rank(a) < rank(b); });
  return found;
}

Capabilities query_capabilities(const Functions& cl, const Found& found, uint32_t index) {
  const cl_device_id d = found.device;
  Capabilities c;
  // The first is simply "opencl", others are "opencl:1", ….
  c.id = index == 0 ? "opencl" : std::to_string(index);
  c.name = text_of(cl, d, CL_DEVICE_NAME);
  c.vendor = text_of(cl, d, CL_DEVICE_VENDOR);
  c.driver = platform_text(cl, found.platform, CL_PLATFORM_NAME) + " " + text_of(cl, d, CL_DRIVER_VERSION) + " " +
             text_of(cl, d, CL_DEVICE_VERSION);
  const auto type = value_of<cl_device_type>(cl, d, CL_DEVICE_TYPE, CL_DEVICE_TYPE_GPU);
  c.unified_memory = value_of<cl_bool>(cl, d, CL_DEVICE_HOST_UNIFIED_MEMORY, CL_FALSE) != 0;
  c.device_class = type & CL_DEVICE_TYPE_CPU ? gpu::DeviceClass::cpu
                   : c.unified_memory        ? gpu::DeviceClass::integrated
                                             : gpu::DeviceClass::discrete;
  c.compute_units = value_of<cl_uint>(cl, d, CL_DEVICE_MAX_COMPUTE_UNITS, 1);
  c.clock_mhz = value_of<cl_uint>(cl, d, CL_DEVICE_MAX_CLOCK_FREQUENCY, 0);
  c.max_group_size = static_cast<uint32_t>(value_of<size_t>(cl, d, CL_DEVICE_MAX_WORK_GROUP_SIZE, 1));
  std::array<size_t, 8> sizes{};
  if (cl.clGetDeviceInfo(d, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof sizes, sizes.data(), nullptr) == CL_SUCCESS)
    for (size_t i = 0; i < 3; ++i) c.max_group[i] = static_cast<uint32_t>(std::max<size_t>(1, sizes[i]));
  c.local_bytes = value_of<cl_ulong>(cl, d, CL_DEVICE_LOCAL_MEM_SIZE, 0);
  c.local_is_fast = value_of<cl_device_local_mem_type>(cl, d, CL_DEVICE_LOCAL_MEM_TYPE, CL_GLOBAL) == CL_LOCAL;
  c.max_vector = 16;
  c.native_vector = std::max<cl_uint>(1, value_of<cl_uint>(cl, d, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, 1));
  c.memory_bytes = value_of<cl_ulong>(cl, d, CL_DEVICE_GLOBAL_MEM_SIZE, 0);
  c.max_buffer_bytes = value_of<cl_ulong>(cl, d, CL_DEVICE_MAX_MEM_ALLOC_SIZE, 0);
  const std::string extensions = text_of(cl, d, CL_DEVICE_EXTENSIONS);
  const std::string version = text_of(cl, d, CL_DEVICE_VERSION);
  c.storage_8bit = c.storage_16bit = true;  // OpenCL C 1.1 on
  c.int64 = text_of(cl, d, CL_DEVICE_PROFILE) != "EMBEDDED_PROFILE" || has_word(extensions, "cles_khr_int64");
  c.float64 = has_word(extensions, "cl_khr_fp64");
  c.float16_arithmetic = has_word(extensions, "cl_khr_fp16");
  c.int8_dot = has_word(extensions, "cl_khr_integer_dot_product");
  c.max_params_bytes = 512;
  gpu::follow_class_from_environment(c);
  return c;
}

SharedMemory query_shared_memory(const Functions& cl, const Found& found) {
  SharedMemory shared;
  const std::string extensions = text_of(cl, found.device, CL_DEVICE_EXTENSIONS);
  if (!cl.clCreateBufferWithProperties || !cl.clGetExtensionFunctionAddressForPlatform ||
      !has_word(extensions, "cl_khr_external_memory_opaque_fd") || !has_word(extensions, "cl_khr_device_uuid"))
    return shared;
  const auto find = [&](const char* name) { return cl.clGetExtensionFunctionAddressForPlatform(found.platform, name); };
  shared.acquire =
      reinterpret_cast<clEnqueueAcquireExternalMemObjectsKHR_fn>(find("clEnqueueAcquireExternalMemObjectsKHR"));
  shared.release =
      reinterpret_cast<clEnqueueReleaseExternalMemObjectsKHR_fn>(find("clEnqueueReleaseExternalMemObjectsKHR"));
  motley_device_identity own{};
  const auto read = [&](cl_device_info what, uint8_t(&uuid)[CL_UUID_SIZE_KHR]) {
    return cl.clGetDeviceInfo(found.device, what, sizeof uuid, uuid, nullptr) == CL_SUCCESS;
  };
  if (!shared.acquire || !shared.release || !read(CL_DEVICE_UUID_KHR, own.device_uuid) ||
      !read(CL_DRIVER_UUID_KHR, own.driver_uuid))
    return shared;
  own.imports = 1u << MOTLEY_HANDLE_OPAQUE_FD;
  shared.identity = own;
  return shared;
}

ClDevice::ClDevice(const Functions& functions, const Found& found, uint32_t index)
    : cl(functions),
      found_(found),
      capabilities_(query_capabilities(functions, found, index)),
      workarounds_(workarounds_for(platform_text(functions, found.platform, CL_PLATFORM_NAME), capabilities_.name,
                                   text_of(functions, found.device, CL_DRIVER_VERSION))),
      shared_(has(Workaround::no_shared_memory) ? SharedMemory{} : query_shared_memory(functions, found)),
      identity_(gpu::device_identity("opencl", capabilities_)),
      disk_("opencl") {
  cl_int status = CL_SUCCESS;
  const std::array<cl_context_properties, 3> properties{
      CL_CONTEXT_PLATFORM, reinterpret_cast<cl_context_properties>(found_.platform), 0};
  context_ = cl.clCreateContext(properties.data(), 1, &found_.device, nullptr, nullptr, &status);
  check(status, "a context can't be made");
  transfer_queue_ = cl.clCreateCommandQueue(context_, found_.device, 0, &status);
  if (status != CL_SUCCESS) cl.clReleaseContext(context_);
  check(status, "a queue can't be made");
}

ClDevice::~ClDevice() {
  for (auto& [key, program] : programs_)
    if (program.program) cl.clReleaseProgram(program.program);
  for (const cl_mem memory : kept_) cl.clReleaseMemObject(memory);
  cl.clReleaseCommandQueue(transfer_queue_);
  cl.clReleaseContext(context_);
}

void ClDevice::release(cl_mem memory) {
  if (!has(Workaround::keep_memory)) {
    cl.clReleaseMemObject(memory);
    return;
  }
  const std::lock_guard lock(kept_mutex_);
  kept_.push_back(memory);
}

std::unique_ptr<gpu::Memory> ClDevice::allocate(uint64_t bytes) {
  if (capabilities_.max_buffer_bytes && bytes > capabilities_.max_buffer_bytes)
    throw StatusError(MOTLEY_OUT_OF_MEMORY, "a buffer of " + std::to_string(bytes) +
                                                " bytes is more than the device allows (" +
                                                std::to_string(capabilities_.max_buffer_bytes) + ")");
  const cl_mem_flags flags = CL_MEM_READ_WRITE | (capabilities_.unified_memory ? CL_MEM_ALLOC_HOST_PTR : 0u);
  return std::make_unique<ClMemory>(*this, flags, bytes, nullptr);
}

std::unique_ptr<gpu::Memory> ClDevice::import_host(void* host, uint64_t bytes) {
  if (!capabilities_.unified_memory || has(Workaround::no_host_pointers))
    throw StatusError(MOTLEY_UNSUPPORTED, "the device does not share the host's memory");
  return std::make_unique<ClMemory>(*this, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, bytes, host);
}

std::unique_ptr<gpu::Memory> ClDevice::import_handle(const motley_memory_handle& handle) {
  return std::make_unique<ClMemory>(*this, handle);
}

void ClDevice::acquire(cl_command_queue queue, std::span<const cl_mem> memories) const {
  if (memories.empty()) return;
  check(shared_.acquire(queue, static_cast<cl_uint>(memories.size()), memories.data(), 0, nullptr, nullptr),
        "shared memory can't be acquired");
}
void ClDevice::release(cl_command_queue queue, std::span<const cl_mem> memories) const {
  if (memories.empty()) return;
  check(shared_.release(queue, static_cast<cl_uint>(memories.size()), memories.data(), 0, nullptr, nullptr),
        "shared memory can't be released");
}

bool ClDevice::is_the_host() {
  const std::lock_guard lock(transfer_mutex_);
  if (is_the_host_) return *is_the_host_;
  is_the_host_ = false;
  if (capabilities_.device_class != gpu::DeviceClass::cpu || has(Workaround::map_imports)) return false;
  alignas(64) std::array<uint8_t, 64> bytes{};
  const uint8_t written = 1;
  uint8_t read = 0;
  cl_int status = CL_SUCCESS;
  const cl_mem memory =
      cl.clCreateBuffer(context_, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, bytes.size(), bytes.data(), &status);
  if (status != CL_SUCCESS) return false;
  const volatile uint8_t& seen = bytes[0];
  bool same =
      cl.clEnqueueWriteBuffer(transfer_queue_, memory, CL_TRUE, 0, 1, &written, 0, nullptr, nullptr) == CL_SUCCESS &&
      seen == written;
  bytes[1] = 2;
  same = cl.clEnqueueReadBuffer(transfer_queue_, memory, CL_TRUE, 1, 1, &read, 0, nullptr, nullptr) == CL_SUCCESS &&
         read == 2 && same;
  release(memory);
  is_the_host_ = same;
  return same;
}

std::unique_ptr<gpu::Queue> ClDevice::create_queue() { return std::make_unique<ClQueue>(*this); }
std::unique_ptr<gpu::Work> ClDevice::prepare(std::vector<Launch> launches, const gpu::Pacing& pacing) {
  return std::make_unique<ClWork>(*this, std::move(launches), pacing);
}

ClMemory::ClMemory(ClDevice& device, cl_mem_flags flags, uint64_t size, void* host)
    : device_(device), size_(size), id_(next_id()) {
  cl_int status = CL_SUCCESS;
  mem_ = device_.cl.clCreateBuffer(device_.context(), flags, size, host, &status);
  check(status, host ? "host memory can't be imported" : "memory can't be allocated");
  if (host && device_.is_the_host()) host_ = host;
}

ClMemory::ClMemory(ClDevice& device, const motley_memory_handle& handle)
    : device_(device), size_(handle.size), id_(next_id()), shared_(true) {
  if (handle.offset)
    throw StatusError(MOTLEY_UNSUPPORTED, "OpenCL imports memory from its beginning only (the buffer is at " +
                                              std::to_string(handle.offset) + ")");
  const int fd = dup(handle.fd);
  if (fd < 0) throw StatusError(MOTLEY_INVALID_ARGUMENT, "the handle's file descriptor is not open");
  const std::array<cl_mem_properties, 6> properties{
      CL_EXTERNAL_MEMORY_HANDLE_OPAQUE_FD_KHR,           static_cast<cl_mem_properties>(fd), CL_DEVICE_HANDLE_LIST_KHR,
      reinterpret_cast<cl_mem_properties>(device_.id()), CL_DEVICE_HANDLE_LIST_END_KHR,      0};
  cl_int status = CL_SUCCESS;
  mem_ = device_.cl.clCreateBufferWithProperties(device_.context(), properties.data(), CL_MEM_READ_WRITE,
                                                 handle.memory_size, nullptr, &status);
  if (status != CL_SUCCESS) close(fd);  // else it is the driver's
  check(status, "memory can't be imported");
}

ClMemory::~ClMemory() {
  try {
    unmap();
  } catch (const std::exception&) {
    // Shared memory of a device that is lost.
  }
  device_.release(mem_);
}

void* ClMemory::map_staged(Access access) {
  auto copy = std::make_unique<std::byte[]>(size_);
  writes_back_ = access != Access::read;
  if (access == Access::write) {
    staging_ = std::move(copy);
    return mapped_ = staging_.get();
  }
  const std::span<const cl_mem> shared(&mem_, shared_ ? 1 : 0);
  device_.acquire(device_.transfer_queue(), shared);
  check(device_.cl.clEnqueueReadBuffer(device_.transfer_queue(), mem_, CL_TRUE, 0, size_, copy.get(), 0, nullptr,
                                       nullptr),
        "memory can't be read");
  device_.release(device_.transfer_queue(), shared);
  device_.cl.clFinish(device_.transfer_queue());
  staging_ = std::move(copy);
  return mapped_ = staging_.get();
}

void ClMemory::unmap_staged() {
  const std::unique_ptr<std::byte[]> copy = std::move(staging_);
  if (!writes_back_) return;
  const std::span<const cl_mem> shared(&mem_, shared_ ? 1 : 0);
  device_.acquire(device_.transfer_queue(), shared);
  device_.cl.clEnqueueWriteBuffer(device_.transfer_queue(), mem_, CL_TRUE, 0, size_, copy.get(), 0, nullptr, nullptr);
  device_.release(device_.transfer_queue(), shared);
}

void* ClMemory::map(Access access) {
  if (host_) return host_;
  const std::lock_guard lock(device_.transfer_mutex());
  if (shared_ || device_.has(Workaround::staged_memory)) return map_staged(access);
  const cl_map_flags flags = access == Access::read    ? CL_MAP_READ
                             : access == Access::write ? CL_MAP_WRITE_INVALIDATE_REGION
                                                       : CL_MAP_READ | CL_MAP_WRITE;
  cl_int status = CL_SUCCESS;
  mapped_ = device_.cl.clEnqueueMapBuffer(device_.transfer_queue(), mem_, CL_TRUE, flags, 0, size_, 0, nullptr, nullptr,
                                          &status);
  if (status != CL_SUCCESS) mapped_ = nullptr;
  check(status, "memory can't be mapped");
  return mapped_;
}

void ClMemory::unmap() {
  if (!mapped_) return;
  const std::lock_guard lock(device_.transfer_mutex());
  if (device_.has(Workaround::finish_before_unmap)) device_.cl.clFinish(device_.transfer_queue());
  if (staging_) unmap_staged();
  else device_.cl.clEnqueueUnmapMemObject(device_.transfer_queue(), mem_, mapped_, 0, nullptr, nullptr);
  device_.cl.clFinish(device_.transfer_queue());
  mapped_ = nullptr;
}

}  // namespace motley::opencl
