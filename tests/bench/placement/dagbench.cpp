// Reading task graphs.
#include "dagbench.hpp"

#include <cmath>
#include <map>

namespace placement_bench {

using motley::place::Candidate;
using motley::place::kForbidden;
using motley::place::kNowhere;
using motley::place::Problem;
using nlohmann::json;

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
    speed.push_back(n.at("speed").get<double>());
  }
  p.moves.resize(p.places.size() * p.places.size());
  for (const json& e : j.at("network").at("edges")) {
    const uint32_t a = device.at(e.at("source").get<std::string>()), b = device.at(e.at("target").get<std::string>());
    const int64_t beta = std::llround(1000 / e.at("speed").get<double>());
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
      c.cost_ns = std::llround(t.at("cost").get<double>() / speed[d] * kDagUnit);
      p.candidates.push_back(c);
    }
  }
  for (const json& d : j.at("task_graph").at("dependencies")) {
    const uint32_t t = static_cast<uint32_t>(p.tensors.size());
    p.tensors.push_back({std::llround(d.at("size").get<double>() * kDagUnit), kNowhere, kNowhere});
    p.nodes[task.at(d.at("source").get<std::string>())].outputs.push_back(t);
    p.nodes[task.at(d.at("target").get<std::string>())].inputs.push_back(t);
  }
  return p;
}

}  // namespace placement_bench
