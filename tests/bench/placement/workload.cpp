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

bool is_workload(const json& j) { return j.is_object() && j.contains("nodes") && j.contains("edges"); }

namespace {

[[noreturn]] void wrong(const std::string& what) { throw std::runtime_error(what); }

// A finite number from 0 on; `otherwise` where the field is missing, unless that is below 0.
double number(const json& object, const char* field, double otherwise, const std::string& what) {
  if (!object.contains(field) || object[field].is_null()) {
    if (otherwise >= 0) return otherwise;
    wrong(what + " has no " + field);
  }
  const json& value = object[field];
  if (!value.is_number()) wrong(what + ": " + field + " (" + value.dump() + ") is no number");
  const double result = value.get<double>();
  if (!(result >= 0) || !std::isfinite(result))
    wrong(what + ": " + field + " (" + value.dump() + ") is not a finite number from 0 on");
  return result;
}

bool flag(const json& object, const char* field, bool otherwise, const std::string& what) {
  if (!object.contains(field) || object[field].is_null()) return otherwise;
  const json& value = object[field];
  if (value.is_boolean()) return value.get<bool>();
  if (!value.is_number()) wrong(what + ": " + field + " (" + value.dump() + ") is neither true nor false");
  return value.get<double>() != 0;
}

// Ids and colors are numbers or strings.
std::string id_of(const json& object, const char* field, const std::string& what) {
  if (!object.is_object() || !object.contains(field)) wrong(what + " has no " + field);
  const json& value = object[field];
  if (!value.is_number_integer() && !value.is_string())
    wrong(what + ": " + field + " (" + value.dump() + ") is neither a whole number nor a string");
  return value.dump();
}

const json& list(const json& object, const char* field, const std::string& what) {
  if (!object.contains(field) || !object[field].is_array()) wrong(what + " has no list of " + field);
  return object[field];
}

uint32_t count(const json& object, const char* field, uint32_t otherwise, const std::string& what) {
  const double value = number(object, field, otherwise, what);
  if (value != std::floor(value) || value > 1000)
    wrong(what + ": " + field + " (" + object[field].dump() + ") is not a whole number up to 1000");
  return static_cast<uint32_t>(value);
}

// Throws where sums do not fit the solvers' whole numbers.
void check_sums(const Workload& w) {
  constexpr double kMostMs = 4e9, kMostBytes = 4e18;
  double ms = 0, bytes = 0;
  for (const Workload::Node& n : w.nodes) {
    ms += n.host_ms + n.accelerator_ms + 2 * n.transfer_ms;
    bytes += n.bytes;
  }
  if (ms > kMostMs) wrong(w.name + ": all latencies and costs together are more than 4e9 ms");
  if (bytes > kMostBytes) wrong(w.name + ": all sizes together are more than 4e18 bytes");
}

// Throws where nodes wait for each other.
void check_order(const Workload& w, const std::vector<std::string>& ids) {
  std::vector<size_t> missing(w.nodes.size());
  std::vector<uint32_t> ready;
  for (uint32_t n = 0; n < w.nodes.size(); ++n)
    if ((missing[n] = w.nodes[n].reads.size()) == 0) ready.push_back(n);
  for (size_t i = 0; i < ready.size(); ++i)
    for (uint32_t r : w.nodes[ready[i]].readers)
      if (--missing[r] == 0) ready.push_back(r);
  if (ready.size() == w.nodes.size()) return;
  for (size_t n = 0; n < missing.size(); ++n)
    if (missing[n])
      wrong(w.name + ": nodes wait for each other in a circle, or for one; node " + ids[n] + " is among them");
}

}  // namespace

Workload read_workload(const json& j, const std::string& name) {
  Workload w;
  w.name = name;
  w.accelerators = count(j, "maxFPGAs", 1, name);
  w.hosts = count(j, "maxCPUs", 1, name);
  w.memory_bytes = number(j, "maxSizePerFPGA", kNoLimit, name);
  std::map<std::string, uint32_t> numbers;
  std::map<std::string, int> colors;
  std::vector<std::string> ids;
  for (const json& n : list(j, "nodes", name)) {
    const std::string id = id_of(n, "id", name + ": a node"), what = name + ": node " + id;
    Workload::Node node;
    node.host_ms = number(n, "cpuLatency", -1, what);
    node.on_accelerator = flag(n, "supportedOnFpga", n.contains("fpgaLatency"), what);
    node.accelerator_ms = number(n, "fpgaLatency", node.on_accelerator ? -1 : 0, what);
    node.bytes = number(n, "size", 0, what);
    node.backward = flag(n, "isBackwardNode", false, what);
    const bool colored = n.contains("colorClass") && !n["colorClass"].is_null();
    const std::string color = colored ? id_of(n, "colorClass", what) : "node " + id;
    node.color = colors.emplace(color, static_cast<int>(colors.size())).first->second;
    if (!numbers.emplace(id, static_cast<uint32_t>(w.nodes.size())).second)
      wrong(name + ": two nodes have the id " + id);
    ids.push_back(id);
    w.nodes.push_back(std::move(node));
  }
  if (w.nodes.empty()) wrong(name + " has no nodes");
  for (const json& e : list(j, "edges", name)) {
    const std::string what = name + ": the edge " + e.dump();
    const auto from = numbers.find(id_of(e, "sourceId", what)), to = numbers.find(id_of(e, "destId", what));
    if (from == numbers.end() || to == numbers.end()) wrong(what + " leads from or to no node");
    w.nodes[from->second].readers.push_back(to->second);
    w.nodes[to->second].reads.push_back(from->second);
    w.nodes[from->second].transfer_ms = number(e, "cost", 0, what);
  }
  check_sums(w);
  check_order(w, ids);
  // More devices than nodes change nothing but the time that solvers take.
  w.accelerators = std::min(w.accelerators, static_cast<uint32_t>(w.nodes.size()));
  w.hosts = std::min(w.hosts, static_cast<uint32_t>(w.nodes.size()));
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
  // Without recursion: chains can be long.
  void visit(uint32_t first) {
    struct Frame {
      uint32_t node;
      std::set<uint32_t>::const_iterator next;
    };
    std::vector<Frame> frames;
    const auto enter = [&](uint32_t v) {
      index_[v] = low_[v] = time_++;
      stack_.push_back(v);
      frames.push_back({v, next_[v].begin()});
    };
    enter(first);
    while (!frames.empty()) {
      const uint32_t v = frames.back().node;
      if (frames.back().next != next_[v].end()) {
        const uint32_t w = *frames.back().next++;
        if (index_[w] < 0) enter(w);
        else if (component_[w] == UINT32_MAX) low_[v] = std::min(low_[v], index_[w]);
        continue;
      }
      frames.pop_back();
      if (!frames.empty()) low_[frames.back().node] = std::min(low_[frames.back().node], low_[v]);
      if (low_[v] == index_[v]) close(v);
    }
  }
  void close(uint32_t v) {
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

static int64_t bytes_of_memory(const Workload& w) {
  return w.memory_bytes < kNoLimit ? static_cast<int64_t>(w.memory_bytes) : motley::place::kUnlimited;
}

StageProblem stage_problem(const Workload& w, const std::vector<uint32_t>& block) {
  const auto picoseconds = [](double ms) { return static_cast<motley::place::Ns>(std::llround(ms * kPicoseconds)); };
  StageProblem p;
  p.accelerators = w.accelerators;
  p.hosts = w.hosts;
  p.memory_bytes = bytes_of_memory(w);
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
  p.memory_bytes = bytes_of_memory(w);
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
