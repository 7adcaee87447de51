// A plugin with two devices that computes nothing, for tests of discovery; each build of it has one fault (or none).
#include <cstring>
#include <stdexcept>

#include "motley/plugin.h"

namespace {

enum Fault {
  none,
  null_entry,
  throwing_entry,
  wrong_major,
  newer_minor,
  missing_submit,
  no_id,
  tiny_struct,
  older_struct,
  init_fails,
  enumerate_fails,
  enumerate_throws,
  same_device_twice,
  unterminated_name,
  nameless_device,
  open_fails,
  open_gives_null
};
constexpr Fault kFault = MOTLEY_TEST_FAULT;

int opened = 0;
int started = 0;

void write(motley_error* error, const char* text) {
  std::strncpy(error->text, text, error->capacity - 1);
  error->text[error->capacity - 1] = '\0';
}

motley_status init(motley_error* error) {
  if (kFault == init_fails || ++started > 1) {
    write(error, kFault == init_fails ? "the driver is too old" : "init was called twice");
    return MOTLEY_UNSUPPORTED;
  }
  return MOTLEY_OK;
}

motley_status enumerate_devices(void* context, void (*found)(void*, const motley_device_info*), motley_error* error) {
  if (kFault == enumerate_throws) throw std::runtime_error("thrown across the border");
  if (kFault == enumerate_fails) {
    write(error, "the bus does not answer");
    return MOTLEY_DEVICE_LOST;
  }
  for (uint32_t index : {1u, 0u}) {
    motley_device_info info{};
    info.struct_size = sizeof info;
    info.index = index;
    info.kind = index == 0 ? MOTLEY_DEVICE_CPU : MOTLEY_DEVICE_NPU;
    std::strcpy(info.id, index == 0 || kFault == same_device_twice ? "testing" : "npu1");
    if (kFault == unterminated_name) std::memset(info.name, 'n', sizeof info.name);
    if (kFault == nameless_device) info.id[0] = '\0';
    found(context, &info);
  }
  return MOTLEY_OK;
}

motley_status device_open(uint32_t index, motley_device** device, motley_error* error) {
  if (kFault == open_fails) {
    write(error, "somebody else\nuses it");
    return MOTLEY_BUSY;
  }
  if (kFault == open_gives_null) return MOTLEY_OK;
  *device = reinterpret_cast<motley_device*>(static_cast<uintptr_t>(16 * (index + 1) + 4096 * ++opened));
  return MOTLEY_OK;
}

void device_close(motley_device*) {}
motley_status query_support(motley_device*, const motley_graph*, const motley_support_sink*, motley_error*) {
  return MOTLEY_OK;
}
motley_status compile(motley_device*, const motley_graph*, const motley_compile_options*, motley_executable**,
                      motley_error*) {
  return MOTLEY_UNSUPPORTED;
}
void exec_release(motley_executable*) {}
motley_status submit(motley_device*, motley_queue*, motley_executable*, const motley_submission*, motley_error*) {
  return MOTLEY_UNSUPPORTED;
}
motley_status fence_wait(motley_queue*, uint64_t, uint64_t, motley_error*) { return MOTLEY_OK; }

motley_plugin make_plugin() {
  motley_plugin p{};
  p.struct_size = kFault == tiny_struct    ? 12
                  : kFault == older_struct ? offsetof(motley_plugin, profile_read)
                                           : sizeof p;
  p.abi_version = kFault == wrong_major   ? (7u << 16)
                  : kFault == newer_minor ? MOTLEY_ABI_VERSION + 1
                                          : MOTLEY_ABI_VERSION;
  p.id = kFault == no_id ? nullptr : "testing";
  p.version = "1.2.3";
  p.build_id = "test";
  p.init = init;
  p.enumerate_devices = enumerate_devices;
  p.device_open = device_open;
  p.device_close = device_close;
  p.query_support = query_support;
  p.compile = compile;
  p.exec_release = exec_release;
  p.submit = kFault == missing_submit ? nullptr : submit;
  p.fence_wait = fence_wait;
  // Past what older_struct declares: the host must not see it.
  if (kFault == older_struct) p.profile_read = reinterpret_cast<decltype(p.profile_read)>(uintptr_t{1});
  return p;
}

}  // namespace

extern "C" const motley_plugin* motley_plugin_entry(uint32_t host_abi, const motley_host* host) {
  if (kFault == throwing_entry) throw 42;
  if (kFault == null_entry || host_abi != MOTLEY_ABI_VERSION || host->struct_size < sizeof(motley_host)) return nullptr;
  static const motley_plugin plugin = make_plugin();
  return &plugin;
}
