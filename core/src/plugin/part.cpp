// Finding and loading libraries of Motley's own.
#include "plugin/part.hpp"

#include <dlfcn.h>

#include <cstring>
#include <filesystem>

#include "base/environment.hpp"
#include "base/text.hpp"
#include "plugin/places.hpp"

namespace motley::plugin {

namespace {

namespace fs = std::filesystem;

fs::path path_of(const Part& part) {
  if (const char* named = base::environment(part.variable)) return named;
  std::error_code code;
  const fs::path folder = module_path().parent_path(), plugins = system_folder();
  for (const fs::path& place : {folder, folder.parent_path() / "lib", plugins.parent_path().parent_path()})
    if (place.is_absolute() && fs::exists(place / part.file, code)) return place / part.file;
  return {};
}

}  // namespace

void* load_part(Part& part, std::string& wrong) {
  const char* named = base::environment(part.variable);
  if (named && std::strcmp(named, "off") == 0) return wrong = base::text("% is off", {part.variable}), nullptr;
  if (void* const loaded = part.loaded) return loaded;
  const fs::path path = path_of(part);
  if (path.empty()) return wrong = base::text("there is no % beside libmotley", {part.file}), nullptr;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* entry = library ? dlsym(library, part.entry) : nullptr;
  if (entry) return part.loaded = entry;
  const char* why = dlerror();
  return wrong = why ? why : path.c_str(), nullptr;
}

}  // namespace motley::plugin
