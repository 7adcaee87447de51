// The tensor that the steps of a sequence were cut from.
#pragma once

#include <optional>
#include <vector>

#include "graph/rewrite.hpp"

namespace motley::graph {

// A tensor is `sequence` at `index` along `axis`, by way of Split, Slice or Gather and views.
struct SequenceCut {
  TensorId sequence = kNone;
  int64_t axis = 0, index = 0;
};

// The tensor that the steps (batch, width) are all of, in order: its elements are (steps, batch, width) with axis 0 and
// (batch, steps, width) with axis 1.
std::optional<SequenceCut> sequence_of(const Rewriter& r, const std::vector<TensorId>& steps, int64_t batch);

}  // namespace motley::graph
