// Whether a JSON value conforms to a schema: the part of draft 7 that the project's schemas use. A keyword that is not
// known here is an error, so that no rule is passed over.
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <stdexcept>
#include <string>

namespace motley::test {

class JsonSchema {
 public:
  // The schema stays where it is.
  explicit JsonSchema(const nlohmann::json& schema) : root_(schema) {}

  // "" where it conforms; else the place and what is wrong there.
  std::string problem_of(const nlohmann::json& value) const { return check(value, root_, ""); }

 private:
  using json = nlohmann::json;

  std::string check(const json& value, const json& schema, const std::string& at) const {
    for (const auto& [keyword, rule] : schema.items())
      if (const std::string problem = check(value, schema, keyword, rule, at); !problem.empty()) return problem;
    return "";
  }

  std::string check(const json& value, const json& schema, const std::string& keyword, const json& rule,
                    const std::string& at) const {
    const auto fails = [&](bool bad) { return bad ? at + " breaks " + keyword + " " + rule.dump() : std::string(); };
    if (keyword == "$schema" || keyword == "$id" || keyword == "title" || keyword == "description" ||
        keyword == "definitions")
      return "";
    if (keyword == "$ref") return check(value, root_.at(json::json_pointer(rule.get<std::string>().substr(1))), at);
    if (keyword == "type") return fails(!has_type(value, rule));
    if (keyword == "const") return fails(value != rule);
    if (keyword == "enum") return fails(std::find(rule.begin(), rule.end(), value) == rule.end());
    if (keyword == "anyOf") return check_any(value, rule, at);
    if (value.is_object()) return check_object(value, schema, keyword, rule, at);
    if (keyword == "items" && value.is_array()) {
      for (size_t i = 0; i < value.size(); ++i)
        if (std::string problem = check(value[i], rule, at + "/" + std::to_string(i)); !problem.empty()) return problem;
      return "";
    }
    if (keyword == "maxItems") return fails(value.is_array() && value.size() > rule.get<size_t>());
    if (keyword == "minimum") return fails(value.is_number() && value < rule);
    if (keyword == "exclusiveMinimum") return fails(value.is_number() && value <= rule);
    if (keyword == "maximum") return fails(value.is_number() && value > rule);
    if (keyword == "minLength") return fails(value.is_string() && value.get<std::string>().size() < rule.get<size_t>());
    if (keyword == "maxLength") return fails(value.is_string() && value.get<std::string>().size() > rule.get<size_t>());
    if (keyword == "pattern")
      return fails(value.is_string() &&
                   !std::regex_search(value.get<std::string>(), std::regex(rule.get<std::string>())));
    if (is_of_objects(keyword) || keyword == "items") return "";
    throw std::runtime_error("the schema has a keyword that the test does not know: " + keyword);
  }

  static bool is_of_objects(const std::string& keyword) {
    return keyword == "required" || keyword == "properties" || keyword == "additionalProperties" ||
           keyword == "propertyNames";
  }

  std::string check_object(const json& value, const json& schema, const std::string& keyword, const json& rule,
                           const std::string& at) const {
    if (keyword == "required")
      for (const json& name : rule)
        if (!value.contains(name.get<std::string>())) return at + " lacks " + name.dump();
    for (const auto& [name, member] : value.items()) {
      const bool listed = schema.contains("properties") && schema["properties"].contains(name);
      std::string problem;
      if (keyword == "properties" && listed) problem = check(member, rule[name], at + "/" + name);
      if (keyword == "additionalProperties" && !listed) problem = check(member, rule, at + "/" + name);
      if (keyword == "propertyNames") problem = check(json(name), rule, at + "/" + name);
      if (!problem.empty()) return problem;
    }
    return "";
  }

  std::string check_any(const json& value, const json& schemas, const std::string& at) const {
    std::string problems;
    for (const json& schema : schemas) {
      const std::string problem = check(value, schema, at);
      if (problem.empty()) return "";
      problems += (problems.empty() ? "" : "; ") + problem;
    }
    return "none of: " + problems;
  }

  static bool has_type(const json& value, const std::string& type) {
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    throw std::runtime_error("the schema has a type that the test does not know: " + type);
  }

  const json& root_;
};

}  // namespace motley::test
