// What the objects of a table consist of.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace motley::table {

enum class Kind : uint8_t {
  text,       // of 1 to 4096 bytes without control characters
  name,       // of a node: any text of 1 to 65536 bytes
  config,     // "key=value,key=value", or empty
  id,         // of a device: lower case letters, digits and -._:
  number,     // whole, 0 to 2^53-1
  count,      // whole, 1 to 2^31-1
  ratio,      // above 0, at most 1e6
  error,      // 0 to 1e308
  rigor,      // estimate, measure, patient, exhaustive
  objective,  // latency, throughput, power, memory
  texts,      // an object of texts
  shapes,     // an object of lists of numbers
  ids,        // a list of texts
  names,      // a list of names
  configs,    // a list of configs
  object,     // with the fields of `inner`
  objects,    // a list of such
};

struct Object;
struct Field {
  const char* name;
  Kind kind;
  const Object* inner = nullptr;
  bool optional = false;  // else it has to be there
};
struct Object {
  const Field* begin;
  const Field* end;
};

// The whole document but "schema" and "sha256".
extern const Object kDocument;

// Throws Error(invalid_argument), which names the field and its place, unless `value` has all fields of `object` that
// are not optional, each of its kind. Other fields may be there.
void check_fields(const nlohmann::json& value, const Object& object, const std::string& where);

// Members of objects, without the library's own checks and exceptions, which cost ten times the code.
const nlohmann::json* member(const nlohmann::json& object, const char* key);  // null where there is none
// These are for members that were checked.
const std::string& text_of(const nlohmann::json& object, const char* key);
const nlohmann::json::array_t& list_of(const nlohmann::json& object, const char* key);
uint64_t whole_of(const nlohmann::json& object, const char* key);
double number_of(const nlohmann::json& object, const char* key);

}  // namespace motley::table
