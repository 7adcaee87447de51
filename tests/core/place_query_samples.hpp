// Random queries for the planner.
#pragma once

#include <algorithm>
#include <random>

#include "place/choose.hpp"

namespace motley::place {

// Random layered graphs on workers with places of their own; worker 0 is at the host's place and runs everything.
inline Query sample_query(unsigned seed, uint32_t nodes, uint32_t workers) {
  std::mt19937 random(seed);
  const auto upto = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n + 1)); };
  Query query;
  Problem& p = query.problem;
  for (uint32_t w = 0; w < workers; ++w) {
    query.workers.push_back({"worker" + std::to_string(w), static_cast<uint32_t>(500 + upto(4000)), false});
    p.devices.push_back({w ? "worker" + std::to_string(w) : "host memory"});
    p.places.push_back({w, 0});
    query.background.push_back(w > 0);
  }
  for (uint32_t m = 0; m < workers * workers; ++m)
    p.moves.push_back(m % (workers + 1) ? Move{upto(3000), upto(200)} : Move{0, 0});
  query.move_source.assign(p.moves.size(), Provenance::measured);
  p.tensors.push_back({upto(5000), 0, kNowhere});
  for (uint32_t n = 0; n < nodes; ++n) {
    Node node;
    for (int64_t i = upto(1); i >= 0; --i) {
      const auto back = static_cast<uint32_t>(upto(std::min<int64_t>(n, 4)));
      node.inputs.push_back(n - back);
    }
    node.outputs = {n + 1};
    p.tensors.push_back({upto(5000), kNowhere, n + 1 == nodes ? 0 : kNowhere});
    p.nodes.push_back(std::move(node));
  }
  for (uint32_t n = 0; n < nodes; ++n)
    for (uint32_t w = 0; w < workers; ++w) {
      if (w && upto(4) == 0) continue;
      Candidate c;
      c.nodes = {n};
      c.input_place = c.output_place = w;
      c.cost_ns = 100 + upto(10000);
      c.memory_bytes = w ? upto(100) : 0;
      c.provenance = Provenance::measured;
      c.tag = w;
      p.candidates.push_back(c);
    }
  return query;
}

// Adds fused candidates for stretches of nodes, and kernels of lower precision that are faster, to a sample.
inline void add_candidates(Query& query, unsigned seed) {
  std::mt19937 random(seed);
  const auto upto = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n + 1)); };
  Problem& p = query.problem;
  const std::vector<Candidate> plain = p.candidates;
  const auto cost = [&](uint32_t node, uint32_t worker) {
    for (const Candidate& c : plain)
      if (c.nodes[0] == node && c.tag == worker) return c.cost_ns;
    return kForbidden;
  };
  for (const Candidate& c : plain) {
    if (upto(2)) continue;
    Candidate half = c;
    half.cost_ns = c.cost_ns * (40 + upto(40)) / 100;
    half.error_ppb = 100 + upto(1000);
    p.candidates.push_back(half);
  }
  for (uint32_t n = 0; n + 1 < p.nodes.size(); ++n)
    for (uint32_t w = 0; w < query.workers.size(); ++w) {
      const auto size = static_cast<uint32_t>(std::min<int64_t>(2 + upto(1), static_cast<int64_t>(p.nodes.size() - n)));
      Ns sum = 0;
      Candidate fused;
      for (uint32_t m = n; m < n + size; ++m) {
        fused.nodes.push_back(m);
        sum = add(sum, cost(m, w));
      }
      if (sum >= kForbidden || upto(1)) continue;
      fused.input_place = fused.output_place = fused.tag = w;
      fused.cost_ns = sum * (60 + upto(50)) / 100;
      fused.provenance = Provenance::measured;
      p.candidates.push_back(fused);
    }
}

}  // namespace motley::place
