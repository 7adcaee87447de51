// How planning time grows with a network: prints a table of nodes, devices, states and seconds
// of processor time, which other programs on the machine don't lengthen.
//
//     placement_scale [LARGEST]      default 100000 nodes
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>

#include "place/serial.hpp"

namespace motley::place {
namespace {

// Blocks as networks have them: chains with a residual connection, or two to four branches that join; every node on
// every device, half of the neighbours in a chain with a fused candidate on each.
class Network {
 public:
  Network(int nodes, int devices) : random_(static_cast<unsigned>(nodes)) {
    for (int d = 0; d < devices; ++d) {
      p_.devices.push_back({"device" + std::to_string(d)});
      p_.places.push_back({uint32_t(d), 0});
    }
    for (int m = 0; m < devices * devices; ++m) p_.moves.push_back({5000 + upto(20000), 100 + upto(400)});
    p_.tensors.push_back({100000, 0, kNowhere});
    uint32_t last = 0;
    while (int(p_.nodes.size()) < nodes) last = upto(2) ? residual(last) : branches(last);
    p_.tensors[last].wanted = 0;
  }
  const Problem& problem() const { return p_; }

 private:
  int64_t upto(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n + 1)); }

  uint32_t node(std::vector<uint32_t> inputs) {
    const uint32_t n = static_cast<uint32_t>(p_.nodes.size()), t = static_cast<uint32_t>(p_.tensors.size());
    p_.tensors.push_back({10000 + upto(400000), kNowhere, kNowhere});
    const Ns work = 2000 + upto(200000);
    const bool fuses = n > 0 && inputs.size() == 1 && p_.nodes[n - 1].outputs[0] == inputs[0] && upto(1);
    for (uint32_t d = 0; d < p_.devices.size(); ++d) {
      Candidate c;
      c.nodes = {n};
      c.input_place = c.output_place = d;
      c.cost_ns = work * (50 + upto(150)) / 100;
      p_.candidates.push_back(c);
      if (!fuses) continue;
      c.nodes = {n - 1, n};
      c.cost_ns += work / 4;
      p_.candidates.push_back(c);
    }
    p_.nodes.push_back({std::move(inputs), {t}});
    return t;
  }
  uint32_t chain(uint32_t last, int64_t length) {
    while (length-- > 0) last = node({last});
    return last;
  }
  uint32_t residual(uint32_t last) { return node({chain(last, 2 + upto(2)), last}); }
  uint32_t branches(uint32_t last) {
    std::vector<uint32_t> ends;
    for (int64_t b = 2 + upto(2); b > 0; --b) ends.push_back(chain(last, 1 + upto(2)));
    return node(ends);
  }

  std::mt19937 random_;
  Problem p_;
};

void measure(int nodes, int devices) {
  const Network network(nodes, devices);
  const std::clock_t begin = std::clock();
  const Plan plan = solve_serial(network.problem());
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  std::printf("%9zu %8d %12llu %9.3f %11.2f %9.3f %%\n", network.problem().nodes.size(), devices,
              static_cast<unsigned long long>(plan.states), seconds,
              seconds * 1e6 / static_cast<double>(network.problem().nodes.size()),
              100.0 * static_cast<double>(plan.total_ns - plan.bound_ns) / static_cast<double>(plan.total_ns));
  std::fflush(stdout);
}

}  // namespace
}  // namespace motley::place

int main(int argc, char** argv) {
  const int largest = argc > 1 ? std::atoi(argv[1]) : 100000;
  std::printf("    nodes  devices       states   seconds  us per node      gap\n");
  for (int devices : {2, 3, 5})
    for (int nodes = 30; nodes <= largest; nodes = nodes < 100 ? 100 : nodes * 10)
      motley::place::measure(nodes, devices);
}
