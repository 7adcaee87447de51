// What identifies a device as far as measurements go.
#include "table/fingerprint.hpp"

#include "base/environment.hpp"
#include "base/text.hpp"
#include "plugin/call.hpp"

namespace motley::table {

Fingerprint parse_fingerprint(const std::string& text) {
  static constexpr const char* kClasses[] = {"hw ", "driver ", "kernels "};
  std::string facts[3];
  for (const std::string& line : base::split(text, '\n'))
    for (size_t c = 0; c < 3; ++c)
      if (line.starts_with(kClasses[c]) && line.find('=') != std::string::npos)
        add_fact(facts[c], line.substr(line.find(' ') + 1));
  return {facts[0], facts[1], facts[2]};
}

Fingerprint fingerprint_of(plugin::Device& device) {
  if (!device.api().device_fingerprint) return {};
  std::string text;
  const motley_sink sink{sizeof sink, &text, [](void* context, const void* data, uint64_t size) {
                           auto& all = *static_cast<std::string*>(context);
                           if (all.size() + size <= (1 << 16)) all.append(static_cast<const char*>(data), size);
                         }};
  plugin::ErrorRoom room;
  motley_device* const handle = device.handle();
  const std::lock_guard control(device.plugin().control);
  const motley_status status = plugin::guarded(room, [&] { return device.api().device_fingerprint(handle, &sink); });
  return status == MOTLEY_OK ? parse_fingerprint(text) : Fingerprint{};
}

}  // namespace motley::table
