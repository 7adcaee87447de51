// Transpose, DepthToSpace and SpaceToDepth: the input seen with more dimensions, and these permuted.
#include <algorithm>

#include "base/sort.hpp"
#include "graph/lower/rules.hpp"

namespace motley::graph {

void lower_transpose(Lowering& l) {
  const size_t rank = l.shape(l.in(0)).size();
  AxisList perm;
  for (int64_t axis : l.attr<schema::TransposeAttributesT>().perm) perm.push_back(l.axis(axis, rank));
  if (perm.empty())
    for (size_t i = rank; i-- > 0;) perm.push_back(i);
  AxisList sorted = perm;
  base::sort_short(sorted);
  if (sorted.size() != rank || std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    l.invalid("its perm is not a permutation of % dimensions", {rank});
  l.transpose(l.in(0), perm, l.out());
}

namespace {

struct Blocks {
  int64_t size;
  Extents in;  // N, C, H, W
};

Blocks blocks(const Lowering& l) {
  Blocks b{l.attr<schema::BlockAttributesT>().block_size, l.shape(l.in(0))};
  if (b.in.size() != 4) l.unsupported("its input has % dimensions, not 4", {b.in.size()});
  if (b.size <= 0) l.invalid("its block size (%) is not positive", {b.size});
  return b;
}

}  // namespace

void lower_depth_to_space(Lowering& l) {
  const auto [size, in] = blocks(l);
  if (in[1] % size != 0 || in[1] / size % size != 0)
    l.invalid("its channels are no multiple of the squared block size");
  const int64_t channels = in[1] / size / size;
  const bool column_row_depth = l.attr<schema::BlockAttributesT>().column_row_depth;
  const Extents seen = column_row_depth ? Extents{in[0], channels, size, size, in[2], in[3]}
                                        : Extents{in[0], size, size, channels, in[2], in[3]};
  const AxisList perm = column_row_depth ? AxisList{0, 1, 4, 2, 5, 3} : AxisList{0, 3, 4, 1, 5, 2};
  l.copy({l.in(0)}, {permuting_region(seen, perm)}, l.out());
}

void lower_space_to_depth(Lowering& l) {
  const auto [size, in] = blocks(l);
  if (in[2] % size != 0 || in[3] % size != 0) l.invalid("its height or width is no multiple of the block size");
  const Extents seen{in[0], in[1], in[2] / size, size, in[3] / size, size};
  l.copy({l.in(0)}, {permuting_region(seen, {0, 3, 5, 1, 2, 4})}, l.out());
}

}  // namespace motley::graph
