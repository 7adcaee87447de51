// From a kernel's text to a program: options, the cache of binaries, the compiler's own words on failure.
#include <algorithm>
#include <array>

#include "device.hpp"
#include "sources.hpp"

namespace motley::opencl {

namespace {

std::string options_of(const PipelineKey& key, const gpu::Variant& variant, const Capabilities& device) {
  std::string options = "-cl-std=CL1.2 -w";  // warnings would go to the process' stderr
  const std::string defines = variant.defines;
  for (size_t at = 0; at < defines.size();) {
    const size_t end = std::min(defines.find(' ', at), defines.size());
    if (end > at) options += " -D" + defines.substr(at, end - at);
    at = end + 1;
  }
  for (size_t i = 0; i < key.constants.size(); ++i)
    options += " -DSPEC_" + std::to_string(i) + "=" + std::to_string(key.constants[i]);
  if (device.device_class == gpu::DeviceClass::cpu && !device.float16_arithmetic) options += " -DSOFT_HALF=1";
  const std::array names{"X", "Y", "Z"};
  for (size_t i = 0; i < 3; ++i) options += std::string(" -DGROUP_") + names[i] + "=" + std::to_string(key.group[i]);
  return options;
}

const gpu::Variant& variant_of(const PipelineKey& key) {
  const gpu::Variant* variant = gpu::find_variant(key.variant);
  if (!variant) throw StatusError(MOTLEY_INTERNAL, "there is no kernel variant \"" + key.variant + "\"");
  return *variant;
}

std::string file_name(const gpu::Variant& variant, const std::string& options) {
  std::array<char, 17> digits;
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(gpu::hash(options)));
  return std::string(variant.name) + "-" + digits.data();
}

}  // namespace

cl_program ClDevice::build_binary(std::span<const std::byte> bytes, const std::string& options) {
  if (bytes.empty()) return nullptr;
  const size_t size = bytes.size();
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  cl_int status = CL_SUCCESS, binary_status = CL_SUCCESS;
  cl_program program =
      cl.clCreateProgramWithBinary(context_, 1, &found_.device, &size, &data, &binary_status, &status);
  if (status != CL_SUCCESS || binary_status != CL_SUCCESS) {
    if (program) cl.clReleaseProgram(program);
    return nullptr;
  }
  if (cl.clBuildProgram(program, 1, &found_.device, options.c_str(), nullptr, nullptr) == CL_SUCCESS) return program;
  cl.clReleaseProgram(program);
  return nullptr;
}

std::vector<std::byte> ClDevice::binary_of(cl_program program) const {
  size_t size = 0;
  if (cl.clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, nullptr) != CL_SUCCESS || size == 0) return {};
  std::vector<std::byte> bytes(size);
  auto* data = reinterpret_cast<unsigned char*>(bytes.data());
  if (cl.clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof data, &data, nullptr) != CL_SUCCESS) return {};
  return bytes;
}

cl_program ClDevice::build(const PipelineKey& key, const std::string& name) {
  const gpu::Variant& variant = variant_of(key);
  const std::string options = options_of(key, variant, capabilities_);
  const bool binaries = !has(Workaround::no_program_binaries);
  const bool disk = binaries && !has(Workaround::driver_caches) && disk_.is_on();
  if (binaries) {
    const auto imported = imported_.find(name);
    if (imported != imported_.end())
      if (cl_program program = build_binary(imported->second, options)) return program;
    if (disk)
      if (cl_program program = build_binary(disk_.read(name, identity_), options)) return program;
  }

  cl_program program = build_source(key, options);
  try {
    if (disk) disk_.write(name, identity_, binary_of(program));
  } catch (...) {
    cl.clReleaseProgram(program);
    throw;
  }
  return program;
}

cl_program ClDevice::build_source(const PipelineKey& key, const std::string& options) {
  const std::array texts{gpu::text_of("opencl"), gpu::text_of(variant_of(key).kernel)};
  std::array starts{texts[0].data(), texts[1].data()};
  const std::array lengths{texts[0].size(), texts[1].size()};
  cl_int status = CL_SUCCESS;
  cl_program program = cl.clCreateProgramWithSource(context_, 2, starts.data(), lengths.data(), &status);
  check(status, "a program can't be made");
  if (cl.clBuildProgram(program, 1, &found_.device, options.c_str(), nullptr, nullptr) == CL_SUCCESS) return program;
  std::string error;
  try {
    size_t size = 0;
    cl.clGetProgramBuildInfo(program, found_.device, CL_PROGRAM_BUILD_LOG, 0, nullptr, &size);
    std::string log(size, '\0');
    if (size) cl.clGetProgramBuildInfo(program, found_.device, CL_PROGRAM_BUILD_LOG, size, log.data(), nullptr);
    error = "kernel " + key.variant + " does not compile with " + options + ": " + log.c_str();
  } catch (...) {
    cl.clReleaseProgram(program);
    throw;
  }
  cl.clReleaseProgram(program);
  throw StatusError(MOTLEY_INTERNAL, error);
}

const ClDevice::Program& ClDevice::program(const PipelineKey& key) {
  const gpu::Variant& variant = variant_of(key);
  const std::string options = options_of(key, variant, capabilities_);
  const std::lock_guard lock(programs_mutex_);
  Program& p = programs_[key.variant + " " + options];
  if (!p.program) {
    p.name = file_name(variant, options);
    p.program = build(key, p.name);
  }
  return p;
}

cl_kernel ClDevice::make_kernel(const PipelineKey& key) {
  const Program& p = program(key);
  cl_int status = CL_SUCCESS;
  const cl_kernel kernel = cl.clCreateKernel(p.program, variant_of(key).kernel, &status);
  check(status, "a kernel can't be made", key.variant);
  return kernel;
}

std::vector<std::byte> ClDevice::save_binaries(std::span<const PipelineKey> keys) {
  std::vector<std::byte> content;
  if (has(Workaround::no_program_binaries)) return content;
  for (const PipelineKey& key : keys) {
    const Program& p = program(key);
    gpu::append_blob(content, std::as_bytes(std::span(p.name.data(), p.name.size())));
    gpu::append_blob(content, binary_of(p.program));
  }
  return content;
}

void ClDevice::load_binaries(std::span<const std::byte> bytes) {
  const std::lock_guard lock(programs_mutex_);
  for (std::span<const std::byte> name, binary; gpu::take_blob(bytes, name) && gpu::take_blob(bytes, binary);)
    imported_[std::string(reinterpret_cast<const char*>(name.data()), name.size())].assign(binary.begin(), binary.end());
}

}  // namespace motley::opencl
