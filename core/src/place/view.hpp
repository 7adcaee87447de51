// A problem as the serial solver wants it: nodes in a good order, places and candidates in an order that depends on
// names only, so that the same problem in any order of devices gives the same plan.
#pragma once

#include <vector>

#include "place/problem.hpp"

namespace motley::place {

// Lists of numbers, one after another: list i is items[begin[i]] to items[begin[i + 1]].
struct Lists {
  std::vector<uint32_t> begin, items;
  const uint32_t* first(size_t i) const { return items.data() + begin[i]; }
  const uint32_t* last(size_t i) const { return items.data() + begin[i + 1]; }
  size_t size(size_t i) const { return begin[i + 1] - begin[i]; }
};
// From pairs (list, item); items of a list keep their order.
Lists lists_of(size_t count, const std::vector<std::pair<uint32_t, uint32_t>>& pairs);

// A usable candidate. Fused ones that could not run as one kernel, because a path leaves and comes back, are left out.
struct Option {
  uint32_t candidate = 0;
  uint32_t input_place = 0, output_place = 0;  // ranks
  uint32_t size = 1;                           // nodes
  uint32_t first_step = 0, last_step = 0;
};

struct View {
  const Problem* problem = nullptr;
  std::vector<uint32_t> place_rank, ranked_place;  // place → rank, rank → place
  std::vector<uint32_t> order, step;               // step → node, node → step
  std::vector<int32_t> producer;                   // tensor → node, or -1
  Lists inputs;                                    // step → tensors that have to be somewhere, each once
  Lists readers;                                   // tensor → steps that read it, ascending, each once
  std::vector<Option> options;                     // in canonical order within a first step
  std::vector<uint32_t> starts;                    // step → first option with that first step; one more at the end
  Lists covering;                                  // step → options that cover its node
  std::vector<uint64_t> reach;  // per entry of `readers`: bits of the place ranks that it and later ones may want

  bool covers(const Option& option, int32_t node) const;
  // The part of an option's cost that is counted when its i-th node (by step) is passed.
  Ns share(const Option& option, uint32_t step_of_node) const;
  Ns move(uint32_t from_rank, uint32_t to_rank, uint32_t tensor) const {
    return move_ns(*problem, ranked_place[from_rank], ranked_place[to_rank], problem->tensors[tensor].bytes);
  }
};

// The problem must have passed check() and outlive the view.
View make_view(const Problem& problem);

// An order of the nodes, each after those that it needs, in which few tensors are alive at a time.
std::vector<uint32_t> narrow_order(const Problem& problem, const std::vector<int32_t>& producer);

}  // namespace motley::place
