// Two copies in a row as one.
#pragma once

#include <optional>

#include "graph/lower/regions.hpp"

namespace motley::graph {

// The region that does what `second` does on the result of `first`, reading what `first` reads. `first` must write all
// `elements` elements of its result in order. Nothing where no single region does it.
std::optional<RegionT> compose(const RegionT& first, const RegionT& second, int64_t elements);

}  // namespace motley::graph
