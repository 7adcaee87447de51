// Regions of a StridedCopy: building them from shapes, and bringing them into their simplest form.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph.hpp"

namespace motley::graph {

using schema::RegionT;

// Strides of a dense row-major tensor, in elements.
Extents row_major_strides(const Extents& extents);
int64_t product(const Extents& extents);
int64_t product(const Extents& extents, size_t first, size_t last);

RegionT make_region(int32_t input, const Extents& extents, int64_t src_offset, const Extents& src_strides,
                    int64_t dst_offset, const Extents& dst_strides);
// Input 0, seen as a dense tensor of `extents`, with its dimensions permuted: output dimension i is input's perm[i].
RegionT permuting_region(const Extents& extents, const AxisList& perm);

// Drops dimensions of 1, orders the rest by falling destination stride, and merges those that are contiguous on both
// sides. At least one dimension is left.
void simplify(RegionT& region);

// Simplified, without empty regions, none of more than sdk::kMaxRank dimensions (more are cut into several regions).
std::vector<RegionT> normalized(std::vector<RegionT> regions);

// Throws Error(internal) where the region touches elements outside a source or destination of that many elements.
void check_bounds(const RegionT& region, int64_t src_elements, int64_t dst_elements, const std::string& node);

// One region that copies `elements` elements from the start to the start.
bool is_plain_copy(const std::vector<RegionT>& regions, int64_t elements);

schema::StridedCopyAttributesT strided_copy(const std::vector<RegionT>& regions, std::vector<uint8_t> fill = {});

}  // namespace motley::graph
