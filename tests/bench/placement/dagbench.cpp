// Reading task graphs.
#include "dagbench.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

namespace placement_bench {

using motley::place::Candidate;
using motley::place::kForbidden;
using motley::place::kNowhere;
using motley::place::Problem;
using nlohmann::json;

namespace {

// An object in a message, without what could be long or deep in it.
std::string shown(const json& object) {
  if (!object.is_object()) return std::string("what is no object but ") + object.type_name();
  const std::string text = object.dump();
  return text.size() <= 200 ? text : text.substr(0, 200) + "…";
}

const json& member(const json& object, const char* field) {
  if (!object.is_object() || !object.contains(field)) throw std::runtime_error(shown(object) + " has no " + field);
  return object[field];
}
const json& list(const json& object, const char* field) {
  if (!member(object, field).is_array()) throw std::runtime_error(std::string(field) + " is no list");
  return object[field];
}
double number(const json& object, const char* field) {
  if (!member(object, field).is_number())
    throw std::runtime_error(std::string("the ") + field + " of " + shown(object) + " is no number");
  return object[field].get<double>();
}
std::string text(const json& object, const char* field) {
  if (!member(object, field).is_string())
    throw std::runtime_error(std::string("the ") + field + " of " + shown(object) + " is no text");
  return object[field].get<std::string>();
}

double positive(const json& object, const char* field, const char* what) {
  const double value = number(object, field);
  if (!(value > 0) || !std::isfinite(value))
    throw std::runtime_error(std::string("the ") + field + " of " + what + " (" + shown(object) + ") is not above 0");
  return value;
}

uint32_t find(const std::map<std::string, uint32_t>& numbers, const json& object, const char* field) {
  const auto found = numbers.find(text(object, field));
  if (found == numbers.end()) throw std::runtime_error(std::string("no such ") + field + ": " + shown(object));
  return found->second;
}

// A cost or size in ns or bytes; they may be 0.
int64_t amount(double value, const json& object) {
  if (!(value >= 0) || value * kDagUnit > 4e15)
    throw std::runtime_error("a number is below 0 or too large in " + shown(object));
  return std::llround(value * kDagUnit);
}

}  // namespace

bool is_dag(const json& j) { return j.is_object() && j.contains("task_graph") && j.contains("network"); }

Problem read_dag(const json& j) {
  Problem p;
  std::map<std::string, uint32_t> device, task;
  std::vector<double> speed;
  const json& network = member(j, "network");
  const json& graph = member(j, "task_graph");
  for (const json& n : list(network, "nodes")) {
    const uint32_t d = static_cast<uint32_t>(p.devices.size());
    device[text(n, "name")] = d;
    p.devices.push_back({text(n, "name")});
    p.places.push_back({d, 0});
    speed.push_back(positive(n, "speed", "a device"));
  }
  p.moves.resize(p.places.size() * p.places.size());
  for (const json& e : list(network, "edges")) {
    const uint32_t a = find(device, e, "source"), b = find(device, e, "target");
    const int64_t beta = std::llround(std::min(1e15, 1000 / positive(e, "speed", "a link")));
    p.moves[a * p.places.size() + b] = p.moves[b * p.places.size() + a] = {0, beta};
  }
  for (const json& t : list(graph, "tasks")) {
    const uint32_t n = static_cast<uint32_t>(p.nodes.size());
    if (!task.emplace(text(t, "name"), n).second) throw std::runtime_error("two tasks have the name of " + shown(t));
    p.nodes.emplace_back();
    for (uint32_t d = 0; d < p.devices.size(); ++d) {
      Candidate c;
      c.nodes = {n};
      c.input_place = c.output_place = d;
      c.cost_ns = amount(number(t, "cost") / speed[d], t);
      p.candidates.push_back(c);
    }
  }
  for (const json& d : list(graph, "dependencies")) {
    const uint32_t t = static_cast<uint32_t>(p.tensors.size());
    p.tensors.push_back({amount(number(d, "size"), d), kNowhere, kNowhere});
    p.nodes[find(task, d, "source")].outputs.push_back(t);
    p.nodes[find(task, d, "target")].inputs.push_back(t);
  }
  return p;
}

}  // namespace placement_bench
