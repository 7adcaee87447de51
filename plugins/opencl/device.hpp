// An OpenCL device: its capabilities by query, its memory, its compiled kernels.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "backend.hpp"
#include "cache.hpp"
#include "loader.hpp"
#include "workarounds.hpp"

namespace motley::opencl {

using gpu::Capabilities;
using gpu::Launch;
using gpu::PipelineKey;
using sdk::StatusError;

class ClDevice;

// A device as enumerated.
struct Found {
  cl_platform_id platform;
  cl_device_id device;
};
std::vector<Found> find_devices(const Functions& cl, std::string& explanation);
Capabilities query_capabilities(const Functions& cl, const Found& found, uint32_t index);

// What a device needs to work on memory of other devices and APIs (cl_khr_external_memory_opaque_fd,
// cl_khr_device_uuid).
struct SharedMemory {
  motley_device_identity identity{};  // zeros where it takes none
  clEnqueueAcquireExternalMemObjectsKHR_fn acquire = nullptr;
  clEnqueueReleaseExternalMemObjectsKHR_fn release = nullptr;
};
SharedMemory query_shared_memory(const Functions& cl, const Found& found);

class ClMemory final : public gpu::Memory {
 public:
  // New memory, or over `host` bytes where `flags` say so.
  ClMemory(ClDevice& device, cl_mem_flags flags, uint64_t size, void* host);
  // Over memory that another device, or the app, exported as a file descriptor. What the driver keeps is a duplicate.
  ClMemory(ClDevice& device, const motley_memory_handle& handle);
  ~ClMemory() override;
  uint64_t size() const override { return size_; }
  void* map(Access access) override;
  void unmap() override;
  cl_mem mem() const { return mem_; }
  // Never used again, unlike handles.
  uint64_t id() const { return id_; }
  // Others use it too: it is acquired before work on it, and released afterwards.
  bool is_shared() const { return shared_; }

 private:
  void* map_staged(Access access);
  void unmap_staged();
  ClDevice& device_;
  cl_mem mem_;
  uint64_t size_, id_;
  void* host_ = nullptr;  // the bytes that kernels work on, where these are the host's
  void* mapped_ = nullptr;
  bool shared_ = false, writes_back_ = false;
  std::unique_ptr<std::byte[]> staging_;  // while mapped: of shared memory, and with Workaround::staged_memory
};

class ClDevice final : public gpu::Device {
 public:
  ClDevice(const Functions& functions, const Found& found, uint32_t index);
  ~ClDevice() override;

  const Capabilities& capabilities() const override { return capabilities_; }
  uint32_t binding_alignment() const override { return 16; }
  std::unique_ptr<gpu::Memory> allocate(uint64_t bytes) override;
  std::unique_ptr<gpu::Memory> import_host(void* host, uint64_t bytes) override;
  motley_device_identity identity() const override { return shared_.identity; }
  std::unique_ptr<gpu::Memory> import_handle(const motley_memory_handle& handle) override;
  std::unique_ptr<gpu::Work> prepare(std::vector<Launch> launches, const gpu::Pacing& pacing) override;
  std::unique_ptr<gpu::Queue> create_queue() override;
  std::vector<std::byte> save_binaries(std::span<const PipelineKey> keys) override;
  void load_binaries(std::span<const std::byte> bytes) override;

  // A kernel object of its own arguments; the program is compiled once and kept.
  cl_kernel make_kernel(const PipelineKey& key);

  const Functions& cl;
  cl_context context() const { return context_; }
  cl_device_id id() const { return found_.device; }
  bool has(Workaround w) const { return workarounds_.count(w) != 0; }
  // What others wrote to these memories, which are shared, is seen by what is enqueued after `acquire`; what was
  // enqueued before `release` is seen by them.
  void acquire(cl_command_queue queue, std::span<const cl_mem> memories) const;
  void release(cl_command_queue queue, std::span<const cl_mem> memories) const;
  // For mapping; used under its mutex.
  cl_command_queue transfer_queue() const { return transfer_queue_; }
  std::mutex& transfer_mutex() { return transfer_mutex_; }
  // The device is the host's processor, and its kernels work on imported bytes themselves. Then mapping, which would
  // wake the driver's threads and wait for them, has nothing to do. Drivers that simulate a device keep copies of such
  // memory; so the first call tries it.
  bool is_the_host();
  // At once, or with the device (Workaround::keep_memory).
  void release(cl_mem memory);

 private:
  struct Program {
    cl_program program = nullptr;
    std::string name;  // of its file in the cache
  };
  const Program& program(const PipelineKey& key);
  cl_program build(const PipelineKey& key, const std::string& name);
  cl_program build_source(const PipelineKey& key, const std::string& options);
  cl_program build_binary(std::span<const std::byte> bytes, const std::string& options);
  std::vector<std::byte> binary_of(cl_program program) const;

  Found found_;
  Capabilities capabilities_;
  std::set<Workaround> workarounds_;
  SharedMemory shared_;
  std::string identity_;
  gpu::DiskCache disk_;
  cl_context context_ = nullptr;
  cl_command_queue transfer_queue_ = nullptr;
  std::mutex transfer_mutex_, programs_mutex_, kept_mutex_;
  std::optional<bool> is_the_host_;  // under transfer_mutex_
  std::vector<cl_mem> kept_;
  std::map<std::string, Program> programs_;                 // by options and kernel; its program null where that failed
  std::map<std::string, std::vector<std::byte>> imported_;  // binaries from the host's cache, by name
};

}  // namespace motley::opencl
