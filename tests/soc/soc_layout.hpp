// Segments in nhwc for kernels that know row-major tensors alone.
#pragma once

#include "motley/sdk/layout.hpp"

namespace motley::test {

// The segment with each node in nhwc between copies that bring its tensors out of that layout and into it. Nodes are
// added; inputs, outputs and constants stay.
flatbuffers::DetachedBuffer row_major_inside(const motley_graph& segment);

}  // namespace motley::test
