// Merging dimensions.
#include "shapes.hpp"

#include "ops.hpp"

namespace motley::gpu {

Merged merge_dimensions(const std::vector<int64_t>& extents, const std::vector<std::vector<int64_t>>& strides) {
  Merged m;
  m.strides.resize(strides.size());
  for (size_t i = 0; i < extents.size(); ++i) {
    if (extents[i] == 1) continue;
    bool joins = !m.extents.empty();
    for (size_t v = 0; v < strides.size() && joins; ++v) joins = m.strides[v].back() == strides[v][i] * extents[i];
    if (joins) {
      m.extents.back() *= extents[i];
      for (size_t v = 0; v < strides.size(); ++v) m.strides[v].back() = strides[v][i];
    } else {
      m.extents.push_back(extents[i]);
      for (size_t v = 0; v < strides.size(); ++v) m.strides[v].push_back(strides[v][i]);
    }
  }
  if (m.extents.empty()) {
    m.extents.push_back(1);
    for (auto& s : m.strides) s.push_back(0);
  }
  return m;
}

std::vector<int64_t> row_major(const Shape& shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0; step *= shape[i]) strides[i] = step;
  return strides;
}

std::vector<int64_t> broadcast(const Shape& from, const Shape& to) {
  const std::vector<int64_t> own = row_major(from);
  std::vector<int64_t> strides(to.size());
  const size_t lead = to.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i) strides[lead + i] = from[i] == 1 ? 0 : own[i];
  return strides;
}

std::vector<int64_t> list(const Shape& shape) { return {shape.begin(), shape.end()}; }

void check_rank(const Merged& merged) {
  require(merged.extents.size() <= kKernelRank, "more than 6 dimensions that can't be merged");
}

}  // namespace motley::gpu
