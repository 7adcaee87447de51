// Pooling over windows and over all of the spatial dimensions.
#include <algorithm>

#include "graph/infer/rules.hpp"
#include "graph/infer/window.hpp"

namespace motley::graph::infer {

namespace {

std::optional<Dims> pool_shape(Context& c, const schema::PoolAttributesT& a) {
  c.require_rank(0, 3, sdk::kMaxRank, "the input");
  if (a.kernel_shape.empty()) c.fail("kernel_shape is missing");
  const Dims* x = c.shape(0);
  const size_t spatial = x ? x->size() - 2 : a.kernel_shape.size();
  const Extents kernel = list_attribute(c, a.kernel_shape, spatial, 1, 1, "kernel_shape");
  const Dims kernel_dims(kernel.begin(), kernel.end());
  const std::vector<Window> window = windows(c, kernel_dims, a.strides, a.dilations, a.pads, a.auto_pad);
  for (const Window& w : window) {
    // A window wholly in the padding has no elements to pool.
    const int64_t effective = effective_kernel(c, w);
    if (w.pad_begin >= effective || w.pad_end >= effective)
      c.fail("a pad (%) is not smaller than the kernel (%)", {std::max(w.pad_begin, w.pad_end), effective});
  }
  std::optional<Dims> shape;
  if (x) {
    shape = Dims{(*x)[0], (*x)[1]};
    for (size_t i = 0; i < spatial; ++i)
      shape->push_back(
          window_positions(c, (*x)[i + 2], window[i], a.auto_pad, a.ceil_mode ? Rounding::up : Rounding::down));
  }
  return shape;
}

}  // namespace

void pool(Context& c) {
  const auto& a = c.attributes<schema::PoolAttributesT>();
  c.require_type(0, kNumeric, "the input");
  if (a.function == schema::PoolFunction::lp && a.p < 1) c.fail("p (%) is below 1", {a.p});
  if (c.writes(1) && a.function != schema::PoolFunction::max) c.fail("only max pooling has a second output");
  const std::optional<Dims> shape = pool_shape(c, a);
  c.set(0, c.type(0), shape);
  c.set(1, DataType::int64, shape);
}

void qlinear_pool(Context& c) {
  const auto& a = c.attributes<schema::PoolAttributesT>();
  require_quantized(c, 0, "the input");
  require_quantization(c, 3);
  if (a.function != schema::PoolFunction::average) c.fail("only the average is known of quantized numbers");
  c.set(0, c.type(4), pool_shape(c, a));
}

void global_pool(Context& c) {
  const auto& a = c.attributes<schema::GlobalPoolAttributesT>();
  if (a.function == schema::PoolFunction::lp && a.p < 1) c.fail("p (%) is below 1", {a.p});
  c.require_type(0, kFloat, "the input");
  c.require_rank(0, 2, sdk::kMaxRank, "the input");
  const Dims* x = c.shape(0);
  if (!x) return c.set(0, c.type(0), std::nullopt);
  Dims shape(x->size(), Dim(1));
  shape[0] = (*x)[0];
  shape[1] = (*x)[1];
  c.set(0, c.type(0), std::move(shape));
}

}  // namespace motley::graph::infer
