// A GPU plugin that can lose its device at any call: all of another plugin, MOTLEY_LOSING_LIBRARY, passed through and
// counted.
#include <cstdio>

#include "plugin_library.hpp"
#include "virtual_gpu.hpp"

namespace motley::test {
namespace {

VirtualGpuControl& control() {
  static auto& one = *new VirtualGpuControl;
  return one;
}
const motley_plugin* inner = nullptr;
std::atomic<bool> lost{false};

// Whether this call reaches the device. One that fails as lost makes all later ones fail, until the device is opened
// again.
bool fails(motley_error* error) {
  VirtualGpuControl& c = control();
  if (c.calls++ == c.fail_at) lost = true;
  if (lost && error && error->text && error->capacity > 0)
    std::snprintf(error->text, error->capacity, "the device is lost, as the test wants it");
  return lost;
}

// `*member` of the plugin, with the error text as its last argument, or without one.
template <auto member, class Function = std::remove_reference_t<decltype(motley_plugin{}.*member)>>
struct Through;
template <auto member, class... Arguments>
struct Through<member, motley_status (*)(Arguments...)> {
  static motley_error* error_of(motley_error* error) { return error; }
  template <class T>
  static motley_error* error_of(T) {
    return nullptr;
  }
  static motley_status call(Arguments... arguments) {
    if (fails((error_of(arguments), ...))) return MOTLEY_DEVICE_LOST;
    return (inner->*member)(arguments...);
  }
};
template <auto member>
void pass_through(motley_plugin& plugin) {
  if (inner->*member) plugin.*member = Through<member>::call;
}

motley_status open_again(uint32_t index, motley_device** device, motley_error* error) {
  ++control().opened;
  lost = false;
  return fails(error) ? MOTLEY_DEVICE_LOST : inner->device_open(index, device, error);
}

void wrap(motley_plugin& plugin) {
  plugin = *inner;
  plugin.id = "losing";
  plugin.device_open = open_again;
  pass_through<&motley_plugin::query_support>(plugin);
  pass_through<&motley_plugin::compile>(plugin);
  pass_through<&motley_plugin::exec_requirements>(plugin);
  pass_through<&motley_plugin::buffer_alloc>(plugin);
  pass_through<&motley_plugin::buffer_import>(plugin);
  pass_through<&motley_plugin::buffer_map>(plugin);
  pass_through<&motley_plugin::buffer_map_for>(plugin);
  pass_through<&motley_plugin::queue_create>(plugin);
  pass_through<&motley_plugin::fence_wait>(plugin);
  pass_through<&motley_plugin::submit>(plugin);
  pass_through<&motley_plugin::copy>(plugin);
}

}  // namespace
}  // namespace motley::test

extern "C" MOTLEY_PLUGIN_EXPORT motley::test::VirtualGpuControl* motley_virtual_gpu_control() {
  return &motley::test::control();
}

extern "C" MOTLEY_PLUGIN_EXPORT const motley_plugin* motley_plugin_entry(uint32_t abi, const motley_host* host) {
  using namespace motley::test;
  static motley_plugin plugin{};
  if (plugin.struct_size) return &plugin;
  inner = plugin_of(MOTLEY_LOSING_LIBRARY, abi, *host);
  if (!inner) return nullptr;
  wrap(plugin);
  return &plugin;
}
