// The plugin's C functions over a Platform:
//
//     class MyPlatform : public motley::gpu::Platform { … };
//     MOTLEY_GPU_PLUGIN(MyPlatform)
//
// Every exception stops at the border and becomes a status and a message.
#pragma once

#include <atomic>

#include "cache.hpp"
#include "motley/plugin.hpp"
#include "segment.hpp"
#include "sources.hpp"
#include "tuning.hpp"

namespace motley::gpu {

using sdk::guarded;
using sdk::read_struct;
using sdk::StatusError;
using sdk::write_struct;

// What stands behind motley_device*, motley_buffer*, motley_queue*, motley_executable*.
struct OpenedDevice {
  std::unique_ptr<Device> device;
  std::string identity;  // of what it compiles
  Pacing pacing;         // where a compile does not say
};
struct Buffer {
  std::unique_ptr<Memory> memory;
};
struct OpenedQueue {
  std::unique_ptr<Queue> queue;
};
struct Compiled {
  Compiled(OpenedDevice& d, const motley_graph& graph, const motley_compile_options& options)
      : device(d), segment(*d.device, graph, options, pacing_of(d, options)), configs(configs_of(options)) {}

  static Pacing pacing_of(const OpenedDevice& device, const motley_compile_options& options);
  // "node config" lines, and the slice's, for export.
  static std::string configs_of(const motley_compile_options& options);

  OpenedDevice& device;
  Segment segment;
  std::string configs;
  std::atomic<bool> profiling{false};
};

// Fills everything of the C table but what names a platform.
void fill_plugin(motley_plugin& plugin);
std::string device_identity(const char* plugin, const Capabilities& capabilities);
motley_device_info describe(uint32_t index, const Capabilities& capabilities);
Pacing default_pacing(const Capabilities& capabilities);

// The host, for its clock and log. Set once, by the entry.
const motley_host*& host();

template <class PlatformT>
class PluginAdapter {
 public:
  static const motley_plugin* entry(uint32_t host_abi, const motley_host* given) noexcept {
    if ((host_abi >> 16) != MOTLEY_ABI_MAJOR || !given) return nullptr;
    try {
      host() = given;
      motley_plugin& p = state().plugin;
      fill_plugin(p);
      p.id = state().platform.id();
      p.build_id = state().build_id.c_str();
      p.enumerate_devices = enumerate_devices;
      p.device_open = device_open;
      return &p;
    } catch (...) {
      return nullptr;
    }
  }

 private:
  struct State {
    PlatformT platform;
    std::string build_id = kKernelsId;
    motley_plugin plugin{};
  };
  static State& state() {
    static State* instance = new State;  // never destroyed: the plugin outlives all static destructors
    return *instance;
  }
  static motley_status enumerate_devices(void* context, void (*found)(void*, const motley_device_info*),
                                         motley_error* error) {
    return guarded(error, [&] {
      std::string explanation;
      uint32_t index = 0;
      for (const Capabilities& c : state().platform.enumerate(explanation)) {
        const motley_device_info info = describe(index++, c);
        found(context, &info);
      }
      if (index == 0 && !explanation.empty() && host()->log)
        host()->log(host()->context, MOTLEY_LOG_INFO, (std::string(state().platform.id()) + ": " + explanation).c_str());
    });
  }
  static motley_status device_open(uint32_t index, motley_device** device, motley_error* error) {
    return guarded(error, [&] {
      auto opened = std::make_unique<OpenedDevice>();
      opened->device = state().platform.open(index);
      if (!opened->device) throw StatusError(MOTLEY_INVALID_ARGUMENT, "there is no device " + std::to_string(index));
      opened->identity = device_identity(state().platform.id(), opened->device->capabilities());
      opened->pacing = default_pacing(opened->device->capabilities());
      *device = reinterpret_cast<motley_device*>(opened.release());
    });
  }
};

}  // namespace motley::gpu

// Defines the plugin's one exported symbol.
#define MOTLEY_GPU_PLUGIN(PLATFORM)                                                                   \
  extern "C" MOTLEY_PLUGIN_EXPORT const motley_plugin* motley_plugin_entry(uint32_t host_abi_version, \
                                                                           const motley_host* host) { \
    return ::motley::gpu::PluginAdapter<PLATFORM>::entry(host_abi_version, host);                     \
  }
