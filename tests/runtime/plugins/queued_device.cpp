// The queued device as a plugin.
#include "queued_device.hpp"

extern "C" MOTLEY_PLUGIN_EXPORT const motley_plugin* motley_plugin_entry(uint32_t abi, const motley_host*) {
  static const motley_plugin plugin = motley::test::queued::make_plugin();
  return (abi >> 16) == MOTLEY_ABI_MAJOR ? &plugin : nullptr;
}
