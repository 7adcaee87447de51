// Dimensions of several views of the same elements, merged where all of them allow it, so that kernels see few.
#pragma once

#include <vector>

#include "emitter.hpp"

namespace motley::gpu {

struct Merged {
  std::vector<int64_t> extents;               // at least one, none of 1 unless it is the only one
  std::vector<std::vector<int64_t>> strides;  // per view
};
// `strides` has one list per view, each as long as `extents`.
Merged merge_dimensions(const std::vector<int64_t>& extents, const std::vector<std::vector<int64_t>>& strides);

std::vector<int64_t> row_major(const Shape& shape);
// Strides for reading `from` as if it had shape `to`.
std::vector<int64_t> broadcast(const Shape& from, const Shape& to);
std::vector<int64_t> list(const Shape& shape);

inline constexpr size_t kKernelRank = 6;
// Throws where the merged rank is more than kernels have room for.
void check_rank(const Merged& merged);

}  // namespace motley::gpu
