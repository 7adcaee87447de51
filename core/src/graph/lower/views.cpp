// Ops that only give the same elements another shape, and those whose result is known.
#include <algorithm>

#include "graph/lower/rules.hpp"

namespace motley::graph {

void lower_view(Lowering& l) { l.reshape(l.in(0), l.shape(l.out()), l.out()); }

// Shape inference folds these where it can; what reaches here has concrete shapes, so the result is a constant.
void lower_known(Lowering& l) {
  const Extents extents = l.shape(l.in(0));
  std::vector<double> values;
  if (l.node().op == Op::Size) {
    values.push_back(static_cast<double>(l.tensor(l.in(0)).elements()));
  } else {
    const auto& attributes = l.attr<schema::ShapeAttributesT>();
    const auto rank = static_cast<int64_t>(extents.size());
    const auto clamped = [rank](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + rank : i, 0, rank); };
    for (int64_t i = clamped(attributes.start); i < clamped(attributes.end); ++i)
      values.push_back(static_cast<double>(extents[static_cast<size_t>(i)]));
  }
  const Extents result = l.shape(l.out());
  if (product(result) != static_cast<int64_t>(values.size()))
    l.invalid("its output has another size than its input's shape");
  l.reshape(l.constant(l.type(l.out()), result, values), result, l.out());
}

}  // namespace motley::graph
