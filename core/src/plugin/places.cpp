// Where plugins are looked for, in order.
#include "plugin/places.hpp"

#include <algorithm>
#include <set>

#include "base/environment.hpp"
#include "base/part.hpp"
#include "base/sort.hpp"
#include "base/text.hpp"

namespace motley::plugin {
namespace {

namespace fs = std::filesystem;

class Places {
 public:
  // Relative paths from the environment are refused: they would mean the working directory.
  void add_environment_files(const char* variable, const char* list) {
    for (const std::string& item : base::split(list, ':')) {
      if (fs::path(item).is_absolute()) add_file(item);
      else found_.push_back({item, base::text("\"%\" in % is a relative path: write it in full", {item, variable})});
    }
  }

  void add_file(const fs::path& path) {
    std::error_code code;
    const fs::path canonical = fs::weakly_canonical(fs::absolute(path, code), code);
    const fs::path full = code ? path : canonical;
    // A manifest's folder counts, so a manifest keeps the name it was found by.
    if (seen_.insert(full).second)
      found_.push_back({path.extension() == ".json" ? fs::absolute(path, code) : full, ""});
  }

  void add_folder(const fs::path& folder, bool must_exist) {
    std::error_code code;
    fs::directory_iterator it(folder, code);
    if (code) {
      if (must_exist || code != std::errc::no_such_file_or_directory) {
        found_.push_back(
            {folder, base::text("the plugin folder \"%\" cannot be read (%): check the path and its permissions",
                                {folder.string(), code.message()})});
      }
      return;
    }
    std::vector<fs::path> files;
    for (; it != fs::directory_iterator(); it.increment(code)) {
      if (it->path().extension() == ".json") files.push_back(it->path());
      if (code) break;
    }
    base::sort_short(files);
    for (const fs::path& file : files) add_file(file);
  }

  std::vector<Candidate> take() { return std::move(found_); }

 private:
  std::vector<Candidate> found_;
  std::set<fs::path> seen_;
};

// $XDG_DATA_HOME, else ~/.local/share; empty where neither is an absolute path.
fs::path user_folder() {
  const char* data = base::environment("XDG_DATA_HOME");
  if (data && fs::path(data).is_absolute()) return fs::path(data) / "motley" / "plugins";
  const char* home = base::environment("HOME");
  if (home && fs::path(home).is_absolute()) return fs::path(home) / ".local" / "share" / "motley" / "plugins";
  return {};
}

void add_standard_places(Places& places) {
  if (const char* only = base::environment("MOTLEY_PLUGIN_FILES"))
    return places.add_environment_files("MOTLEY_PLUGIN_FILES", only);
  if (const char* more = base::environment("MOTLEY_ADD_PLUGIN_FILES"))
    places.add_environment_files("MOTLEY_ADD_PLUGIN_FILES", more);
  if (const fs::path user = user_folder(); !user.empty()) places.add_folder(user, false);
  if (const fs::path system = system_folder(); !system.empty()) places.add_folder(system, false);
}

}  // namespace

fs::path system_folder() {
  std::vector<fs::path> folders;
  std::error_code code;
  if (const fs::path module = base::module_path(); !module.empty()) {
    folders.push_back(module.parent_path() / "motley" / "plugins");
    folders.push_back(module.parent_path().parent_path() / "lib" / "motley" / "plugins");
  }
  folders.emplace_back(MOTLEY_INSTALL_PLUGIN_DIR);
  const auto it = std::find_if(folders.begin(), folders.end(),
                               [&](const fs::path& folder) { return fs::is_directory(folder, code); });
  return it == folders.end() ? fs::path() : *it;
}

std::vector<Candidate> candidates(const DiscoveryOptions& options) {
  Places places;
  for (const fs::path& file : options.files) places.add_file(file);
  for (const fs::path& folder : options.folders) places.add_folder(folder, true);
  if (options.standard_places) add_standard_places(places);
  return places.take();
}

}  // namespace motley::plugin
