// OpenCL's functions, found at run time.
#include "loader.hpp"

#include <dlfcn.h>

#include <array>
#include <cstdlib>
#include <vector>

#include "motley/sdk/kernel.hpp"

namespace motley::opencl {

namespace {

// The loader first; then where Android's vendors put theirs, which apps may open by these names.
constexpr std::array kLibraries{
    "libOpenCL.so.1",
    "libOpenCL.so",
    "libOpenCL-pixel.so",
    "libOpenCL-car.so",
    "/vendor/lib64/libOpenCL.so",
    "/system/vendor/lib64/libOpenCL.so",
    "/system/lib64/libOpenCL.so",
    "/vendor/lib64/egl/libGLES_mali.so",
    "/system/vendor/lib64/egl/libGLES_mali.so",
    "/vendor/lib/libOpenCL.so",
    "/system/vendor/lib/libOpenCL.so",
    "/vendor/lib/egl/libGLES_mali.so",
};

struct Loaded {
  Functions functions;
  bool complete = false;
  std::string explanation;
};

Loaded load() {
  Loaded loaded;
  std::vector<const char*> libraries(kLibraries.begin(), kLibraries.end());
  if (const char* chosen = std::getenv("MOTLEY_OPENCL_LIBRARY"); chosen && *chosen) libraries = {chosen};
  for (const char* name : libraries) {
    void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) continue;
    const char* missing = nullptr;
#define MOTLEY_FIND(function)                                                                                     \
  loaded.functions.function = reinterpret_cast<decltype(loaded.functions.function)>(dlsym(library, #function)); \
  if (!loaded.functions.function) missing = #function;
    MOTLEY_OPENCL_FUNCTIONS(MOTLEY_FIND)
#undef MOTLEY_FIND
#define MOTLEY_FIND_OPTIONAL(function) \
  loaded.functions.function = reinterpret_cast<decltype(loaded.functions.function)>(dlsym(library, #function));
    MOTLEY_OPENCL_OPTIONAL_FUNCTIONS(MOTLEY_FIND_OPTIONAL)
#undef MOTLEY_FIND_OPTIONAL
    if (!missing) {
      loaded.complete = true;
      return loaded;
    }
    loaded.explanation += std::string(name) + " has no " + missing + "; ";
  }
  loaded.explanation += "no usable OpenCL library was found (on Debian: apt-get install ocl-icd-libopencl1 and a driver)";
  return loaded;
}

struct Name {
  cl_int status;
  const char* text;
};
constexpr std::array kNames{
    Name{CL_DEVICE_NOT_AVAILABLE, "the device is not available"},
    Name{CL_COMPILER_NOT_AVAILABLE, "the driver has no compiler"},
    Name{CL_MEM_OBJECT_ALLOCATION_FAILURE, "the device has not enough memory"},
    Name{CL_OUT_OF_RESOURCES, "the device is out of resources"},
    Name{CL_OUT_OF_HOST_MEMORY, "the driver is out of host memory"},
    Name{CL_BUILD_PROGRAM_FAILURE, "a kernel does not compile"},
    Name{CL_MAP_FAILURE, "memory cannot be mapped"},
    Name{CL_INVALID_VALUE, "a value is invalid"},
    Name{CL_INVALID_BUFFER_SIZE, "the size of a buffer is invalid"},
    Name{CL_INVALID_KERNEL_ARGS, "kernel arguments are not set"},
    Name{CL_INVALID_WORK_GROUP_SIZE, "the work group's size is invalid"},
    Name{CL_INVALID_BINARY, "a program's binary is invalid"},
};

}  // namespace

const Functions* functions(std::string& explanation) {
  static const Loaded* loaded = new Loaded(load());
  if (loaded->complete) return &loaded->functions;
  explanation = loaded->explanation;
  return nullptr;
}

void check(cl_int status, const char* what, const std::string& name) {
  if (status != CL_SUCCESS) check(status, (what + (" (" + name + ")")).c_str());
}

void check(cl_int status, const char* what) {
  if (status == CL_SUCCESS) return;
  std::string text = std::string(what) + ": ";
  const Name* known = nullptr;
  for (const Name& n : kNames)
    if (n.status == status) known = &n;
  text += known ? known->text : "OpenCL error";
  text += " (" + std::to_string(status) + ")";
  const bool memory = status == CL_MEM_OBJECT_ALLOCATION_FAILURE || status == CL_OUT_OF_RESOURCES ||
                      status == CL_OUT_OF_HOST_MEMORY || status == CL_INVALID_BUFFER_SIZE;
  throw sdk::StatusError(memory                               ? MOTLEY_OUT_OF_MEMORY
                         : status == CL_DEVICE_NOT_AVAILABLE ? MOTLEY_DEVICE_LOST
                                                              : MOTLEY_INTERNAL,
                         text);
}

}  // namespace motley::opencl
