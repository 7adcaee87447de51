// Exact potentials at narrow places.
#include <algorithm>

#include "place/frontier.hpp"

namespace motley::place {

namespace {

// A boundary closer to the next one than this is not worth its price.
constexpr uint32_t kShortest = 4;
constexpr uint32_t kSketch = 24;
// States looked at for all stretches together: so many per node and a few more. Then the messages have to do.
constexpr uint64_t kStatesPerNode = 150, kStates = 20000;

// Per step: the tensor that alone is alive when the step begins, made by the step before; UINT32_MAX where it is not
// so.
std::vector<uint32_t> find_boundaries(const View& view) {
  const size_t count = view.order.size();
  std::vector<int32_t> alive(count + 1), open(count + 1);
  for (uint32_t t = 0; t < view.producer.size(); ++t) {
    if (!view.readers.size(t)) continue;
    // Alive when steps made + 1 to last begin; an input from after its first reader on.
    const uint32_t first = view.producer[t] >= 0 ? view.step[size_t(view.producer[t])] : *view.readers.first(t);
    ++alive[first + 1 > count ? count : first + 1];
    const uint32_t last = view.readers.last(t)[-1];
    if (last + 1 <= count) --alive[last + 1];
  }
  for (const Option& option : view.options) {
    if (option.size == 1) continue;
    ++open[option.first_step + 1];
    --open[option.last_step + 1];
  }
  std::vector<uint32_t> boundary(count + 1, UINT32_MAX);
  int32_t alive_now = 0, open_now = 0;
  for (uint32_t step = 0; step < count; ++step) {
    alive_now += alive[step];
    open_now += open[step];
    if (step == 0 || alive_now != 1 || open_now != 0) continue;
    for (uint32_t t : view.problem->nodes[view.order[step - 1]].outputs)
      if (view.readers.size(t)) boundary[step] = t;
  }
  return boundary;
}

}  // namespace

void refine(Potential& potential, const View& view, uint32_t max_states) {
  const std::vector<uint32_t> boundary = find_boundaries(view);
  const std::vector<Resource> none;
  const std::vector<bool> allowed(view.options.size());
  const uint32_t places = static_cast<uint32_t>(view.ranked_place.size());
  uint32_t end = static_cast<uint32_t>(view.order.size());
  uint64_t states = 0;
  const uint64_t max_total = kStates + kStatesPerNode * end;
  for (uint32_t step = end; step-- > 0;) {
    potential.visit(step);
    if (boundary[step] == UINT32_MAX || end - step < kShortest || states > max_total) continue;
    std::vector<Ns> by_place(places, kForbidden);
    for (uint32_t place = 0; place < places; ++place) {
      const bool possible = std::any_of(view.covering.first(step - 1), view.covering.last(step - 1),
                                        [&](uint32_t o) { return view.options[o].output_place == place; });
      if (!possible) continue;
      const FrontierRange range{step, end, boundary[step], place};
      FrontierResult result =
          run_frontier(view, potential, none, allowed, std::min(kSketch, max_states), kForbidden, range);
      states += result.states;
      if (result.found && result.bound < result.total) {
        const Ns known = result.bound;
        result = run_frontier(view, potential, none, allowed, max_states, result.total, range);
        result.bound = std::max(result.bound, known);
        states += result.states;
      }
      by_place[place] = result.bound;
    }
    potential.set_exact(step, boundary[step], by_place);
    end = step;
  }
}

}  // namespace motley::place
