// Waves of candidates of one device.
#include "place/segments.hpp"

#include <algorithm>

#include "place/view.hpp"

namespace motley::place {

namespace {

// Which candidates of a plan need which.
struct Needs {
  Lists next;
  std::vector<uint32_t> count;
  std::vector<uint32_t> device;
};

Needs find_needs(const Problem& problem, const Plan& plan) {
  std::vector<int32_t> maker(problem.tensors.size(), -1);
  for (size_t i = 0; i < plan.candidates.size(); ++i)
    for (uint32_t n : problem.candidates[plan.candidates[i]].nodes)
      for (uint32_t t : problem.nodes[n].outputs) maker[t] = static_cast<int32_t>(i);
  std::vector<std::pair<uint32_t, uint32_t>> pairs;
  Needs needs;
  for (uint32_t i = 0; i < plan.candidates.size(); ++i) {
    const Candidate& candidate = problem.candidates[plan.candidates[i]];
    needs.device.push_back(problem.device_of(candidate));
    for (uint32_t n : candidate.nodes)
      for (uint32_t t : problem.nodes[n].inputs)
        if (maker[t] >= 0 && maker[t] != int32_t(i)) pairs.push_back({uint32_t(maker[t]), i});
  }
  std::sort(pairs.begin(), pairs.end());
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  needs.count.assign(plan.candidates.size(), 0);
  for (const auto& pair : pairs) ++needs.count[pair.second];
  needs.next = lists_of(plan.candidates.size(), pairs);
  return needs;
}

// Ready candidates by device; the device that comes next is the first of `first`, then that of the earliest ready one.
std::vector<Segment> waves(const Needs& needs, uint32_t devices, uint32_t first) {
  std::vector<uint32_t> missing = needs.count;
  std::vector<std::vector<uint32_t>> ready(devices);
  for (uint32_t i = 0; i < missing.size(); ++i)
    if (!missing[i]) ready[needs.device[i]].push_back(i);
  std::vector<Segment> segments;
  size_t done = 0;
  uint32_t device = first;
  while (done < missing.size()) {
    if (ready[device].empty()) {
      uint32_t earliest = UINT32_MAX;
      for (const std::vector<uint32_t>& list : ready)
        for (uint32_t i : list) earliest = std::min(earliest, i);
      device = needs.device[earliest];
    }
    Segment segment;
    segment.device = device;
    std::vector<uint32_t>& list = ready[device];
    while (!list.empty()) {
      const uint32_t i = list.back();
      list.pop_back();
      segment.candidates.push_back(i);
      for (const uint32_t* n = needs.next.first(i); n != needs.next.last(i); ++n)
        if (--missing[*n] == 0) ready[needs.device[*n]].push_back(*n);
    }
    done += segment.candidates.size();
    std::sort(segment.candidates.begin(), segment.candidates.end());
    segments.push_back(std::move(segment));
  }
  return segments;
}

}  // namespace

std::vector<Segment> make_segments(const Problem& problem, const Plan& plan) {
  const Needs needs = find_needs(problem, plan);
  const uint32_t devices = static_cast<uint32_t>(problem.devices.size());
  std::vector<bool> used(devices);
  for (uint32_t d : needs.device) used[d] = true;
  std::vector<Segment> best;
  for (uint32_t d = 0; d < devices; ++d) {
    if (!used[d]) continue;
    std::vector<Segment> segments = waves(needs, devices, d);
    if (best.empty() || segments.size() < best.size()) best = std::move(segments);
  }
  return best;
}

}  // namespace motley::place
