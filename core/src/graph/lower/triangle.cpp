// Trilu and EyeLike: diagonals of matrices.
#include <algorithm>

#include "graph/lower/rules.hpp"

namespace motley::graph {

// Row r keeps columns from r + k on (upper) or up to r + k (lower). One region per row, less where whole rows are kept.
void lower_trilu(Lowering& l) {
  const Extents in = l.shape(l.in(0));
  if (in.size() < 2) l.invalid("its input has fewer than two dimensions");
  const int64_t rows = in[in.size() - 2], columns = in.back();
  const int64_t batch = product(in, 0, in.size() - 2);
  const bool upper = l.attr<schema::TriluAttributesT>().upper;
  if (rows > (1 << 24)) l.unsupported("it has over 16 million rows");
  int64_t k = 0;
  if (l.has_input(1)) {
    const auto values = l.integer_input(1);
    if (values.size() != 1) l.invalid("its k is not one number");
    k = std::clamp(values[0], -rows - 1, columns + 1);
  }

  std::vector<RegionT> regions;
  const auto push = [&](int64_t row, int64_t count, int64_t from, int64_t to) {
    const int64_t offset = row * columns + from;
    const Extents strides{rows * columns, columns, 1};
    if (regions.size() > (1u << 16)) l.unsupported("it has over 65536 rows");
    if (to > from && count > 0)
      regions.push_back(make_region(0, {batch, count, to - from}, offset, strides, offset, strides));
  };
  int64_t whole = 0;  // rows kept in full, at the top (upper) or at the bottom (lower)
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t from = upper ? std::clamp<int64_t>(row + k, 0, columns) : 0;
    const int64_t to = upper ? columns : std::clamp<int64_t>(row + k + 1, 0, columns);
    if (from == 0 && to == columns) ++whole;
    else push(row, 1, from, to);
  }
  push(upper ? 0 : rows - whole, whole, 0, columns);
  l.copy({l.in(0)}, std::move(regions), l.out(), encode_scalar(l.type(l.out()), 0));
}

void lower_eye_like(Lowering& l) {
  const Extents out = l.shape(l.out());
  if (out.size() != 2) l.invalid("its input is no matrix");
  const int64_t k = std::clamp(l.attr<schema::EyeLikeAttributesT>().k, -out[0], out[1]);
  const int64_t row = std::max<int64_t>(-k, 0), column = std::max<int64_t>(k, 0);
  const int64_t count = std::min(out[0] - row, out[1] - column);
  const DataType type = l.type(l.out());
  l.copy({l.scalar(type, 1)}, {make_region(0, {count}, 0, {0}, row * out[1] + column, {out[1] + 1})}, l.out(),
         encode_scalar(type, 0));
}

}  // namespace motley::graph
