// Merge sort over numbers of items.
#include "base/sort.hpp"

namespace motley::base {

std::vector<uint32_t> sorted_order(size_t count, Before before, const void* context) {
  std::vector<uint32_t> order(count), merged(count);
  for (size_t i = 0; i < count; ++i) order[i] = static_cast<uint32_t>(i);
  // Runs of `width` are sorted; two neighbours at a time become one.
  for (size_t width = 1; width < count; width *= 2) {
    for (size_t begin = 0; begin < count; begin += 2 * width) {
      const size_t middle = begin + width < count ? begin + width : count;
      const size_t end = middle + width < count ? middle + width : count;
      size_t left = begin, right = middle;
      for (size_t to = begin; to < end; ++to) {
        const bool take_right = left == middle || (right < end && before(context, order[right], order[left]));
        merged[to] = order[take_right ? right++ : left++];
      }
    }
    order.swap(merged);
  }
  return order;
}

}  // namespace motley::base
