// Solving, and breaking cycles between fused candidates.
#include "place/serial.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "place/assemble.hpp"
#include "place/frontier.hpp"

namespace motley::place {

namespace {

constexpr uint32_t kSketchStates = 48;
// Between narrow places, where exact bounds spare the long pass more than they cost.
constexpr uint32_t kStretchStates = 16384;

struct Attempt {
  std::vector<bool> denied;
  FrontierResult result;
};

class SerialSolver {
 public:
  SerialSolver(const Problem& problem, const SerialOptions& options)
      : options_(options), view_(make_view(problem)), potential_(view_), resources_(find_resources(view_)) {
    if (options.times) resources_.push_back(time_resource(view_, *options.times, options.deadline_ns));
    max_states_ = options.max_states;
    if (!max_states_)
      max_states_ = static_cast<uint32_t>(
          std::clamp<size_t>((size_t{1} << 19) / std::max<size_t>(1, problem.nodes.size()), 128, 65536));
    refine(potential_, view_, options.max_states ? max_states_ : kStretchStates);
  }

  Plan solve();

 private:
  FrontierResult solve_relaxed(const std::vector<bool>& denied);
  std::vector<bool> all_but(uint32_t device) const;
  void try_single_devices();
  void accept(const FrontierResult& result);

  const SerialOptions options_;
  const View view_;
  Potential potential_;
  std::vector<Resource> resources_;
  uint32_t max_states_ = 0;
  Ns best_ = kForbidden;
  std::vector<uint32_t> best_options_;
  uint64_t states_ = 0;
};

// A narrow beam first: what it finds lets the wide pass drop most states.
FrontierResult SerialSolver::solve_relaxed(const std::vector<bool>& denied) {
  const Ns upper = best_;
  FrontierResult sketch =
      run_frontier(view_, potential_, resources_, denied, std::min(max_states_, kSketchStates), upper);
  states_ += sketch.states;
  const Ns reached = sketch.found ? sketch.total : upper;
  if (sketch.bound >= reached) return sketch;
  // Limits can leave a narrow beam without any plan: then it gets wider than asked for, up to a point.
  for (uint32_t states = max_states_;; states *= 4) {
    FrontierResult wide = run_frontier(view_, potential_, resources_, denied, states, reached);
    states_ += wide.states;
    wide.bound = std::max(wide.bound, sketch.bound);
    if (wide.found) return wide;
    if (sketch.found) {
      sketch.bound = std::max(sketch.bound, wide.bound);
      return sketch;
    }
    if (wide.bound >= reached || options_.times || states >= 16 * max_states_) return wide;
  }
}

void SerialSolver::accept(const FrontierResult& result) {
  if (!result.found || result.total >= best_) return;
  best_ = result.total;
  best_options_ = result.options;
}

std::vector<bool> SerialSolver::all_but(uint32_t device) const {
  std::vector<bool> denied(view_.options.size());
  for (size_t o = 0; o < denied.size(); ++o)
    denied[o] = view_.problem->device_of(view_.problem->candidates[view_.options[o].candidate]) != device;
  return denied;
}

// Where the cap cut, a plan must still not lose to one device alone.
void SerialSolver::try_single_devices() {
  std::vector<bool> seen(view_.problem->devices.size());
  for (uint32_t place : view_.ranked_place) {
    const uint32_t device = view_.problem->places[place].device;
    if (seen[device]) continue;
    seen[device] = true;
    FrontierResult result =
        run_frontier(view_, potential_, resources_, all_but(device), std::min(max_states_, kSketchStates), best_);
    states_ += result.states;
    if (result.found && find_cycle(view_, result.options).empty()) accept(result);
  }
}

Plan SerialSolver::solve() {
  std::vector<Attempt> open;
  open.push_back({std::vector<bool>(view_.options.size()), {}});
  open.back().result = solve_relaxed(open.back().denied);
  Ns bound = kForbidden;  // of branches that are closed
  for (uint32_t solved = 1; !open.empty();) {
    const auto next = std::min_element(
        open.begin(), open.end(), [](const Attempt& a, const Attempt& b) { return a.result.bound < b.result.bound; });
    Attempt attempt = std::move(*next);
    open.erase(next);
    const FrontierResult& result = attempt.result;
    if (result.bound >= best_) continue;
    const std::vector<uint32_t> cycle = result.found ? find_cycle(view_, result.options) : std::vector<uint32_t>();
    if (!result.found || cycle.empty()) {
      bound = std::min(bound, result.bound);
      accept(result);
      continue;
    }
    // An optimal plan lacks at least one option of the cycle.
    for (uint32_t o : cycle) {
      if (solved >= options_.max_resolves && best_ < kForbidden) {
        bound = std::min(bound, result.bound);
        break;
      }
      ++solved;
      Attempt child{attempt.denied, {}};
      child.denied[o] = true;
      child.result = solve_relaxed(child.denied);
      child.result.bound = std::max(child.result.bound, result.bound);
      open.push_back(std::move(child));
    }
  }
  if (bound < best_) try_single_devices();
  if (best_ >= kForbidden)
    base::fail(ErrorCode::limit,
               "no placement of % nodes on % devices fits the memory sizes, the error budget and the possible moves: "
               "allow more devices, memory or error",
               {view_.problem->nodes.size(), view_.problem->devices.size()});
  Plan plan = assemble(view_, best_options_);
  plan.total_ns = best_;
  plan.bound_ns = std::min(bound, best_);
  plan.states = states_;
  return plan;
}

}  // namespace

Plan solve_serial(const Problem& problem, const SerialOptions& options) {
  check(problem);
  return SerialSolver(problem, options).solve();
}

}  // namespace motley::place
