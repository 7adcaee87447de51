// What a kernel is fed when it is checked, and whether what it gives is right.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.hpp"

namespace motley::tuner {

using Bytes = std::vector<uint8_t>;

// Three fillings, so that a kernel that is right on one kind of data only is found: random; extremes, large and small
// and zero beside each other; and a ramp, in which every element is different and a wrong index shows.
enum class Filling { random, extremes, ramp };
Bytes fill_tensor(const graph::Tensor& tensor, Filling filling, uint64_t seed);

// How far results are from the reference's. The limit is relative to the largest value of the reference, because a sum
// that cancels keeps the error of its terms.
struct Difference {
  double max_abs = 0, max_rel = 0;  // max_rel: max_abs over the largest value
  bool acceptable = true;
  std::string where;  // of the worst element, one phrase
};
// A kernel that computes in a lower `precision` (undefined: in the tensor's own) has the limit of that.
Difference compare(const graph::Tensor& tensor, const Bytes& result, const Bytes& reference,
                   schema::DataType precision = schema::DataType::undefined);

}  // namespace motley::tuner
