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

double positive(const json& object, const char* field, const char* what) {
  const double value = object.at(field).get<double>();
  if (!(value > 0) || !std::isfinite(value))
    throw std::runtime_error(std::string("the ") + field + " of " + what + " (" + object.dump() + ") is not above 0");
  return value;
}

uint32_t find(const std::map<std::string, uint32_t>& numbers, const json& object, const char* field) {
  const auto found = numbers.find(object.at(field).get<std::string>());
  if (found == numbers.end()) throw std::runtime_error(std::string("no such ") + field + ": " + object.dump());
  return found->second;
}

// A cost or size in ns or bytes; they may be 0.
int64_t amount(double value, const json& object) {
  if (!(value >= 0) || value * kDagUnit > 4e15)
    throw std::runtime_error("a number is below 0 or too large in " + object.dump());
  return std::llround(value * kDagUnit);
}

}  // namespace

bool is_dag(const json& j) { return j.is_object() && j.contains("task_graph") && j.contains("network"); }

Problem read_dag(const json& j) {
  Problem p;
  std::map<std::string, uint32_t> device, task;
  std::vector<double> speed;
  for (const json& n : j.at("network").at("nodes")) {
    const uint32_t d = static_cast<uint32_t>(p.devices.size());
    device[n.at("name").get<std::string>()] = d;
    p.devices.push_back({n.at("name").get<std::string>()});
    p.places.push_back({d, 0});
    speed.push_back(positive(n, "speed", "a device"));
  }
  p.moves.resize(p.places.size() * p.places.size());
  for (const json& e : j.at("network").at("edges")) {
    const uint32_t a = find(device, e, "source"), b = find(device, e, "target");
    const int64_t beta = std::llround(std::min(1e15, 1000 / positive(e, "speed", "a link")));
    p.moves[a * p.places.size() + b] = p.moves[b * p.places.size() + a] = {0, beta};
  }
  for (const json& t : j.at("task_graph").at("tasks")) {
    const uint32_t n = static_cast<uint32_t>(p.nodes.size());
    task[t.at("name").get<std::string>()] = n;
    p.nodes.emplace_back();
    for (uint32_t d = 0; d < p.devices.size(); ++d) {
      Candidate c;
      c.nodes = {n};
      c.input_place = c.output_place = d;
      c.cost_ns = amount(t.at("cost").get<double>() / speed[d], t);
      p.candidates.push_back(c);
    }
  }
  for (const json& d : j.at("task_graph").at("dependencies")) {
    const uint32_t t = static_cast<uint32_t>(p.tensors.size());
    p.tensors.push_back({amount(d.at("size").get<double>(), d), kNowhere, kNowhere});
    p.nodes[find(task, d, "source")].outputs.push_back(t);
    p.nodes[find(task, d, "target")].inputs.push_back(t);
  }
  return p;
}

}  // namespace placement_bench
