// Timing sessions side by side, and where their time goes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "motley/motley.hpp"

namespace motley::cli {

// Times of whole runs, sorted only on request.
struct Samples {
  std::vector<double> ns;
  double minimum() const;
  double mean() const;
  // 0.5: median; nearest rank.
  double quantile(double q) const;
};

struct Contestant {
  std::string devices;  // "" for the default placement
  Session session;
  double compile_ns = 0, first_run_ns = 0;
  Samples samples;
};

struct Effort {
  uint32_t warmup = 3;
  uint32_t runs = 0;  // 0: until two seconds per contestant, 10 to 1000 runs
};

// Runs all contestants in turn, so that what else happens on the machine meets all alike.
void measure(std::vector<Contestant>& contestants, const Effort& effort,
             const std::function<void(uint64_t, uint64_t)>& progress);

// Median over rounds of the first contestant's time divided by this one's: over 1 is faster than the first.
double speedup(const Contestant& first, const Contestant& other);

// One node's time: the median over profiled runs. Rows of one node stay in the order they ran.
struct NodeCost {
  std::string node, op, device, kernel;
  double ns = 0;
};
std::vector<NodeCost> profile(Session& session, uint32_t runs);
// Summed over nodes of the same op, device and kernel, the dearest first; `node` becomes the count.
struct OpCost {
  std::string op, device, kernel;
  size_t count = 0;
  double ns = 0;
};
std::vector<OpCost> by_op(const std::vector<NodeCost>& nodes);

// Values for every input: floats uniform in [0, 1), integers 0 or 1, booleans either. The same for the same names.
void fill_random(Session& session);

}  // namespace motley::cli
