// The tuning functions of a device, called.
#include "table/tuning.hpp"

#include "base/environment.hpp"
#include "base/text.hpp"
#include "plugin/call.hpp"
#include "table/document.hpp"

namespace motley::table {

namespace {

// Takes what the device offers out of a list of pairs "key=value".
void strike_off(void* pairs, const char* name, const char* values, const char*) {
  if (!name || !values) return;
  for (const std::string& value : base::split(values, '|'))
    std::erase(*static_cast<std::vector<std::string>*>(pairs), base::text("%=%", {name, value}));
}

}  // namespace

const motley_tuning* tuning_of(const plugin::Device& device) {
  if (!device.api().get_extension) return nullptr;
  const auto* tuning = static_cast<const motley_tuning*>(device.api().get_extension(MOTLEY_TUNING_EXTENSION));
  const bool whole = tuning && tuning->struct_size >= sizeof(motley_tuning) && tuning->problem_key && tuning->space &&
                     tuning->config_check;
  return whole ? tuning : nullptr;
}

std::string problem_key(plugin::Device& device, const motley_graph& segment) {
  std::string key;
  const motley_sink sink{sizeof sink, &key, [](void* context, const void* data, uint64_t size) {
                           auto& all = *static_cast<std::string*>(context);
                           if (all.size() + size <= kLongestText) all.append(static_cast<const char*>(data), size);
                         }};
  plugin::ErrorRoom room;
  const auto* tuning = tuning_of(device);
  const bool given = tuning && plugin::guarded(room, [&] {
                                 return tuning->problem_key(device.handle(), &segment, &sink);
                               }) == MOTLEY_OK;
  return given ? key : std::string();
}

bool offers(plugin::Device& device, const motley_graph& segment, const std::string& config) {
  if (config.empty()) return true;
  const auto* tuning = tuning_of(device);
  if (!tuning) return false;
  std::vector<std::string> wanted = base::split(config, ',');
  motley_parameter_sink sink{};
  sink.struct_size = sizeof sink;
  sink.context = &wanted;
  sink.parameter = strike_off;
  sink.space = [](void*, uint32_t, uint64_t) {};
  plugin::ErrorRoom room;
  if (plugin::guarded(room, [&] { return tuning->space(device.handle(), &segment, &sink); }) != MOTLEY_OK) return false;
  if (!wanted.empty()) return false;
  return plugin::guarded(room, [&] {
           return tuning->config_check(device.handle(), &segment, config.c_str(), &room.error);
         }) == MOTLEY_OK;
}

}  // namespace motley::table
