// The placement problem: which candidate runs each node, on which device, in which format. It knows no graphs, ops or
// plugins; whoever has those writes them down as nodes, tensors, candidates and costs.
//
// Times are whole nanoseconds, sizes bytes, errors parts per billion. Sums saturate at kForbidden, so no input can make
// them wrap.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace motley::place {

using Ns = int64_t;
// A cost that no plan may pay; also what sums saturate at.
constexpr Ns kForbidden = INT64_MAX / 4;
constexpr int64_t kUnlimited = INT64_MAX / 4;
constexpr uint32_t kMaxPlaces = 56;

// a + b, both at most kForbidden.
constexpr Ns add(Ns a, Ns b) { return a + b < kForbidden ? a + b : kForbidden; }

// Where a cost comes from, best first.
enum class Provenance : uint8_t {
  measured,  // this problem on this device
  near,      // looked up from a neighbour: another shape, driver or sibling device
  estimated  // the plugin's prior, or a roofline
};
const char* to_string(Provenance provenance);

struct Device {
  std::string name;  // unique
  int64_t memory_bytes = kUnlimited;
  bool denied = false;  // nothing may run there
};

// A device and a format (layout and precision) that a tensor can be in. Formats are numbers of the caller's choice.
struct Place {
  uint32_t device = 0;
  uint32_t format = 0;
};

constexpr int32_t kNowhere = -1;

struct Tensor {
  int64_t bytes = 0;
  int32_t home = kNowhere;    // of a network input: the place where it starts. kNowhere: it is everywhere (a constant)
  int32_t wanted = kNowhere;  // of a network output: the place where the caller wants it
};

struct Node {
  std::vector<uint32_t> inputs, outputs;  // tensors; an input may stand twice
  int32_t pinned = -1;                    // the only device that may run it
};

// One way to run one node, or several as one kernel.
struct Candidate {
  std::vector<uint32_t> nodes;  // ascending
  // Inputs are read here and outputs appear here; both of one device.
  uint32_t input_place = 0, output_place = 0;
  int32_t helper = -1;  // a second device that computes a part of it, with memory shared; busy for as long
  Ns cost_ns = 0;
  int64_t memory_bytes = 0;  // held on the device for as long as the plan lives: packed weights, scratch
  int64_t helper_bytes = 0;
  int64_t error_ppb = 0;  // measured error against the reference
  Provenance provenance = Provenance::estimated;
  uint32_t tag = 0;  // the caller's own: which kernel, which config
};

// What it costs to bring a tensor from one place to another: copying or mapping, converting, and the fence.
struct Move {
  Ns alpha_ns = kForbidden;
  int64_t beta_ps_per_byte = 0;
};

// The cost of a plan, run one candidate at a time: its candidates' costs, plus one move for every tensor and place
// where some candidate reads it (or the caller wants it) and it was not made. A move always starts where the tensor was
// made. Inside a candidate nothing moves. Every node is covered once, and candidates can be put in an order in which
// each needs earlier ones only.
struct Problem {
  std::vector<Device> devices;
  std::vector<Place> places;
  std::vector<Tensor> tensors;
  std::vector<Node> nodes;
  std::vector<Candidate> candidates;
  std::vector<Move> moves;  // from × places.size() + to; from one place to itself nothing is paid
  int64_t error_budget_ppb = kUnlimited;

  const Move& move(uint32_t from, uint32_t to) const { return moves[from * places.size() + to]; }
  uint32_t device_of(const Candidate& candidate) const { return places[candidate.output_place].device; }
};

// The cost of moving `bytes`; 0 where from is to, kForbidden where there is no way.
Ns move_ns(const Problem& problem, uint32_t from, uint32_t to, int64_t bytes);

// False where the candidate's devices are denied, one of its nodes is pinned elsewhere, or it costs kForbidden.
bool usable(const Problem& problem, const Candidate& candidate);

// Throws Error(invalid_argument) that names the first thing wrong: numbers out of range, negative costs, a tensor with
// two producers, a cycle, duplicate device names, nodes without a usable candidate, more than kMaxPlaces places.
void check(const Problem& problem);

// A move of one tensor.
struct Transfer {
  uint32_t tensor = 0;
  uint32_t from = 0, to = 0;
  Ns cost_ns = 0;
};

// An answer. Candidates are in an order that can be run.
struct Plan {
  std::vector<uint32_t> candidates;
  std::vector<Transfer> transfers;
  Ns total_ns = 0;
  Ns bound_ns = 0;      // proved: no plan costs less
  uint64_t states = 0;  // looked at, for curves
  bool exact() const { return bound_ns == total_ns; }
};

}  // namespace motley::place
