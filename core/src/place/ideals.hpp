// Ideals of a precedence order: sets of units that contain what their members need. Inside this folder only.
#pragma once

#include <vector>

#include "place/stages.hpp"
#include "place/view.hpp"

namespace motley::place {

// Ideal 0 is empty, the last one has all units; an ideal has a higher number than those inside it.
struct Ideals {
  bool complete = false;  // all ideals, or only those along some orders
  size_t words = 0;
  std::vector<uint64_t> bits;                        // words per ideal
  std::vector<std::pair<uint32_t, uint32_t>> grows;  // ideal → ideal with one unit more
  Lists next;
  size_t size() const { return words ? bits.size() / words : 0; }
  bool has(size_t ideal, uint32_t unit) const { return bits[ideal * words + unit / 64] >> (unit % 64) & 1; }
};

// All ideals; `complete` is false and the list unusable if there are more than `max`.
Ideals all_ideals(const StageProblem& problem, uint32_t max);

// The ideals that some orders (each before those that need it) pass through.
Ideals ideals_of_orders(const StageProblem& problem, const std::vector<std::vector<uint32_t>>& orders);

// Orders to try: by number, deep first from both ends, wide first. Fewer units than there are means a cycle.
std::vector<std::vector<uint32_t>> likely_orders(const StageProblem& problem);

// What the units of an ideal add up to.
struct IdealSum {
  Ns host = 0, accelerator = 0;
  int64_t bytes = 0;
  uint32_t host_only = 0;
};
std::vector<IdealSum> sums_of(const StageProblem& problem, const Ideals& ideals);

// Which nets each ideal cuts.
class IdealCuts {
 public:
  IdealCuts(const StageProblem& problem, const Ideals& ideals);
  // What an accelerator with the units between two ideals, one inside the other, fetches and delivers.
  Ns transfers(uint32_t from, uint32_t to) const;

 private:
  struct Cut {
    uint32_t net, inside;  // how many of the net's units the ideal has
    Ns cost_ns;
  };
  std::vector<uint32_t> begin_;
  std::vector<Cut> cuts_;  // by net
};

}  // namespace motley::place
