// Solving for subsets of devices, with reuse.
#include "place/subsets.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace motley::place {

namespace {

uint32_t used_by(const Problem& problem, const Plan& plan) {
  uint32_t used = 0;
  for (uint32_t c : plan.candidates) {
    const Candidate& candidate = problem.candidates[c];
    used |= 1u << problem.device_of(candidate);
    if (candidate.helper >= 0) used |= 1u << candidate.helper;
  }
  return used;
}

SubsetPlan solve_subset(const Problem& problem, uint32_t devices, const SerialOptions& options) {
  Problem some = problem;
  for (uint32_t d = 0; d < some.devices.size(); ++d) some.devices[d].denied |= !(devices >> d & 1);
  SubsetPlan result{devices, false, {}};
  try {
    result.plan = solve_serial(some, options);
    result.possible = true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::invalid_argument && error.code() != ErrorCode::limit) throw;
  }
  return result;
}

}  // namespace

std::vector<SubsetPlan> plan_subsets(const Problem& problem, const SerialOptions& options) {
  check(problem);
  uint32_t all = 0;
  for (uint32_t d = 0; d < problem.devices.size() && d < 32; ++d)
    if (!problem.devices[d].denied) all |= 1u << d;
  if (problem.devices.size() > 32 || __builtin_popcount(all) > 8)
    base::fail(ErrorCode::limit, "plans for all subsets of % devices are too many: deny all but 8",
               {problem.devices.size()});
  std::vector<uint32_t> sets;
  for (uint32_t set = all; set; set = (set - 1) & all) sets.push_back(set);
  std::sort(sets.begin(), sets.end(), [](uint32_t a, uint32_t b) {
    const int x = __builtin_popcount(a), y = __builtin_popcount(b);
    return x != y ? x > y : a < b;
  });
  std::vector<SubsetPlan> plans;
  for (uint32_t set : sets) {
    const auto serves = [&](const SubsetPlan& p) {
      const bool inside = (p.devices & set) == set;
      return inside && (!p.possible || (p.plan.exact() && (used_by(problem, p.plan) & ~set) == 0));
    };
    const auto larger = std::find_if(plans.begin(), plans.end(), serves);
    if (larger == plans.end()) plans.push_back(solve_subset(problem, set, options));
    else plans.push_back({set, larger->possible, Plan(larger->plan)});
  }
  return plans;
}

}  // namespace motley::place
