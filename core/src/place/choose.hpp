// From a problem and what the caller wants to the plan that is used. libmotley asks by way of sketch.hpp.
#pragma once

#include <string>
#include <vector>

#include "place/problem.hpp"

namespace motley::place {

// What is made small. Values equal those of motley::Policy.
//   latency     time of one run, ns: one candidate after another, or, where devices work in the background, side by
//   side throughput  time of the busiest device per run, ns power       energy of one run, nJ: time by milliwatts
//   memory      bytes that a device with memory of its own holds or that are moved; a byte counts like a microsecond,
//   so
//               that plans of equal memory are told apart by their time
enum class Aim : uint8_t { latency, throughput, power, memory };

// A device; Candidate::tag is its index. Several may work at one place, one at a time. A candidate with a helper is for
// Aim::latency alone.
struct Worker {
  std::string name;  // unique
  uint32_t milliwatts = 1000;
  bool avoided = false;  // others are preferred: it counts as a quarter slower
};

struct Query {
  // Every candidate reads and writes at one place. Place 0 is the host's memory.
  Problem problem;
  std::vector<Worker> workers;
  std::vector<bool> background;         // per place: what runs there leaves the host free
  std::vector<Provenance> move_source;  // like Problem::moves
  Aim aim = Aim::latency;
  // Per node the candidate that runs it: the plan that stays unless another is clearly better. Empty: the best worker that
  // can run everything is that plan, if there is one.
  std::vector<uint32_t> incumbent;
  bool keep_incumbent = false;  // it is only priced
  // The time of a run that a plan must not exceed, if any plan keeps to it; 0: there is none.
  Ns deadline_ns = 0;
};

// Another candidate for one node, or for all those that its own candidate or the other one runs.
struct RunnerUp {
  int32_t candidate = -1;  // -1: there is none
  Ns more = 0;  // what the plan would cost on top if it ran there, moves included; may be below 0
  // One that the error budget leaves out and that would make the plan cheaper; -1: there is none.
  int32_t left_out = -1;
  Ns left_out_more = 0;
};

struct Choice {
  enum class Kind : uint8_t { incumbent, single, mixed };
  Kind kind = Kind::mixed;
  std::vector<uint32_t> candidates;  // per node; a fused one stands at each of its nodes
  std::vector<RunnerUp> runners_up;  // per node
  Ns run_ns = 0;                     // predicted time of one run
  Ns cost = 0, bound = 0;            // in the unit of the aim; no plan costs less than the bound
  Ns rival_cost = kForbidden;        // of the incumbent, or of the best worker alone
  bool side_by_side = false;         // run_ns counts on devices working at the same time
  bool late = false;                 // run_ns exceeds the deadline: no plan was found that does not
  uint32_t doubt = 0;  // per 1000: by how much a plan has to be better than another, as far as its costs go
  int64_t error_ppb = 0;             // of its candidates together
  Ns unbudgeted = kForbidden;        // a plan's cost without an error budget above 0, where that leaves something out
};

// How much better than the incumbent a plan has to be: a fifth as far as the costs of either are estimates, a tenth as
// far as they are looked up nearby, and nothing as far as they are measured. The same for the same query in any order
// of workers and places. Throws Error(invalid_argument) for a bad problem, Error(limit) where nothing fits.
Choice choose(const Query& query);

}  // namespace motley::place
