// The one text of a dispatch table.
#include "table/text.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/file.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"
#include "motley/error.hpp"
#include "table/document.hpp"
#include "table/fields.hpp"

namespace motley::tuner {

using nlohmann::json;
using table::Kind;

namespace {

constexpr size_t kIdDigits = 12;

// Only what the schema knows.
json known_part(const json& value, const table::Object& object) {
  json result = json::object();
  for (const table::Field* field = object.begin; field != object.end; ++field) {
    if (field->optional && !value.contains(field->name)) continue;
    const json& member = value.at(field->name);
    if (field->kind == Kind::object) result[field->name] = known_part(member, *field->inner);
    else if (field->kind != Kind::objects) result[field->name] = member;
    else {
      json& rows = result[field->name] = json::array();
      for (const json& row : member) rows.push_back(known_part(row, *field->inner));
    }
  }
  return result;
}

// As it will be read: a number that somebody put in as an int is the same as an unsigned one.
json as_read(const json& document) {
  try {
    return json::parse(document.dump());
  } catch (const json::type_error&) {
    base::fail(ErrorCode::invalid_argument, "the table has a text that is no UTF-8: correct it");
  }
}

// Ratios that are whole in one file and not in another are the same number.
void make_floating(json& number) { number = number.get<double>(); }

std::string inner_text(const json& value);

// "cpu-0f3a52c8d1e9": the plugin, and what the device is.
std::string device_name(const json& device) {
  const std::string identity = device["plugin"].get<std::string>() + "\n" + inner_text(device["fingerprint"]);
  return device["plugin"].get<std::string>() + "-" +
         base::sha256_hex(identity.data(), identity.size()).substr(0, kIdDigits);
}

void rename_devices(json& document) {
  std::map<std::string, std::string> names{{"host", "host"}};
  for (json& device : document["devices"]) {
    const std::string name = device_name(device);
    names[device["id"]] = name;
    device["id"] = name;
  }
  const auto rename = [&](json& id) { id = names.at(id); };
  for (json& row : document["kernels"]) rename(row["device"]);
  for (json& row : document["transfers"]) rename(row["from"]), rename(row["to"]);
  for (json& row : document["plans"]) {
    for (json& id : row["devices"]) rename(id);
    for (json& segment : row["segments"]) rename(segment["device"]);
  }
}

void append_string(std::string& text, const std::string& value) { text += json(value).dump(); }

void append_number(std::string& text, const json& value) {
  if (!value.is_number_float()) {
    text += value.dump();
    return;
  }
  char digits[32];
  text.append(digits, std::to_chars(digits, std::end(digits), value.get<double>()).ptr);
}

// On one line; keys ascend, because that is how json keeps them.
void append(std::string& text, const json& value) {
  if (value.is_number()) return append_number(text, value);
  if (!value.is_structured()) {
    text += value.dump();
    return;
  }
  text += value.is_array() ? '[' : '{';
  bool first = true;
  for (const auto& [key, item] : value.items()) {
    if (!first) text += ", ";
    first = false;
    if (value.is_object()) {
      append_string(text, key);
      text += ": ";
    }
    append(text, item);
  }
  text += value.is_array() ? ']' : '}';
}

std::string inner_text(const json& value) {
  std::string text;
  append(text, value);
  return text;
}

// The order of rows within their list: what a reader looks for first. All of the row decides in the end.
std::string sort_key(const json& row) {
  static constexpr const char* kFirst[] = {"problem_key", "graph_hash", "device", "from", "to", "id", "config"};
  std::string key;
  for (const char* name : kFirst)
    if (const auto at = row.find(name); at != row.end()) key += at->get<std::string>() + '\0';
  return key + inner_text(row);
}

void sort_rows(json& rows) {
  std::map<std::string, json> sorted;
  for (json& row : rows) sorted.emplace(sort_key(row), std::move(row));
  rows = json::array();
  for (auto& [key, row] : sorted) rows.push_back(std::move(row));
}

std::string text_without_hash(const json& document, const char* hash) {
  std::string text = "{";
  bool first = true;
  for (const auto& [key, value] : document.items()) {
    text += first ? "\n \"" : ",\n \"";
    first = false;
    text += key + "\": ";
    if (!value.is_array() || value.empty()) {
      append(text, key == "sha256" ? json(hash) : value);
      continue;
    }
    for (size_t i = 0; i < value.size(); ++i) {
      text += i ? ",\n  " : "[\n  ";
      append(text, value[i]);
    }
    text += "\n ]";
  }
  return text + "\n}\n";
}

}  // namespace

json canonical(const json& given) {
  const json document = as_read(given);
  table::check_fields(document, table::kDocument, "the table");
  json result = known_part(document, table::kDocument);
  for (json& row : result["kernels"]) {
    for (const char* name : {"ratio_vs_default", "ratio_high"}) make_floating(row[name]);
    for (const char* name : {"max_abs", "max_rel"}) make_floating(row["error"][name]);
  }
  rename_devices(result);
  for (const char* list : {"devices", "kernels", "plans", "transfers"}) sort_rows(result[list]);
  result["schema"] = table::kSchema;
  result["sha256"] = "";
  return result;
}

std::string table_text(const json& document) {
  const std::string hash = table::hash_of(text_without_hash(document, ""));
  return text_without_hash(document, hash.c_str());
}

void publish_table(const json& document, const std::filesystem::path& path) {
  const std::string text = table_text(canonical(document));
  table::parse_document(text, base::text("the new table \"%\"", {path.string()}));  // nothing unreadable is published
  base::AtomicFile file(path);
  file.write(text.data(), text.size());
  file.commit();
}

json empty_document(const std::string& tool) {
  return {{"devices", json::array()},
          {"kernels", json::array()},
          {"plans", json::array()},
          {"tool", tool},
          {"transfers", json::array()}};
}

}  // namespace motley::tuner
