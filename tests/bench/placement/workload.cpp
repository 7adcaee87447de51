// Reading workloads, and loads by definition.
#include "workload.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <stdexcept>

namespace placement_bench {

using motley::place::kForbidden;
using motley::place::StageProblem;
using nlohmann::json;

bool is_workload(const json& j) { return j.is_object() && j.contains("maxFPGAs") && j.contains("nodes"); }

Workload read_workload(const json& j, const std::string& name) {
  Workload w;
  w.name = name;
  w.accelerators = j.at("maxFPGAs").get<uint32_t>();
  w.hosts = j.at("maxCPUs").get<uint32_t>();
  w.memory_bytes = j.at("maxSizePerFPGA").get<double>();
  std::map<int, uint32_t> number;
  int fresh = INT_MIN;
  for (const json& n : j.at("nodes")) {
    Workload::Node node;
    node.host_ms = n.at("cpuLatency").get<double>();
    node.accelerator_ms = n.at("fpgaLatency").get<double>();
    node.bytes = n.value("size", 0.0);
    const auto flag = [](const json& value) { return value.is_boolean() ? value.get<bool>() : value.get<int>() != 0; };
    node.on_accelerator = flag(n.at("supportedOnFpga"));
    node.backward = n.contains("isBackwardNode") && flag(n.at("isBackwardNode"));
    node.color = n.contains("colorClass") ? n.at("colorClass").get<int>() : fresh++;
    if (!number.emplace(n.at("id").get<int>(), static_cast<uint32_t>(w.nodes.size())).second)
      throw std::runtime_error(name + ": two nodes have the id " + n.at("id").dump());
    w.nodes.push_back(node);
  }
  for (const json& e : j.at("edges")) {
    const auto from = number.find(e.at("sourceId").get<int>()), to = number.find(e.at("destId").get<int>());
    if (from == number.end() || to == number.end())
      throw std::runtime_error(name + ": an edge to no node: " + e.dump());
    w.nodes[from->second].readers.push_back(to->second);
    w.nodes[to->second].reads.push_back(from->second);
    w.nodes[from->second].transfer_ms = e.at("cost").get<double>();
  }
  return w;
}

namespace {

// Strongly connected components (Tarjan), numbered in topological order.
class Components {
 public:
  explicit Components(const std::vector<std::set<uint32_t>>& next)
      : next_(next), index_(next.size(), -1), low_(next.size()), component_(next.size(), UINT32_MAX) {
    for (uint32_t v = 0; v < next.size(); ++v)
      if (index_[v] < 0) visit(v);
    for (uint32_t& c : component_) c = count_ - 1 - c;
  }
  const std::vector<uint32_t>& component() const { return component_; }

 private:
  void visit(uint32_t v) {
    index_[v] = low_[v] = time_++;
    stack_.push_back(v);
    for (uint32_t w : next_[v]) {
      if (index_[w] < 0) visit(w);
      if (component_[w] == UINT32_MAX) low_[v] = std::min(low_[v], low_[w]);
    }
    if (low_[v] != index_[v]) return;
    uint32_t w;
    do {
      w = stack_.back();
      stack_.pop_back();
      component_[w] = count_;
    } while (w != v);
    ++count_;
  }
  const std::vector<std::set<uint32_t>>& next_;
  std::vector<int> index_, low_;
  std::vector<uint32_t> component_, stack_;
  int time_ = 0;
  uint32_t count_ = 0;
};

// Edges between numbered groups that order stages: those of forward nodes. A group with backward nodes only stands
// where its backward edges, turned round, would put forward nodes.
std::vector<std::set<uint32_t>> group_edges(const Workload& w, const std::vector<uint32_t>& group, size_t count) {
  std::vector<bool> has_forward(count);
  for (size_t n = 0; n < w.nodes.size(); ++n)
    if (!w.nodes[n].backward) has_forward[group[n]] = true;
  std::vector<std::set<uint32_t>> next(count);
  for (size_t n = 0; n < w.nodes.size(); ++n)
    for (uint32_t r : w.nodes[n].readers) {
      const uint32_t a = group[n], b = group[r];
      if (a == b) continue;
      if (!w.nodes[n].backward && !w.nodes[r].backward) next[a].insert(b);
      else if (w.nodes[n].backward && w.nodes[r].backward && (!has_forward[a] || !has_forward[b])) next[b].insert(a);
    }
  return next;
}

}  // namespace

std::vector<uint32_t> blocks_of(const Workload& w) {
  std::map<int, uint32_t> number;
  std::vector<uint32_t> color(w.nodes.size());
  for (size_t n = 0; n < w.nodes.size(); ++n)
    color[n] = number.emplace(w.nodes[n].color, static_cast<uint32_t>(number.size())).first->second;
  const std::vector<std::set<uint32_t>> next = group_edges(w, color, number.size());
  const Components components(next);
  for (uint32_t& c : color) c = components.component()[c];
  return color;
}

StageProblem stage_problem(const Workload& w, const std::vector<uint32_t>& block) {
  const auto picoseconds = [](double ms) { return static_cast<motley::place::Ns>(std::llround(ms * kPicoseconds)); };
  StageProblem p;
  p.accelerators = w.accelerators;
  p.hosts = w.hosts;
  p.memory_bytes = static_cast<int64_t>(w.memory_bytes);
  p.units.resize(size_t{*std::max_element(block.begin(), block.end())} + 1);
  for (size_t n = 0; n < w.nodes.size(); ++n) {
    StageProblem::Unit& unit = p.units[block[n]];
    unit.host_ns += picoseconds(w.nodes[n].host_ms);
    unit.bytes += static_cast<int64_t>(std::ceil(w.nodes[n].bytes));
    if (!w.nodes[n].on_accelerator || unit.accelerator_ns == kForbidden) unit.accelerator_ns = kForbidden;
    else unit.accelerator_ns += picoseconds(w.nodes[n].accelerator_ms);
    std::set<uint32_t> members{block[n]};
    for (uint32_t r : w.nodes[n].readers) members.insert(block[r]);
    if (members.size() > 1) p.nets.push_back({picoseconds(w.nodes[n].transfer_ms), {members.begin(), members.end()}});
  }
  const std::vector<std::set<uint32_t>> next = group_edges(w, block, p.units.size());
  for (uint32_t a = 0; a < next.size(); ++a)
    for (uint32_t b : next[a]) p.before.push_back({a, b});
  return p;
}

double load_ms(const Workload& w, const std::vector<uint32_t>& device, bool contiguous, std::string& why) {
  std::map<int, uint32_t> of_color;
  double worst = 0;
  for (size_t n = 0; n < w.nodes.size(); ++n)
    if (of_color.emplace(w.nodes[n].color, device[n]).first->second != device[n]) return why = "a color is torn", -1;
  for (uint32_t d = 0; d < w.accelerators + w.hosts; ++d) {
    const bool accelerator = d < w.accelerators;
    double load = 0, bytes = 0;
    for (size_t n = 0; n < w.nodes.size(); ++n) {
      const Workload::Node& node = w.nodes[n];
      bool sends = false, fetches = false;
      for (uint32_t r : node.readers) (device[r] == d ? fetches : sends) = true;
      if (device[n] == d) {
        if (accelerator && !node.on_accelerator) return why = "a node is on an accelerator that can't run it", -1;
        load += accelerator ? node.accelerator_ms : node.host_ms;
        bytes += node.bytes;
        if (accelerator && sends) load += node.transfer_ms;
      } else if (accelerator && fetches) {
        load += node.transfer_ms;
      }
    }
    if (accelerator && bytes > w.memory_bytes) return why = "an accelerator's memory is too small", -1;
    worst = std::max(worst, load);
    if (!contiguous) continue;
    // From every forward reader outside, no forward path may come back.
    std::vector<uint32_t> stack;
    std::vector<bool> seen(w.nodes.size());
    const auto leave = [&](uint32_t n) {
      for (uint32_t r : w.nodes[n].readers)
        if (!w.nodes[r].backward && device[r] != d && !seen[r]) seen[r] = true, stack.push_back(r);
    };
    for (uint32_t n = 0; n < w.nodes.size(); ++n)
      if (device[n] == d && !w.nodes[n].backward) leave(n);
    while (!stack.empty()) {
      const uint32_t n = stack.back();
      stack.pop_back();
      for (uint32_t r : w.nodes[n].readers)
        if (!w.nodes[r].backward && device[r] == d) return why = "a stage is not contiguous", -1;
      leave(n);
    }
  }
  return worst;
}

motley::place::CallProblem call_problem(const Workload& w, const std::vector<uint32_t>& block) {
  motley::place::CallProblem p;
  p.blocks = *std::max_element(block.begin(), block.end()) + 1;
  p.accelerators = w.accelerators;
  p.memory_bytes = static_cast<int64_t>(w.memory_bytes);
  for (size_t n = 0; n < w.nodes.size(); ++n) {
    const Workload::Node& node = w.nodes[n];
    motley::place::CallProblem::Node copy;
    copy.host_ns = std::llround(node.host_ms * kPicoseconds);
    copy.accelerator_ns = node.on_accelerator ? std::llround(node.accelerator_ms * kPicoseconds) : kForbidden;
    copy.transfer_ns = std::llround(node.transfer_ms * kPicoseconds);
    copy.bytes = static_cast<int64_t>(std::ceil(node.bytes));
    copy.block = block[n];
    copy.readers = node.readers;
    p.nodes.push_back(std::move(copy));
  }
  return p;
}

double latency_ms(const Workload& w, const std::vector<uint32_t>& device, std::string& why) {
  std::map<int, uint32_t> of_color;
  std::vector<double> bytes(w.accelerators), work(w.accelerators);
  for (size_t n = 0; n < w.nodes.size(); ++n) {
    const Workload::Node& node = w.nodes[n];
    if (of_color.emplace(node.color, device[n]).first->second != device[n]) return why = "a color is torn", -1;
    std::set<uint32_t> payers;
    for (uint32_t r : node.readers)
      if (device[r] != device[n]) {
        payers.insert(device[n]);
        payers.insert(device[r]);
      }
    for (uint32_t d : payers)
      if (d < w.accelerators) work[d] += node.transfer_ms;
    if (device[n] >= w.accelerators) continue;
    if (!node.on_accelerator) return why = "a node is on an accelerator that can't run it", -1;
    work[device[n]] += node.accelerator_ms;
    bytes[device[n]] += node.bytes;
    if (bytes[device[n]] > w.memory_bytes) return why = "an accelerator's memory is too small", -1;
  }
  // Times rise until nothing changes; a circle of calls would rise for ever.
  std::vector<double> done(w.nodes.size());
  for (size_t round = 0; round <= w.nodes.size() + 1; ++round) {
    std::vector<double> start(w.accelerators);
    for (size_t n = 0; n < w.nodes.size(); ++n)
      for (uint32_t u : w.nodes[n].reads)
        if (device[n] < w.accelerators && device[u] != device[n])
          start[device[n]] = std::max(start[device[n]], done[u]);
    bool changed = false;
    for (size_t n = 0; n < w.nodes.size(); ++n) {
      double at = 0;
      if (device[n] < w.accelerators) at = start[device[n]] + work[device[n]];
      else {
        for (uint32_t u : w.nodes[n].reads) at = std::max(at, done[u]);
        at += w.nodes[n].host_ms;
      }
      changed = changed || at > done[n] + 1e-9;
      done[n] = std::max(done[n], at);
    }
    if (!changed) return *std::max_element(done.begin(), done.end());
  }
  return why = "calls wait for each other", -1;
}

}  // namespace placement_bench
