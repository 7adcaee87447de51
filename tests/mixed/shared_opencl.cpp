// OpenCL for tests: the machine's library, whose devices take memory by file descriptor too, as Mesa's lavapipe gives
// it. So PoCL stands in for a GPU that Vulkan and OpenCL drive both. TEST_DEVICE_UUID and TEST_DRIVER_UUID, in
// hexadecimal digits, are what its devices are called. All else is found in the library that this one is linked with.
#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

template <class F>
F real(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

std::atomic<int> acquired{0}, released{0};

cl_int CL_API_CALL acquire(cl_command_queue queue, cl_uint, const cl_mem*, cl_uint, const cl_event*, cl_event*) {
  ++acquired;
  return clEnqueueMarkerWithWaitList(queue, 0, nullptr, nullptr);
}
cl_int CL_API_CALL release(cl_command_queue queue, cl_uint, const cl_mem*, cl_uint, const cl_event*, cl_event*) {
  ++released;
  return clEnqueueMarkerWithWaitList(queue, 0, nullptr, nullptr);
}

cl_int give(const void* from, size_t bytes, size_t room, void* to, size_t* size) {
  if (size) *size = bytes;
  if (!to) return CL_SUCCESS;
  if (room < bytes) return CL_INVALID_VALUE;
  std::memcpy(to, from, bytes);
  return CL_SUCCESS;
}

cl_int give_uuid(const char* variable, size_t room, void* to, size_t* size) {
  const char* digits = std::getenv(variable);
  if (!digits || std::strlen(digits) != 2 * CL_UUID_SIZE_KHR) return CL_INVALID_VALUE;
  unsigned char uuid[CL_UUID_SIZE_KHR];
  for (size_t i = 0; i < sizeof uuid; ++i)
    uuid[i] = static_cast<unsigned char>(std::stoi(std::string(digits + 2 * i, 2), nullptr, 16));
  return give(uuid, sizeof uuid, room, to, size);
}

// How lavapipe begins the file in which it keeps memory that it exports.
struct Header {
  size_t size;    // of the file, this included
  size_t offset;  // of the memory
};

struct Mapping {
  void* begin;
  size_t bytes;
};
void CL_CALLBACK unmap(cl_mem, void* user) {
  auto* mapping = static_cast<Mapping*>(user);
  munmap(mapping->begin, mapping->bytes);
  delete mapping;
}

cl_mem import(cl_context context, int fd, size_t size, cl_int* status) {
  *status = CL_INVALID_VALUE;
  Header header{};
  struct stat file {};
  if (pread(fd, &header, sizeof header, 0) != sizeof header || fstat(fd, &file) != 0) return nullptr;
  if (header.size > static_cast<size_t>(file.st_size) || header.offset > header.size ||
      header.size - header.offset < size)
    return nullptr;
  void* begin = mmap(nullptr, header.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (begin == MAP_FAILED) return nullptr;
  cl_mem mem = clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, size,
                              static_cast<char*>(begin) + header.offset, status);
  if (*status == CL_SUCCESS) {
    clSetMemObjectDestructorCallback(mem, unmap, new Mapping{begin, header.size});
    close(fd);  // it is ours now
  } else {
    munmap(begin, header.size);
  }
  return mem;
}

}  // namespace

// How often memory was acquired (0) or released (1).
EXPORT int motley_test_shared_calls(int which) { return which ? released : acquired; }

EXPORT cl_int CL_API_CALL clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t room, void* to,
                                          size_t* size) {
  static const auto next = real<decltype(&clGetDeviceInfo)>("clGetDeviceInfo");
  if (what == CL_DEVICE_UUID_KHR) return give_uuid("TEST_DEVICE_UUID", room, to, size);
  if (what == CL_DRIVER_UUID_KHR) return give_uuid("TEST_DRIVER_UUID", room, to, size);
  if (what != CL_DEVICE_EXTENSIONS) return next(device, what, room, to, size);
  size_t bytes = 0;
  if (const cl_int status = next(device, what, 0, nullptr, &bytes); status != CL_SUCCESS) return status;
  std::string text(bytes, '\0');
  if (const cl_int status = next(device, what, bytes, text.data(), nullptr); status != CL_SUCCESS) return status;
  text.resize(std::strlen(text.c_str()));
  text += " cl_khr_external_memory cl_khr_external_memory_opaque_fd cl_khr_device_uuid";
  return give(text.c_str(), text.size() + 1, room, to, size);
}

EXPORT void* CL_API_CALL clGetExtensionFunctionAddressForPlatform(cl_platform_id platform, const char* name) {
  if (std::strcmp(name, "clEnqueueAcquireExternalMemObjectsKHR") == 0) return reinterpret_cast<void*>(acquire);
  if (std::strcmp(name, "clEnqueueReleaseExternalMemObjectsKHR") == 0) return reinterpret_cast<void*>(release);
  static const auto next =
      real<decltype(&clGetExtensionFunctionAddressForPlatform)>("clGetExtensionFunctionAddressForPlatform");
  return next(platform, name);
}

EXPORT cl_mem CL_API_CALL clCreateBufferWithProperties(cl_context context, const cl_mem_properties* properties,
                                                       cl_mem_flags flags, size_t size, void* host, cl_int* status) {
  if (properties && properties[0] == CL_EXTERNAL_MEMORY_HANDLE_OPAQUE_FD_KHR)
    return import(context, static_cast<int>(properties[1]), size, status);
  return clCreateBuffer(context, flags, size, host, status);
}
