// Loading one plugin library: verify, open, check the ABI, start it, ask for its devices.
#include "plugin/loader.hpp"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <cstring>
#include <map>

#include "base/file.hpp"
#include "base/sha256.hpp"
#include "base/sort.hpp"
#include "base/text.hpp"
#include "motley/error.hpp"
#include "plugin/call.hpp"
#include "plugin/elf.hpp"

namespace motley::plugin {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const char* format, std::initializer_list<base::Piece> values = {}) {
  base::fail(ErrorCode::plugin, format, values);
}

struct FileIdentity {
  dev_t device;
  ino_t inode;
  auto operator<=>(const FileIdentity&) const = default;
};

// A library in this process. Lives until the process ends.
struct Library {
  timespec changed{};
  off_t size = 0;
  fs::path path;
  int descriptor = -1;  // stays open: the loader knows the library by a path with this number, which must not be reused
  boost::dll::shared_library handle;
  std::shared_ptr<Plugin> plugin;
  std::string failure;  // of entry or init; these are not tried again
  bool started = false;
  std::vector<std::shared_ptr<Device>> devices;  // all that were ever found
};

struct Libraries {
  std::mutex mutex;
  std::map<FileIdentity, Library> by_file;
};
// Never destroyed: plugins may run until the process ends.
Libraries& libraries() {
  static auto& all = *new Libraries;
  return all;
}

void verify(int descriptor, const fs::path& path, const Manifest* manifest) {
  if (const std::string reason = elf_reason_against(descriptor, path.string()); !reason.empty()) fail("%", {reason});
  if (!manifest || manifest->sha256.empty()) return;
  const std::string found = base::sha256_hex_of_file(descriptor, path.string());
  if (found != manifest->sha256) {
    fail(
        "the library \"%\" is not the one that its manifest vouches for (SHA-256 %…, expected %…): install library and "
        "manifest together",
        {path.string(), found.substr(0, 16), manifest->sha256.substr(0, 16)});
  }
}

// Where the dynamic loader finds the open file. A verified one is named by its descriptor, so that exchanging the
// path's target in between changes nothing; the number of the process rather than "self" keeps debuggers able to find
// it. Only one that nobody vouches for goes by its path, which lets it find libraries beside it ($ORIGIN).
fs::path loadable_path(int descriptor, const fs::path& path, const Manifest* manifest) {
  if (!manifest || manifest->sha256.empty()) return path;
  for (const std::string& process : {std::to_string(::getpid()), std::string("self")}) {
    const std::string by_number = base::text("/proc/%/fd/%", {process, descriptor});
    if (::access(by_number.c_str(), R_OK) == 0) return by_number;
  }
  fail("the library \"%\" cannot be loaded as verified (/proc/self/fd is not there): mount /proc", {path.string()});
}

// The dynamic loader's own message names the missing symbol or library.
void open_library(Library& library, const fs::path& loadable, const fs::path& path) {
  std::error_code code;
  library.handle.load(loadable, code, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  if (library.handle.is_loaded()) return;
  const char* const text = ::dlerror();
  fail("the library \"%\" cannot be loaded (%): install what it needs",
       {path.string(), text ? std::string(text) : code.message()});
}

void check_required(const motley_plugin& api, const std::string& object) {
  const struct {
    bool there;
    const char* name;
  } required[] = {
      {api.enumerate_devices != nullptr, "enumerate_devices"},
      {api.device_open != nullptr, "device_open"},
      {api.device_close != nullptr, "device_close"},
      {api.query_support != nullptr, "query_support"},
      {api.compile != nullptr, "compile"},
      {api.exec_release != nullptr, "exec_release"},
      {api.submit != nullptr, "submit"},
  };
  for (const auto& function : required) {
    if (!function.there)
      fail("%lacks a required function (% is NULL): report it to the plugin's vendor", {object, function.name});
  }
}

// Entry point and what it returned, before anything is started.
std::shared_ptr<Plugin> enter(const Library& library, const fs::path& path) {
  const std::string object = base::text("the library \"%\" ", {path.string()});
  const auto entry = reinterpret_cast<motley_plugin_entry_fn>(::dlsym(library.handle.native(), "motley_plugin_entry"));
  if (!entry)
    fail("%has no symbol motley_plugin_entry: it is no Motley plugin, or was linked without exporting it", {object});
  const motley_plugin* raw = nullptr;
  ErrorRoom room;
  const motley_status status = guarded(room, [&] {
    raw = entry(MOTLEY_ABI_VERSION, &host_for(path));
    return MOTLEY_OK;
  });
  if (status != MOTLEY_OK)
    fail("%failed in motley_plugin_entry (%): report it to its vendor", {object, room.describe(status)});
  if (!raw) fail("%refuses this version of Motley (its entry returned NULL): get a matching build", {object});
  constexpr uint32_t kLeast = offsetof(motley_plugin, init);
  if (raw->struct_size < kLeast || raw->struct_size > (1u << 20)) {
    fail("%has a wrong struct_size (%): build it with this version's plugin.h", {object, raw->struct_size});
  }
  auto plugin = std::make_shared<Plugin>();
  std::memcpy(&plugin->api, raw, std::min<size_t>(raw->struct_size, sizeof plugin->api));
  const uint32_t major = plugin->api.abi_version >> 16, minor = plugin->api.abi_version & 0xffff;
  if (major != MOTLEY_ABI_MAJOR || minor > MOTLEY_ABI_MINOR) {
    fail("%has another ABI version (%.%, this is %.%): get a build of the plugin for this version",
         {object, major, minor, MOTLEY_ABI_MAJOR, MOTLEY_ABI_MINOR});
  }
  if (!plugin->api.id || !*plugin->api.id) fail("%gives no id: report it to its vendor", {object});
  check_required(plugin->api, object);
  plugin->id = clean_text(plugin->api.id, 64);
  plugin->version = plugin->api.version ? clean_text(plugin->api.version, 64) : "";
  plugin->library_path = path;
  return plugin;
}

// Extensions that the core uses; a plugin built for an older header has a shorter struct.
void read_extensions(Plugin& plugin) {
  if (!plugin.api.get_extension) return;
  const auto* external =
      static_cast<const motley_external_memory*>(plugin.api.get_extension(MOTLEY_EXTERNAL_MEMORY_EXTENSION));
  if (external)
    std::memcpy(&plugin.external, external, std::min<size_t>(external->struct_size, sizeof plugin.external));
}

void start(Library& library) {
  Plugin& plugin = *library.plugin;
  library.started = true;
  ErrorRoom room;
  const std::lock_guard control(plugin.control);
  const motley_status status = guarded(room, [&] {
    const motley_status started = plugin.api.init ? plugin.api.init(&room.error) : MOTLEY_OK;
    if (started == MOTLEY_OK) read_extensions(plugin);
    return started;
  });
  if (status != MOTLEY_OK) {
    library.failure =
        base::text("plugin \"%\" could not start (%): see its documentation", {plugin.id, room.describe(status)});
  }
}

// A copy of a plugin's description that later code can rely on.
motley_device_info checked(const motley_device_info& raw, const std::string& plugin) {
  const std::string object = base::text("plugin \"%\" describes a device with ", {plugin});
  if (raw.struct_size < offsetof(motley_device_info, name) || raw.struct_size > (1u << 20)) {
    fail("%a wrong struct_size (%): report it to its vendor", {object, raw.struct_size});
  }
  motley_device_info info{};
  std::memcpy(&info, &raw, std::min<size_t>(raw.struct_size, sizeof info));
  info.struct_size = sizeof info;
  for (const auto& [text, capacity] :
       {std::pair{info.id, sizeof info.id}, {info.name, sizeof info.name}, {info.vendor, sizeof info.vendor}}) {
    const std::string clean = clean_text(text, capacity - 1);
    std::memset(text, 0, capacity);
    std::memcpy(text, clean.data(), clean.size());
  }
  if (!*info.id) fail("%no id: report it to its vendor", {object});
  if (info.kind < MOTLEY_DEVICE_CPU || info.kind > MOTLEY_DEVICE_OTHER) info.kind = MOTLEY_DEVICE_OTHER;
  return info;
}

struct Found {
  std::vector<motley_device_info> infos;
  std::string plugin, failure;
};

void note_device(void* context, const motley_device_info* raw) noexcept {
  auto& found = *static_cast<Found*>(context);
  try {
    if (!raw) fail("plugin \"%\" describes no device (NULL): report it to its vendor", {found.plugin});
    const motley_device_info info = checked(*raw, found.plugin);
    for (const motley_device_info& other : found.infos) {
      if (std::strcmp(other.id, info.id) == 0 || other.index == info.index) {
        fail("plugin \"%\" has two devices of one id or index (%): report it to its vendor", {found.plugin, info.id});
      }
    }
    found.infos.push_back(info);
  } catch (const std::exception& error) {
    if (found.failure.empty()) found.failure = error.what();
  }
}

// Devices keep their objects, so that each is opened once in the process.
std::vector<std::shared_ptr<Device>> enumerate(Library& library) {
  Plugin& plugin = *library.plugin;
  Found found{{}, plugin.id, ""};
  ErrorRoom room;
  motley_status status;
  {
    const std::lock_guard control(plugin.control);
    status = guarded(room, [&] { return plugin.api.enumerate_devices(&found, note_device, &room.error); });
  }
  if (status != MOTLEY_OK) {
    fail("plugin \"%\" could not list its devices (%): see its documentation", {plugin.id, room.describe(status)});
  }
  if (!found.failure.empty()) fail("%", {found.failure});
  base::sort_short(found.infos, [](const auto& a, const auto& b) { return a.index < b.index; });
  std::vector<std::shared_ptr<Device>> devices;
  for (const motley_device_info& info : found.infos) {
    const auto is_same = [&](const auto& device) {
      return device->info().index == info.index && std::strcmp(device->info().id, info.id) == 0;
    };
    const auto known = std::find_if(library.devices.begin(), library.devices.end(), is_same);
    if (known != library.devices.end()) {
      devices.push_back(*known);
    } else {
      devices.push_back(library.devices.emplace_back(std::make_shared<Device>(library.plugin, info)));
    }
  }
  return devices;
}

bool same_time(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

[[noreturn]] void fail_changed(const fs::path& path) {
  fail("the library \"%\" has changed since this process loaded it: restart the process", {path.string()});
}

// The library of an open, verified file; opened now, or before by somebody else in this process.
Library& library_of(base::Descriptor descriptor, const fs::path& path, const Manifest* manifest) {
  struct stat status;
  if (::fstat(descriptor.get(), &status) != 0) base::throw_io_error("examine", path);
  auto& by_file = libraries().by_file;
  const FileIdentity identity{status.st_dev, status.st_ino};
  if (const auto it = by_file.find(identity); it != by_file.end()) {
    if (!same_time(it->second.changed, status.st_mtim) || it->second.size != status.st_size) fail_changed(path);
    return it->second;
  }
  // Asked for a path that it knows, the loader answers with what it has, though the file is another one by now.
  const auto is_known = [&](const auto& entry) { return entry.second.path == path; };
  if (std::any_of(by_file.begin(), by_file.end(), is_known)) fail_changed(path);
  Library library;
  library.path = path;
  library.changed = status.st_mtim;
  library.size = status.st_size;
  open_library(library, loadable_path(descriptor.get(), path, manifest), path);
  library.descriptor = descriptor.release();
  Library& kept = by_file.emplace(identity, std::move(library)).first->second;
  try {
    kept.plugin = enter(kept, path);
    if (manifest) kept.plugin->manifest_path = manifest->path;
    if (manifest) kept.plugin->vendor = manifest->vendor;
  } catch (const Error& error) {
    kept.failure = error.what();
  }
  return kept;
}

}  // namespace

LoadedPlugin load(const fs::path& path, const Manifest* manifest) {
  base::Descriptor descriptor = base::open_for_reading(path);
  verify(descriptor.get(), path, manifest);
  // Loading runs the library's constructors, and init and enumerate_devices; one plugin at a time.
  const std::lock_guard lock(libraries().mutex);
  Library& library = library_of(std::move(descriptor), path, manifest);
  if (!library.failure.empty()) fail("%", {library.failure});
  if (manifest && manifest->id != library.plugin->id) {
    fail("the library \"%\" is another plugin (%) than its manifest says (%): install library and manifest together",
         {path.string(), library.plugin->id, manifest->id});
  }
  if (!library.started) start(library);
  if (!library.failure.empty()) fail("%", {library.failure});
  return {library.plugin, enumerate(library)};
}

}  // namespace motley::plugin
