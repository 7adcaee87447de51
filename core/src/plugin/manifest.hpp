// The JSON file beside a plugin's library: who it is, what it needs, and which bytes it vouches for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace motley::plugin {

inline constexpr uint64_t kMostManifestBytes = 1 << 20;

struct Manifest {
  std::filesystem::path path;
  std::string id, vendor, version;
  uint32_t abi_major = 0, min_minor = 0, max_minor = 0;
  std::string architecture;                 // as uname names it, or empty
  std::filesystem::path library;            // absolute, inside the manifest's folder
  std::string sha256;                       // lower-case hexadecimal, or empty
  std::vector<std::string> hardware_paths;  // empty, or the plugin is of use only where one of these exists
  std::string remark;                       // on keys that this version does not know
};

// Schema: schema/plugin_manifest.schema.json. Throws Error(plugin), Error(limit), naming the manifest and the field.
Manifest parse_manifest(const std::string& text, const std::filesystem::path& path);
// Also Error(not_found), Error(io).
Manifest read_manifest(const std::filesystem::path& path);

// Why a plugin with this manifest can't be of use in this process, before its library is touched; empty where it can.
std::string reason_against(const Manifest& manifest);

}  // namespace motley::plugin
