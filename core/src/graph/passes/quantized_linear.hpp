// Scales and zero points around QuantizeLinear and DequantizeLinear, as the pass that computes on integers reads them.
#pragma once

#include <optional>
#include <vector>

#include "graph/rewrite.hpp"

namespace motley::graph {

// A constant scale and zero point, one or one per slice of an axis.
struct Linear {
  TensorId integers = kNone, scale = kNone, zero = kNone;  // zero: kNone where absent, which means 0
  DataType type = DataType::undefined;
  int64_t axis = 0;
  std::vector<double> scales, zeros;

  bool is_byte() const { return type == DataType::int8 || type == DataType::uint8; }
  bool per_tensor() const { return scales.size() == 1; }
  bool same_parameters(const Linear& o) const { return type == o.type && scales == o.scales && zeros == o.zeros; }
};

// Of a QuantizeLinear (integers: its output) or DequantizeLinear (its input) node; nothing where it is of another kind.
std::optional<Linear> read_linear(const Rewriter& r, const Node& node);
// Of the DequantizeLinear that writes the tensor, where its integers are bytes.
std::optional<Linear> dequantized_bytes(const Rewriter& r, TensorId id);
// The zero point's tensor; a new one where there is none.
TensorId zero_point(Rewriter& r, const Linear& linear);
// Quantizing saturates at or inside of what the activation cuts off, so the activation changes nothing.
bool saturation_does(const Linear& linear, UnaryFunction function, double low, double high);
inline bool saturation_does(const Linear& linear, const Activation& a) {
  return saturation_does(linear, a.function(), static_cast<double>(a.alpha()), static_cast<double>(a.beta()));
}
// The bias in units of x's scale times w's, as int32; nothing where rounding would show.
std::optional<std::vector<double>> integer_bias(const Rewriter& r, TensorId id, const Linear& x, const Linear& w,
                                                const Linear& y, int64_t channels);

}  // namespace motley::graph
