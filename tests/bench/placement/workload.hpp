// A published device-placement workload: a network profiled on a host and on equal accelerators. See the README of
// msr-fiddle/dnn-partitioning for the format. Times are milliseconds, as in the files.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "place/calls.hpp"
#include "place/stages.hpp"

namespace placement_bench {

struct Workload {
  struct Node {
    double host_ms = 0, accelerator_ms = 0, bytes = 0, transfer_ms = 0;
    bool on_accelerator = true, backward = false;
    int color = 0;  // nodes of one color stay together
    std::vector<uint32_t> reads, readers;
  };
  std::string name;
  std::vector<Node> nodes;
  uint32_t accelerators = 1, hosts = 1;
  double memory_bytes = 0;
};

constexpr double kNoLimit = 1e18;  // bytes

// It has nodes and edges.
bool is_workload(const nlohmann::json& json);
// What may be missing: maxFPGAs and maxCPUs (1), maxSizePerFPGA (no limit), supportedOnFpga (whether there is a
// fpgaLatency), size and an edge's cost (0), isBackwardNode (false), colorClass (one of its own). Ids may be strings.
// Throws std::runtime_error that names what is wrong: missing or negative numbers, two nodes of one id, edges to no
// node, circles, sums that are out of range. No more devices of a kind than there are nodes.
Workload read_workload(const nlohmann::json& json, const std::string& name);

// What must stay together: nodes of one color, and colors that need each other. Per node: its block; blocks are
// numbered in a topological order of forward nodes.
std::vector<uint32_t> blocks_of(const Workload& workload);

// Times in picoseconds, so that rounding is far below what is published.
constexpr double kPicoseconds = 1e9;
motley::place::StageProblem stage_problem(const Workload& workload, const std::vector<uint32_t>& block);

motley::place::CallProblem call_problem(const Workload& workload, const std::vector<uint32_t>& block);

// The published definition of a split's load, in its own words: used on every answer. -1 where the split breaks a rule;
// `contiguous` asks for that too. Devices: accelerators come first, then hosts.
double load_ms(const Workload& workload, const std::vector<uint32_t>& device, bool contiguous, std::string& why);

// The same for the latency of one input: device numbers from `accelerators` on mean the host. -1 and why.
double latency_ms(const Workload& workload, const std::vector<uint32_t>& device, std::string& why);

}  // namespace placement_bench
