// What the objects of a table consist of, and the checks that all of it is there.
#include "table/fields.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/json.hpp"
#include "base/text.hpp"
#include "table/document.hpp"

namespace motley::table {

using nlohmann::json;

namespace {

constexpr Field kFingerprintFields[] = {{"hw", Kind::texts}, {"driver", Kind::texts}, {"kernels", Kind::texts}};
constexpr Object kFingerprint{std::begin(kFingerprintFields), std::end(kFingerprintFields)};

constexpr Field kDeviceFields[] = {
    {"id", Kind::id}, {"plugin", Kind::id}, {"fingerprint", Kind::object, &kFingerprint}};
constexpr Object kDevice{std::begin(kDeviceFields), std::end(kDeviceFields)};

constexpr Field kErrorFields[] = {{"max_abs", Kind::error}, {"max_rel", Kind::error}};
constexpr Object kError{std::begin(kErrorFields), std::end(kErrorFields)};

constexpr Field kKernelFields[] = {{"problem_key", Kind::text},
                                   {"device", Kind::id},
                                   {"config", Kind::config},
                                   {"median_ns", Kind::number},
                                   {"mad_ns", Kind::number},
                                   {"runs", Kind::count},
                                   {"ratio_vs_default", Kind::ratio},
                                   {"ratio_high", Kind::ratio},
                                   {"error", Kind::object, &kError},
                                   {"rigor", Kind::rigor},
                                   {"candidate", Kind::config, nullptr, true}};
constexpr Object kKernel{std::begin(kKernelFields), std::end(kKernelFields)};

constexpr Field kTransferFields[] = {{"from", Kind::id},
                                     {"to", Kind::id},
                                     {"kind", Kind::text},
                                     {"alpha_ns", Kind::number},
                                     {"beta_ps_per_byte", Kind::number}};
constexpr Object kTransfer{std::begin(kTransferFields), std::end(kTransferFields)};

constexpr Field kSegmentFields[] = {
    {"device", Kind::id}, {"nodes", Kind::names}, {"configs", Kind::configs, nullptr, true}};
constexpr Object kSegment{std::begin(kSegmentFields), std::end(kSegmentFields)};

constexpr Field kCutFields[] = {{"node", Kind::name}, {"axis", Kind::number}, {"first", Kind::count}};
constexpr Object kCut{std::begin(kCutFields), std::end(kCutFields)};

constexpr Field kPlanFields[] = {{"graph_hash", Kind::text},
                                 {"shapes", Kind::shapes},
                                 {"devices", Kind::ids},
                                 {"objective", Kind::objective},
                                 {"segments", Kind::objects, &kSegment},
                                 {"expected_ns", Kind::number},
                                 {"bound_ns", Kind::number},
                                 {"error", Kind::error, nullptr, true},
                                 {"cuts", Kind::objects, &kCut, true}};
constexpr Object kPlan{std::begin(kPlanFields), std::end(kPlanFields)};

constexpr Field kDocumentFields[] = {{"devices", Kind::objects, &kDevice},
                                     {"kernels", Kind::objects, &kKernel},
                                     {"plans", Kind::objects, &kPlan},
                                     {"tool", Kind::text},
                                     {"transfers", Kind::objects, &kTransfer}};

bool is_among(const std::string& word, std::initializer_list<const char*> words) {
  for (const char* w : words)
    if (word == w) return true;
  return false;
}

// Of 1 to 4096 bytes; each a letter (of lower case only, unless `upper`), a digit or one of `others`.
bool consists_of(const std::string& text, bool upper, const char* others) {
  for (const char c : text)
    if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !(upper && c >= 'A' && c <= 'Z') &&
        (c == '\0' || !std::strchr(others, c)))
      return false;
  return text.size() <= kLongestText;
}

// "key=value,key=value", neither of them empty.
bool is_config(const std::string& text) {
  if (!consists_of(text, true, "_.-+=,")) return false;
  for (size_t at = 0; !text.empty() && at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size()), equals = text.find('=', at);
    if (equals == at || equals >= end || equals + 1 == end || text.find('=', equals + 1) < end) return false;
    at = end + 1;
  }
  return true;
}

bool is_text(const json& value) {
  const auto* text = value.get_ptr<const std::string*>();
  if (!text || text->empty() || text->size() > kLongestText) return false;
  for (const char c : *text)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) return false;
  return true;
}

// Whatever a model calls it.
bool is_name(const json& value) {
  const auto* text = value.get_ptr<const std::string*>();
  return text && !text->empty() && text->size() <= kLongestName;
}

bool is_whole(const json& value, uint64_t low, uint64_t high) {
  const auto* number = value.get_ptr<const json::number_unsigned_t*>();
  return number && *number >= low && *number <= high;
}

bool is_list_of(const json& value, bool (*fits)(const json&)) {
  const auto* list = value.get_ptr<const json::array_t*>();
  if (!list) return false;
  for (const json& item : *list)
    if (!fits(item)) return false;
  return true;
}

// `but`: characters that no key has.
bool is_map_of(const json& value, const char* but, bool (*fits)(const json&)) {
  const auto* members = value.get_ptr<const json::object_t*>();
  if (!members) return false;
  for (const auto& [key, item] : *members)
    if (key.find_first_of(but) != std::string::npos || !fits(item)) return false;
  return true;
}

bool is_config(const json& value) {
  const auto* text = value.get_ptr<const std::string*>();
  return text && is_config(*text);
}

bool is_extent(const json& value) { return is_whole(value, 0, kLargestNumber); }

// -1 for what is no number.
double as_number(const json& value) {
  if (const auto* number = value.get_ptr<const json::number_float_t*>()) return *number;
  const auto* whole = value.get_ptr<const json::number_unsigned_t*>();
  return whole ? static_cast<double>(*whole) : -1;
}

// Null where `value` is of this kind; else what it should be.
const char* expected_of(const json& value, Kind kind) {
  const auto* string = value.get_ptr<const std::string*>();
  const std::string text = string ? *string : std::string();
  const double number = as_number(value);
  switch (kind) {
    case Kind::text: return is_text(value) ? nullptr : "a text of 1 to 4096 bytes";
    case Kind::name: return is_name(value) ? nullptr : "a name of 1 to 65536 bytes";
    case Kind::config: return string && is_config(text) ? nullptr : "\"key=value,key=value\" or an empty text";
    case Kind::id:
      return !text.empty() && consists_of(text, false, "-._:") ? nullptr
                                                               : "lower case letters, digits, and any of -._:";
    case Kind::number: return is_extent(value) ? nullptr : "a whole number from 0 to 9007199254740991";
    case Kind::count: return is_whole(value, 1, INT32_MAX) ? nullptr : "a whole number from 1 to 2147483647";
    case Kind::ratio: return number > 0 && number <= 1e6 ? nullptr : "a number above 0, at most 1000000";
    case Kind::error: return number >= 0 && std::isfinite(number) ? nullptr : "a number, 0 or more";
    case Kind::rigor:
      return is_among(text, {"estimate", "measure", "patient", "exhaustive"})
                 ? nullptr
                 : "estimate, measure, patient or exhaustive";
    case Kind::objective:
      return is_among(text, {"latency", "throughput", "power", "memory"}) ? nullptr
                                                                          : "latency, throughput, power or memory";
    case Kind::texts: return is_map_of(value, "\n=", is_text) ? nullptr : "an object of texts whose names have no =";
    case Kind::shapes:
      return is_map_of(value, "", [](const json& shape) { return is_list_of(shape, is_extent); })
                 ? nullptr
                 : "an object of lists of whole numbers";
    case Kind::ids: return is_list_of(value, is_text) ? nullptr : "a list of texts";
    case Kind::names: return is_list_of(value, is_name) ? nullptr : "a list of names";
    case Kind::configs:
      return is_list_of(value, is_config) ? nullptr : "a list of \"key=value,key=value\" or empty texts";
    case Kind::object: return value.is_object() ? nullptr : "an object";
    default: return value.is_array() ? nullptr : "a list";
  }
}

}  // namespace

const Object kDocument{std::begin(kDocumentFields), std::end(kDocumentFields)};

void check_fields(const json& value, const Object& object, const std::string& where) {
  if (!value.is_object())
    base::fail(ErrorCode::invalid_argument, "% is % and not an object: write { … }", {where, base::short_text(value)});
  for (const Field* field = object.begin; field != object.end; ++field) {
    const json* at = member(value, field->name);
    if (!at && field->optional) continue;
    if (!at) base::fail(ErrorCode::invalid_argument, "% lacks \"%\": add it", {where, field->name});
    if (const char* expected = expected_of(*at, field->kind))
      base::fail(ErrorCode::invalid_argument, "% has a wrong \"%\" (%): give %",
                 {where, field->name, base::short_text(*at), expected});
    if (field->kind == Kind::object) check_fields(*at, *field->inner, base::text("\"%\" of %", {field->name, where}));
    if (field->kind != Kind::objects) continue;
    size_t row = 0;
    for (const json& item : list_of(value, field->name))
      check_fields(item, *field->inner, base::text("row % of \"%\" of %", {row++, field->name, where}));
  }
}

const json* member(const json& object, const char* key) {
  const auto& members = *object.get_ptr<const json::object_t*>();
  const auto at = members.find(key);
  return at == members.end() ? nullptr : &at->second;
}
const std::string& text_of(const json& object, const char* key) {
  return *member(object, key)->get_ptr<const std::string*>();
}
const json::array_t& list_of(const json& object, const char* key) {
  return *member(object, key)->get_ptr<const json::array_t*>();
}
uint64_t whole_of(const json& object, const char* key) {
  return *member(object, key)->get_ptr<const json::number_unsigned_t*>();
}
double number_of(const json& object, const char* key) { return as_number(*member(object, key)); }

}  // namespace motley::table
