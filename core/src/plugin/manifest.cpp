// Reading and judging plugin manifests.
#include "plugin/manifest.hpp"

#include <algorithm>
#include <charconv>

#include "base/file.hpp"
#include "base/json_tree.hpp"
#include "base/text.hpp"
#include "motley/error.hpp"
#include "motley/plugin.h"
#include "plugin/elf.hpp"

namespace motley::plugin {
namespace {

namespace fs = std::filesystem;
using base::JsonKind;
using base::JsonTree;

constexpr const char* kSchema = "motley.plugin/1";
constexpr size_t kLongestText = 4096;

// Fields of one object, with errors that name them.
class Reader {
 public:
  Reader(const JsonTree& object, std::string what) : object_(object), what_(std::move(what)) {
    if (object.kind != JsonKind::object) fail("is not a JSON object: write { … }");
  }

  std::string text(const char* key) {
    const JsonTree* value = find(key);
    if (!value) fail("lacks \"%\": add it", {key});
    return text_of(key, *value);
  }
  std::string text_or_empty(const char* key) {
    const JsonTree* value = find(key);
    return value ? text_of(key, *value) : std::string();
  }
  uint32_t number(const char* key) {
    const JsonTree* value = find(key);
    if (!value) fail("lacks \"%\": add it", {key});
    uint16_t number = 0;
    const char* const end = value->text.data() + value->text.size();
    const auto [stop, error] = std::from_chars(value->text.data(), end, number);
    if (value->kind != JsonKind::number || error != std::errc() || stop != end)
      fail("has a wrong \"%\" (%): give a whole number from 0 to 65535", {key, shown(*value)});
    return number;
  }
  std::vector<std::string> texts_or_empty(const char* key) {
    std::vector<std::string> result;
    const JsonTree* value = find(key);
    if (!value) return result;
    if (value->kind != JsonKind::list) fail("has a wrong \"%\" (%): give a list of texts", {key, shown(*value)});
    for (const JsonTree& item : value->inner) result.push_back(text_of(key, item));
    return result;
  }
  const JsonTree* find(const char* key) {
    known_.push_back(key);
    return object_.find(key);
  }
  // "key (x) is unknown to this version", or empty.
  std::string remark() const {
    std::string unknown;
    for (const JsonTree& member : object_.inner)
      if (std::find(known_.begin(), known_.end(), member.key) == known_.end())
        unknown += (unknown.empty() ? "" : ", ") + member.key;
    return unknown.empty() ? "" : base::text("ignored keys of the manifest (%)", {unknown});
  }
  [[noreturn]] void fail(const char* format, std::initializer_list<base::Piece> values = {}) const {
    base::fail(ErrorCode::plugin, "% %", {what_, base::text(format, values)});
  }
  const std::string& what() const { return what_; }

 private:
  std::string text_of(const char* key, const JsonTree& value) const {
    const std::string& text = value.text;
    if (value.kind != JsonKind::text || text.empty() || text.size() > kLongestText ||
        text.find('\0') != std::string::npos)
      fail("has a wrong \"%\" (%): give a text of 1 to 4096 bytes", {key, shown(value)});
    return text;
  }
  static std::string shown(const JsonTree& value) {
    const std::string text = value.shown();
    return text.size() <= 60 ? text : base::text("%...", {text.substr(0, 57)});
  }

  const JsonTree& object_;
  std::string what_;
  std::vector<std::string> known_;
};

// The library, which must lie in the manifest's folder, symbolic links followed.
fs::path library_of(Reader& reader, const fs::path& manifest) {
  const std::string text = reader.text("library");
  const fs::path relative(text);
  const auto escapes = [&] {
    reader.fail("names a library outside its folder (%): put the library beside the manifest", {text});
  };
  if (relative.is_absolute() || std::find(relative.begin(), relative.end(), "..") != relative.end()) escapes();
  std::error_code code;
  const fs::path folder = fs::canonical(manifest.parent_path(), code);
  if (code)
    reader.fail("lies in a folder that cannot be examined (%): check its permissions",
                {manifest.parent_path().string()});
  const fs::path library = fs::canonical(folder / relative, code);
  if (code) {
    reader.fail("names a library that is not there (%): install it or remove the manifest",
                {(folder / relative).string()});
  }
  if (std::mismatch(folder.begin(), folder.end(), library.begin(), library.end()).first != folder.end()) escapes();
  return library;
}

void check_id(const Reader& reader, const std::string& id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  if (id.size() > 63 || !std::all_of(id.begin(), id.end(), allowed)) {
    reader.fail("has a wrong \"id\" (%): use up to 63 of a-z, 0-9, '-', '_' and '.'", {id.substr(0, 80)});
  }
  if (id == "host") reader.fail("has the \"id\" \"host\", by which the host's memory is called: choose another");
}

void check_sha256(const Reader& reader, std::string& digits) {
  for (char& c : digits) c = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  if (!digits.empty() && (digits.size() != 64 || digits.find_first_not_of("0123456789abcdef") != std::string::npos)) {
    reader.fail("has a wrong \"sha256\" (%): give 64 hexadecimal digits", {digits.substr(0, 80)});
  }
}

}  // namespace

Manifest parse_manifest(const std::string& text, const fs::path& path) {
  const std::string what = base::text("the manifest \"%\"", {path.string()});
  const JsonTree document = base::read_tree(text, what, ErrorCode::plugin, {kMostManifestBytes, 16});
  Reader reader(document, what);
  if (const std::string schema = reader.text("schema"); schema != kSchema) {
    reader.fail("is of another kind or version (%): this version reads %", {schema, kSchema});
  }
  Manifest manifest;
  manifest.path = path;
  manifest.id = reader.text("id");
  check_id(reader, manifest.id);
  manifest.vendor = reader.text_or_empty("vendor");
  manifest.version = reader.text("version");
  const JsonTree* abi = reader.find("abi");
  if (!abi) reader.fail("lacks \"abi\": add it");
  Reader range(*abi, base::text("%, \"abi\",", {what}));
  manifest.abi_major = range.number("major");
  manifest.min_minor = range.number("min_minor");
  manifest.max_minor = range.number("max_minor");
  if (manifest.min_minor > manifest.max_minor) range.fail("has min_minor above max_minor: exchange them");
  manifest.architecture = reader.text_or_empty("architecture");
  manifest.sha256 = reader.text_or_empty("sha256");
  check_sha256(reader, manifest.sha256);
  if (const JsonTree* hardware = reader.find("hardware")) {
    manifest.hardware_paths = Reader(*hardware, base::text("%, \"hardware\",", {what})).texts_or_empty("path_exists");
  }
  manifest.library = library_of(reader, path);
  manifest.remark = reader.remark();
  return manifest;
}

Manifest read_manifest(const fs::path& path) {
  return parse_manifest(base::read_small_file(path, kMostManifestBytes), path);
}

std::string reason_against(const Manifest& manifest) {
  if (manifest.abi_major != MOTLEY_ABI_MAJOR || manifest.min_minor > MOTLEY_ABI_MINOR) {
    return base::text(
        "plugin \"%\" is for another ABI (%.%, this is %.%): get a build of the plugin for this version of Motley",
        {manifest.id, manifest.abi_major, manifest.min_minor, MOTLEY_ABI_MAJOR, MOTLEY_ABI_MINOR});
  }
  if (!manifest.architecture.empty() && machine_of(manifest.architecture) != host_machine()) {
    return base::text("plugin \"%\" is built for another architecture (%); this process is %: get a build for it",
                      {manifest.id, manifest.architecture, machine_name(host_machine())});
  }
  std::error_code code;
  const auto there = [&](const std::string& path) { return fs::exists(path, code); };
  if (!manifest.hardware_paths.empty() &&
      std::none_of(manifest.hardware_paths.begin(), manifest.hardware_paths.end(), there)) {
    return base::text("the hardware of plugin \"%\" is not here (no %): nothing to do where that is as expected",
                      {manifest.id, manifest.hardware_paths.front()});
  }
  return "";
}

}  // namespace motley::plugin
