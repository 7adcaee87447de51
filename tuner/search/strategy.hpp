// A way to search: it proposes a candidate, is told what came of it, and proposes the next.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "search/candidates.hpp"
#include "search/history.hpp"

namespace motley::tuner {

// Rows of a sibling device's table for the same problem: what they say about times is a hint, not a fact.
struct Sibling {
  std::vector<Config> configs;
  std::vector<double> costs;  // same length; 0: it failed there
};

class Strategy {
 public:
  virtual ~Strategy() = default;
  // The next candidate to try, one that was not observed yet; nothing once there is none left.
  virtual std::optional<size_t> propose() = 0;
  // What came of a candidate; also of one that it did not propose (an earlier run's journal). Cost as in Observed.
  virtual void observe(size_t candidate, double cost) = 0;
};

struct SearchOptions {
  uint64_t seed = 1;
  std::vector<size_t> seeds;      // tried first, in this order: the default, winners of neighbour shapes and siblings
  std::vector<Sibling> siblings;  // for the model
};

// "motley" (what the tuner uses), "random", "local" or "exhaustive". Throws Error(invalid_argument) for another name.
// `candidates` outlives it.
std::unique_ptr<Strategy> make_strategy(const std::string& name, Candidates& candidates, const SearchOptions& options);

// A candidate whose first run takes this many times as long as the best gets no other run.
constexpr double kAbortRatio = 3;

}  // namespace motley::tuner
