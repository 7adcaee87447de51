// Access to the fields of a JSON object, each with an error that names it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/json.hpp"
#include "base/text.hpp"
#include "space/value.hpp"

namespace motley::tuner {

using nlohmann::json;

constexpr uint32_t kMaxDepth = 16;

inline json parse_strictly(const std::string& text, const std::string& what) {
  return base::parse_json(text, what, ErrorCode::invalid_argument, {text.size() + 1, kMaxDepth});
}

[[noreturn]] inline void fail_field(const std::string& what, std::string_view field, const char* wanted) {
  base::fail(ErrorCode::invalid_argument, "% has no \"%\", or it is not %: correct it", {what, field, wanted});
}

inline const json& field(const json& object, const char* name, json::value_t type, const std::string& what,
                         const char* wanted) {
  const auto at = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || at == object.end() || at->type() != type) fail_field(what, name, wanted);
  return *at;
}
inline const json& object_field(const json& object, const char* name, const std::string& what) {
  return field(object, name, json::value_t::object, what, "an object");
}
inline const json& array_field(const json& object, const char* name, const std::string& what) {
  return field(object, name, json::value_t::array, what, "a list");
}
inline const std::string& string_field(const json& object, const char* name, const std::string& what) {
  return field(object, name, json::value_t::string, what, "text").get_ref<const std::string&>();
}
// What an optional field holds, "" where it is missing or no text.
inline std::string optional_string(const json& object, const char* name) {
  const auto at = object.find(name);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

inline Value value_of(const json& item, const std::string& what, std::string_view name) {
  if (item.is_boolean()) return item.get<bool>();
  if (item.is_number_unsigned() && item.get<uint64_t>() > INT64_MAX) fail_field(what, name, "a number of 64 bits");
  if (item.is_number_integer()) return item.get<int64_t>();
  if (item.is_number()) return item.get<double>();
  if (item.is_string()) return item.get<std::string>();
  fail_field(what, name, "a number, a truth value or a word");
}

inline json json_of(const Value& value) {
  if (value.is_word()) return value.text();
  if (value.is_boolean()) return value.number() != 0;
  if (value.is_integer()) return value.integer();
  return value.number();
}

}  // namespace motley::tuner
