// Sorting by little code: std::sort and std::stable_sort cost one to three kilobytes for each type and order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace motley::base {

// Whether item `a` goes before item `b`.
using Before = bool (*)(const void* context, uint32_t a, uint32_t b);

// The numbers 0 … count - 1 in the order that `before` gives; equal ones stay as they are.
std::vector<uint32_t> sorted_order(size_t count, Before before, const void* context);

// The same with a function object.
template <class Function>
std::vector<uint32_t> sorted_order(size_t count, const Function& before) {
  return sorted_order(
      count, [](const void* context, uint32_t a, uint32_t b) { return (*static_cast<const Function*>(context))(a, b); },
      &before);
}

// Sorts a short list, a few dozen items, in place; equal ones stay in their order.
template <class List, class Function>
void sort_short(List& list, const Function& before) {
  for (size_t i = 1; i < list.size(); ++i)
    for (size_t k = i; k > 0 && before(list[k], list[k - 1]); --k) std::swap(list[k], list[k - 1]);
}
template <class List>
void sort_short(List& list) {
  sort_short(list, [](const auto& a, const auto& b) { return a < b; });
}

}  // namespace motley::base
