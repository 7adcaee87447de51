// T1: the description of a search space. Values are a Python list in a string; constraints are Python expressions.
#include <algorithm>

#include "formats/fields.hpp"
#include "formats/read.hpp"
#include "formats/write.hpp"

namespace motley::tuner {

namespace {

// "[16, 32, 'fast', True]", or the same as a JSON list.
std::vector<Value> values_of(const json& parameter, const std::string& what) {
  const auto at = parameter.find("Values");
  if (at == parameter.end()) fail_field(what, "Values", "a list");
  std::vector<Value> values;
  if (at->is_array()) {
    for (const json& item : *at) values.push_back(value_of(item, what, "Values"));
    return values;
  }
  if (!at->is_string()) fail_field(what, "Values", "a list");
  std::string text = at->get<std::string>();
  const size_t open = text.find_first_not_of(" \t"), close = text.find_last_not_of(" \t");
  if (open == std::string::npos || text[open] != '[' || text[close] != ']')
    fail_field(what, "Values", "a list in brackets");
  std::string item;
  auto add = [&] {
    const size_t first = item.find_first_not_of(" \t");
    if (first == std::string::npos) fail_field(what, "Values", "a list without gaps");
    item = item.substr(first, item.find_last_not_of(" \t") + 1 - first);
    if (item == "True" || item == "False") values.emplace_back(item == "True");
    else if (item.size() >= 2 && (item[0] == '\'' || item[0] == '"') && item.back() == item[0])
      values.emplace_back(item.substr(1, item.size() - 2));
    else values.push_back(Value::parse(item));
    item.clear();
  };
  for (size_t i = open + 1; i < close; ++i) {
    if (text[i] == ',') add();
    else item += text[i];
  }
  if (!item.empty() || values.empty()) add();
  return values;
}

Parameter parameter_of(const json& entry, const std::string& what) {
  if (!entry.is_object()) fail_field(what, "TuningParameters", "a list of objects");
  Parameter p{string_field(entry, "Name", what), {}, 0};
  p.values = values_of(entry, what);
  if (const auto at = entry.find("Default"); at != entry.end()) {
    const Value value = value_of(*at, what, "Default");
    const auto found = std::find(p.values.begin(), p.values.end(), value);
    if (found != p.values.end()) p.default_index = static_cast<size_t>(found - p.values.begin());
  }
  return p;
}

const char* type_of(const Parameter& p) {
  const Value& first = p.values[0];
  return first.is_word() ? "string" : first.is_boolean() ? "bool" : first.is_integer() ? "int" : "float";
}

std::string list_text(const std::vector<Value>& values) {
  std::string text = "[";
  for (const Value& value : values) {
    if (text.size() > 1) text += ", ";
    if (value.is_word()) text += "'" + value.text() + "'";
    else if (value.is_boolean()) text += value.number() != 0 ? "True" : "False";
    else text += value.text();
  }
  return text + "]";
}

}  // namespace

PublishedSpace read_t1(const std::string& text, const std::string& what) {
  const json root = parse_strictly(text, what);
  const json& space = object_field(root, "ConfigurationSpace", what);
  std::vector<Parameter> parameters;
  for (const json& entry : array_field(space, "TuningParameters", what))
    parameters.push_back(parameter_of(entry, what));
  std::vector<std::string> constraints;
  if (space.contains("Conditions"))
    for (const json& condition : array_field(space, "Conditions", what))
      constraints.push_back(string_field(condition, "Expression", what));
  std::string kernel;
  if (const auto at = root.find("KernelSpecification"); at != root.end()) kernel = optional_string(*at, "KernelName");
  return {std::move(kernel), Space(std::move(parameters), constraints)};
}

std::string write_t1(const std::string& kernel, const Space& space) {
  json parameters = json::array(), conditions = json::array();
  for (const Parameter& p : space.parameters())
    parameters.push_back({{"Name", p.name},
                          {"Type", type_of(p)},
                          {"Values", list_text(p.values)},
                          {"Default", json_of(p.values[p.default_index])}});
  for (const Expression& constraint : space.constraints()) {
    json names = json::array();
    for (const size_t p : constraint.reads()) names.push_back(space.parameters()[p].name);
    conditions.push_back({{"Expression", constraint.text()}, {"Parameters", std::move(names)}});
  }
  const json root = {
      {"General", {{"BenchmarkName", kernel}, {"OutputFormat", "JSON"}}},
      {"ConfigurationSpace", {{"TuningParameters", std::move(parameters)}, {"Conditions", std::move(conditions)}}},
      {"KernelSpecification", {{"KernelName", kernel}}}};
  return root.dump(1) + "\n";
}

}  // namespace motley::tuner
