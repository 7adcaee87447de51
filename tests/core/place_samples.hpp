// Random placement problems, and a brute force that tries every plan.
#pragma once

#include <functional>
#include <optional>
#include <random>

#include "place/problem.hpp"

namespace motley::place {

struct SampleShape {
  int nodes = 6;
  int devices = 2;
  int formats = 1;          // per device, at most
  double edge_density = 2;  // inputs per node, on average
  int reach = 1000;         // how far back an input comes from
  int fused = 0;            // fused candidates
  bool helpers = false;
  bool limits = false;  // memory sizes and an error budget that bind
};

inline Problem sample(std::mt19937& random, const SampleShape& shape) {
  const auto upto = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n + 1)); };
  Problem p;
  for (int d = 0; d < shape.devices; ++d) {
    p.devices.push_back({"device" + std::to_string(d)});
    const int formats = 1 + static_cast<int>(upto(shape.formats - 1));
    for (int f = 0; f < formats; ++f) p.places.push_back({uint32_t(d), uint32_t(f)});
  }
  const size_t places = p.places.size();
  for (size_t m = 0; m < places * places; ++m) {
    p.moves.push_back({upto(300), upto(4000)});
    if (upto(19) == 0) p.moves.back().alpha_ns = kForbidden;
  }
  const auto some_place = [&] { return static_cast<uint32_t>(upto(int64_t(places) - 1)); };
  p.tensors.push_back({upto(200), int32_t(some_place()), kNowhere});
  p.tensors.push_back({upto(200), kNowhere, kNowhere});
  for (int n = 0; n < shape.nodes; ++n) {
    Node node;
    const int inputs = static_cast<int>(upto(static_cast<int64_t>(2 * shape.edge_density)));
    const int first = std::max(0, static_cast<int>(p.tensors.size()) - shape.reach);
    for (int i = 0; i < inputs; ++i)
      node.inputs.push_back(static_cast<uint32_t>(first + upto(static_cast<int64_t>(p.tensors.size()) - first - 1)));
    const int outputs = upto(4) == 0 ? 2 : 1;
    for (int o = 0; o < outputs; ++o) {
      node.outputs.push_back(static_cast<uint32_t>(p.tensors.size()));
      p.tensors.push_back({upto(200), kNowhere, upto(5) ? kNowhere : int32_t(some_place())});
    }
    if (upto(30) == 0) node.pinned = static_cast<int32_t>(upto(shape.devices - 1));
    p.nodes.push_back(node);
  }
  const auto offer = [&](std::vector<uint32_t> nodes, uint32_t place, int64_t cost) {
    Candidate c;
    c.nodes = std::move(nodes);
    c.input_place = c.output_place = place;
    if (upto(3) == 0) {
      const uint32_t other = some_place();
      if (p.places[other].device == p.places[place].device) c.output_place = other;
    }
    if (shape.helpers && upto(5) == 0) {
      const int32_t helper = static_cast<int32_t>(upto(shape.devices - 1));
      if (uint32_t(helper) != p.places[place].device) c.helper = helper;
      c.helper_bytes = upto(50);
    }
    c.cost_ns = cost;
    c.memory_bytes = upto(100);
    c.error_ppb = upto(3) ? 0 : upto(100);
    p.candidates.push_back(c);
  };
  for (int n = 0; n < shape.nodes; ++n)
    for (uint32_t q = 0; q < places; ++q)
      if (q == 0 || upto(9)) offer({uint32_t(n)}, q, upto(1000));
  for (Node& node : p.nodes) node.pinned = node.pinned > 0 ? 0 : node.pinned;  // place 0 runs every node
  for (int f = 0; f < shape.fused; ++f) {
    std::vector<uint32_t> nodes;
    const int size = 2 + static_cast<int>(upto(2));
    for (int n = static_cast<int>(upto(shape.nodes - 1)); n < shape.nodes && int(nodes.size()) < size; ++n)
      if (upto(2)) nodes.push_back(uint32_t(n));
    if (nodes.size() > 1) offer(nodes, some_place(), upto(1200));
  }
  if (shape.limits) {
    for (Device& device : p.devices) device.memory_bytes = 40 * shape.nodes + upto(60 * shape.nodes);
    p.error_budget_ppb = upto(30 * shape.nodes);
  }
  return p;
}

// The cost of the cheapest plan, by trying all of them; nothing where none is possible.
class BruteForce {
 public:
  explicit BruteForce(const Problem& problem) : p_(problem), owner_(problem.nodes.size(), -1) {}

  std::optional<Ns> run() {
    cover(0);
    return best_;
  }

 private:
  void cover(size_t node) {
    while (node < owner_.size() && owner_[node] >= 0) ++node;
    if (node == owner_.size()) return count();
    for (size_t c = 0; c < p_.candidates.size(); ++c) {
      const Candidate& candidate = p_.candidates[c];
      bool fits = usable(p_, candidate), covers = false;
      for (uint32_t n : candidate.nodes) {
        fits = fits && owner_[n] < 0;
        covers = covers || n == node;
      }
      if (!fits || !covers) continue;
      for (uint32_t n : candidate.nodes) owner_[n] = static_cast<int>(c);
      cover(node + 1);
      for (uint32_t n : candidate.nodes) owner_[n] = -1;
    }
  }

  void count() {
    std::vector<bool> used(p_.candidates.size());
    for (int c : owner_) used[size_t(c)] = true;
    Ns sum = 0, error = 0;
    std::vector<int64_t> memory(p_.devices.size());
    for (size_t c = 0; c < used.size(); ++c) {
      if (!used[c]) continue;
      const Candidate& candidate = p_.candidates[c];
      sum += candidate.cost_ns;
      error += candidate.error_ppb;
      memory[p_.places[candidate.input_place].device] += candidate.memory_bytes;
      if (candidate.helper >= 0) memory[size_t(candidate.helper)] += candidate.helper_bytes;
    }
    if (error > p_.error_budget_ppb) return;
    for (size_t d = 0; d < memory.size(); ++d)
      if (memory[d] > p_.devices[d].memory_bytes) return;
    std::vector<int> maker(p_.tensors.size(), -1);
    for (size_t n = 0; n < p_.nodes.size(); ++n)
      for (uint32_t t : p_.nodes[n].outputs) maker[t] = owner_[n];
    for (size_t t = 0; t < p_.tensors.size(); ++t) {
      const int from = maker[t] >= 0 ? int(p_.candidates[size_t(maker[t])].output_place) : p_.tensors[t].home;
      if (from < 0) continue;
      std::vector<bool> at(p_.places.size());
      if (p_.tensors[t].wanted >= 0) at[size_t(p_.tensors[t].wanted)] = true;
      for (size_t n = 0; n < p_.nodes.size(); ++n)
        for (uint32_t input : p_.nodes[n].inputs)
          if (input == t && owner_[n] != maker[t]) at[p_.candidates[size_t(owner_[n])].input_place] = true;
      at[size_t(from)] = false;
      for (size_t q = 0; q < at.size(); ++q) {
        if (!at[q]) continue;
        const Move& move = p_.moves[size_t(from) * at.size() + q];
        if (move.alpha_ns == kForbidden) return;
        sum += move.alpha_ns + (p_.tensors[t].bytes * move.beta_ps_per_byte + 999) / 1000;
      }
    }
    if ((!best_ || sum < *best_) && can_run(maker)) best_ = sum;
  }

  // Whether the candidates can be put in an order: run whatever has all it needs until nothing changes.
  bool can_run(const std::vector<int>& maker) const {
    std::vector<bool> done(p_.candidates.size());
    for (bool changed = true; changed;) {
      changed = false;
      for (int c : owner_) {
        if (done[size_t(c)]) continue;
        bool ready = true;
        for (uint32_t n : p_.candidates[size_t(c)].nodes)
          for (uint32_t t : p_.nodes[n].inputs)
            ready = ready && (maker[t] < 0 || maker[t] == c || done[size_t(maker[t])]);
        if (!ready) continue;
        done[size_t(c)] = changed = true;
      }
    }
    for (int c : owner_)
      if (!done[size_t(c)]) return false;
    return true;
  }

  const Problem& p_;
  std::vector<int> owner_;
  std::optional<Ns> best_;
};

}  // namespace motley::place
