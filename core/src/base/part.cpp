// Finding and loading libraries of Motley's own.
#include "base/part.hpp"

#include <dlfcn.h>

#include <climits>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/environment.hpp"
#include "base/text.hpp"

namespace motley::base {

namespace {

namespace fs = std::filesystem;

fs::path path_of(const Part& part) {
  if (const char* named = environment(part.variable)) return named;
  std::error_code code;
  const fs::path folder = module_path().parent_path(), plugins = MOTLEY_INSTALL_PLUGIN_DIR;
  for (const fs::path& place : {folder, folder.parent_path() / "lib", plugins.parent_path().parent_path()})
    if (place.is_absolute() && fs::exists(place / part.file, code)) return place / part.file;
  return {};
}

}  // namespace

void* load_part(Part& part, std::string& wrong) {
  const char* named = environment(part.variable);
  if (named && std::strcmp(named, "off") == 0) return wrong = text("% is off", {part.variable}), nullptr;
  if (void* const loaded = part.loaded) return loaded;
  const fs::path path = path_of(part);
  if (path.empty()) return wrong = text("there is no % beside libmotley", {part.file}), nullptr;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* entry = library ? dlsym(library, part.entry) : nullptr;
  if (entry) return part.loaded = entry;
  const char* why = dlerror();
  return wrong = why ? why : path.c_str(), nullptr;
}

// The file that this code was mapped from, as the kernel knows it: the dynamic loader only remembers by which name it
// was asked, which may be relative to a working directory that has changed since. Empty where /proc is not there.
fs::path module_path() {
  std::FILE* const maps = std::fopen("/proc/self/maps", "re");
  if (!maps) return {};
  const auto here = reinterpret_cast<uintptr_t>(&load_part);
  char line[PATH_MAX + 256];
  const char* path = nullptr;
  unsigned long long begin = 0, end = 0;
  while (!path && std::fgets(line, sizeof line, maps))
    if (std::sscanf(line, "%llx-%llx", &begin, &end) == 2 && here >= begin && here < end) path = std::strchr(line, '/');
  std::fclose(maps);
  return path ? fs::path(path, path + std::strcspn(path, "\n")) : fs::path();
}

}  // namespace motley::base
