// Finding and calling the planner's library.
#include "plan/planner.hpp"

#include <dlfcn.h>

#include <cstring>
#include <filesystem>
#include <mutex>

#include "base/environment.hpp"
#include "base/text.hpp"
#include "place/entry.hpp"
#include "plugin/places.hpp"

namespace motley::plan {

namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = "libmotley_planner.so";

fs::path library_path() {
  if (const char* named = base::environment("MOTLEY_PLANNER")) return named;
  std::error_code code;
  const fs::path folder = plugin::module_path().parent_path(), plugins = plugin::system_folder();
  for (const fs::path& place : {folder, folder.parent_path() / "lib", plugins.parent_path().parent_path()})
    if (place.is_absolute() && fs::exists(place / kFile, code)) return place / kFile;
  return {};
}

// Never unloaded.
place::AnswerFn load(const fs::path& path, std::string& wrong) {
  if (path.empty()) return wrong = base::text("there is no % beside libmotley", {kFile}), nullptr;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = dlerror();
    return wrong = why ? why : path.c_str(), nullptr;
  }
  const auto entry = reinterpret_cast<place::EntryFn>(dlsym(library, place::kEntryName));
  const place::AnswerFn answer = entry ? entry(MOTLEY_VERSION, sizeof(place::Sketch), sizeof(place::Answer)) : nullptr;
  if (!answer) wrong = base::text("\"%\" is of another build than libmotley", {path.string()});
  return answer;
}

}  // namespace

bool ask_planner(const place::Sketch& sketch, place::Answer& result, std::string& wrong) {
  static std::mutex mutex;
  static place::AnswerFn loaded = nullptr;
  const char* named = base::environment("MOTLEY_PLANNER");
  if (named && std::strcmp(named, "off") == 0) return wrong = "MOTLEY_PLANNER is off", false;
  place::AnswerFn answer;
  {
    const std::lock_guard lock(mutex);
    if (!loaded) loaded = load(library_path(), wrong);
    answer = loaded;
  }
  return answer && answer(sketch, result, wrong);
}

}  // namespace motley::plan
