// Random small networks for a host and accelerators, as calls and as stages.
#pragma once

#include <random>
#include <set>

#include "place/calls.hpp"
#include "place/stages.hpp"

namespace motley::place {

inline CallProblem random_calls(std::mt19937& random) {
  const auto upto = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n + 1)); };
  CallProblem p;
  const int nodes = 2 + static_cast<int>(upto(6));
  for (int n = 0; n < nodes; ++n) {
    CallProblem::Node node;
    node.block = p.blocks;
    if (n == 0 || upto(3)) ++p.blocks;
    else --node.block;
    node.host_ns = upto(400);
    node.accelerator_ns = upto(9) ? upto(60) : kForbidden;
    node.transfer_ns = upto(50);
    node.bytes = upto(10);
    for (int from = std::max(0, n - 4); from < n; ++from)
      if (upto(2) == 0) p.nodes[size_t(from)].readers.push_back(uint32_t(n));
    p.nodes.push_back(node);
  }
  p.accelerators = 1 + static_cast<uint32_t>(upto(1));
  p.memory_bytes = upto(3) ? 10 + upto(20) : kUnlimited;
  return p;
}

inline StageProblem stages_of(const CallProblem& calls) {
  StageProblem p;
  p.units.resize(calls.blocks);
  p.accelerators = calls.accelerators;
  p.hosts = 1;
  p.memory_bytes = calls.memory_bytes;
  for (const CallProblem::Node& node : calls.nodes) {
    StageProblem::Unit& unit = p.units[node.block];
    unit.host_ns += node.host_ns;
    unit.accelerator_ns = add(unit.accelerator_ns, node.accelerator_ns);
    unit.bytes += node.bytes;
    std::set<uint32_t> units{node.block};
    for (uint32_t r : node.readers) {
      units.insert(calls.nodes[r].block);
      if (calls.nodes[r].block != node.block) p.before.push_back({node.block, calls.nodes[r].block});
    }
    p.nets.push_back({node.transfer_ns, {units.begin(), units.end()}});
  }
  return p;
}

}  // namespace motley::place
