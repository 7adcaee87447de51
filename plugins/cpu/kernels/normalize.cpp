// Normalize: mean and variance of the last dimensions taken out of each row, then scale and bias.
#include <cmath>

#include "kernels/kernels.hpp"
#include "kernels/rows_simd.hpp"
#include "support.hpp"

namespace motley::cpu {

namespace {

void check(const NodeView& node) {
  check_arity(node, 1, 3);
  check_all_float(node);
  const Shape& shape = node.input(0)->shape;
  check_shape(*node.output(0), shape, "output 0");
  require(shape.rank() > 0, "a scalar can't be normalized");
  const int64_t axis = checked_axis(node.attributes<schema::NormalizeAttributes>().axis(), shape.rank());
  const Shape row({shape.begin() + axis, shape.end()});
  if (node.input(1)) check_shape(*node.input(1), row, "scale");
  if (node.input(2)) check_shape(*node.input(2), row, "bias");
}

struct Normalization {
  int64_t rows, n;
  float epsilon;
  bool center;
  const RowOps* ops;

  void run_row(const float* x, const float* scale, const float* bias, float* y) const {
    const auto count = static_cast<size_t>(n);
    const auto size = static_cast<float>(n);
    const float mean = center ? ops->along[static_cast<size_t>(Fold::sum)](x, count) / size : 0;
    const float variance = ops->deviation(x, mean, count) / size;
    ops->normalize(x, mean, 1 / std::sqrt(variance + epsilon), scale, bias, y, count);
  }
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const Shape& shape = node.input(0)->shape;
  const auto& attributes = node.attributes<schema::NormalizeAttributes>();
  const auto axis = static_cast<int>(checked_axis(attributes.axis(), shape.rank()));
  const Normalization job{shape.elements(0, axis), shape.elements(axis, shape.rank()), attributes.epsilon(),
                          attributes.center(), &row_ops()};
  return make_kernel("normalize", [job, has_scale = node.input(1) != nullptr,
                                   has_bias = node.input(2) != nullptr](const RunContext& c) {
    if (job.rows * job.n == 0) return;
    parallel_ranges(c.threads, job.rows, std::max<int64_t>(1, kGrain / 2 / job.n),
                    [&](int64_t begin, int64_t end, uint32_t) {
                      for (int64_t i = begin; i < end; ++i)
                        job.run_row(c.input<float>(0) + i * job.n, has_scale ? c.input<float>(1) : nullptr,
                                    has_bias ? c.input<float>(2) : nullptr, c.output<float>(0) + i * job.n);
                    });
  });
}

}  // namespace

KernelEntry normalize_kernel() { return entry<check>(Op::Normalize, prepare); }

}  // namespace motley::cpu
