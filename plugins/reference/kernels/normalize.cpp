// Normalize: Y = (X - mean) / sqrt(var + epsilon) · scale + bias over the dimensions from an axis on.
#include "indexing.hpp"
#include "kernels.hpp"
#include "numeric.hpp"

namespace motley::reference {

namespace {

Shape inner_shape(const NodeView& node) {
  const Shape& x = node.input(0)->shape;
  const int64_t axis = checked_axis(node.attributes<schema::NormalizeAttributes>().axis(), x.rank());
  return Shape({x.begin() + axis, x.end()});
}

void check(const NodeView& node) {
  check_arity(node, {1, 3});
  const TensorView &x = *node.input(0), &y = *node.output(0);
  check_type(x, is_real, "input 0");
  check_same_type(x, y);
  check_shape(y, x.shape, "output 0");
  const Shape inner = inner_shape(node);
  for (size_t i = 1; i < 3; ++i) {
    if (!node.input(i)) continue;
    check_same_type(x, *node.input(i));
    require(broadcasts_to(node.input(i)->shape, inner), "scale or bias does not fit the normalized dimensions");
  }
}

struct NormalizeKernel final : Kernel {
  DataType type;
  Shape inner;
  int64_t groups = 0;
  double epsilon = 0;
  bool center = true, has_scale = false, has_bias = false;
  Strides scale_strides{}, bias_strides{};

  template <class T>
  void run_group(const RunContext& c, int64_t group) const {
    const int64_t count = inner.elements();
    const T* x = c.input<T>(0) + group * count;
    T* y = c.output<T>(0) + group * count;
    double mean = 0, variance = 0;
    for (int64_t i = 0; center && i < count; ++i) mean += real(x[i]) / static_cast<double>(count);
    for (int64_t i = 0; i < count; ++i)
      variance += (real(x[i]) - mean) * (real(x[i]) - mean) / static_cast<double>(count);
    const double factor = 1 / std::sqrt(variance + epsilon);
    for (Walk<2> w(inner, {scale_strides, bias_strides}); w.more(); w.next()) {
      double v = (real(*x++) - mean) * factor;
      if (has_scale) v *= real(c.input<T>(1)[w[0]]);
      if (has_bias) v += real(c.input<T>(2)[w[1]]);
      *y++ = static_cast<T>(v);
    }
  }
  void run(const RunContext& c) const override {
    with_real(type, [&](auto t) {
      for (int64_t group = 0; group < groups; ++group) run_group<typename decltype(t)::type>(c, group);
    });
  }
  std::string_view name() const override { return "normalize"; }
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const auto& attributes = node.attributes<schema::NormalizeAttributes>();
  auto kernel = std::make_unique<NormalizeKernel>();
  kernel->type = node.input(0)->type;
  kernel->inner = inner_shape(node);
  const Shape& x = node.input(0)->shape;
  kernel->groups = x.elements(0, x.rank() - kernel->inner.rank());
  kernel->epsilon = attributes.epsilon();
  kernel->center = attributes.center();
  kernel->has_scale = node.input(1) != nullptr;
  kernel->has_bias = node.input(2) != nullptr;
  if (kernel->has_scale) kernel->scale_strides = broadcast_strides(node.input(1)->shape, kernel->inner);
  if (kernel->has_bias) kernel->bias_strides = broadcast_strides(node.input(2)->shape, kernel->inner);
  return kernel;
}

}  // namespace

KernelEntry normalize_kernel() { return entry<check>(Op::Normalize, prepare); }

}  // namespace motley::reference
