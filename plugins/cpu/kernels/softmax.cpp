// Softmax and log-softmax along one axis, or all dimensions from an axis on.
#include <cmath>

#include "kernels/binary_simd.hpp"
#include "kernels/kernels.hpp"
#include "kernels/rows_simd.hpp"
#include "support.hpp"

namespace motley::cpu {

namespace {

using schema::SoftmaxFunction;

constexpr int64_t kLanes = 256;  // columns that are worked on side by side
// Rows of at most so many elements are turned into columns: a row alone would not fill a vector.
constexpr int64_t kShortRow = 16, kFewRows = 8;

// The input as outer x n x inner, softmax running over n.
struct Extents {
  int64_t outer, n, inner;
};

Extents extents_of(const NodeView& node) {
  const Shape& shape = node.input(0)->shape;
  const auto& attributes = node.attributes<schema::SoftmaxAttributes>();
  if (shape.rank() == 0) return {1, 1, 1};
  const auto axis = static_cast<int>(checked_axis(attributes.axis(), shape.rank()));
  if (attributes.flatten()) return {shape.elements(0, axis), shape.elements(axis, shape.rank()), 1};
  return {shape.elements(0, axis), shape[static_cast<size_t>(axis)], shape.elements(axis + 1, shape.rank())};
}

void check(const NodeView& node) {
  check_arity(node, 1, 1);
  check_all_float(node);
  check_shape(*node.output(0), node.input(0)->shape, "output 0");
  const SoftmaxFunction f = node.attributes<schema::SoftmaxAttributes>().function();
  require(f == SoftmaxFunction::softmax || f == SoftmaxFunction::log_softmax, "hardmax not supported");
  extents_of(node);
}

class Softmax final : public Kernel {
 public:
  Softmax(const Extents& extents, bool log)
      : e_(extents),
        log_(log),
        ops_(row_ops()),
        scale_(binary_simd(schema::BinaryFunction::mul, Operands::scalar_b)),
        divide_(binary_simd(schema::BinaryFunction::div, Operands::both)),
        subtract_(binary_simd(schema::BinaryFunction::sub, Operands::both)) {}

  void run(const RunContext& c) const override {
    if (e_.outer * e_.n * e_.inner == 0) return;
    if (e_.inner == 1) {
      parallel_ranges(c.threads, e_.outer, std::max<int64_t>(1, kGrain / 4 / e_.n),
                      [&](int64_t begin, int64_t end, uint32_t) {
                        const float* x = c.input<float>(0);
                        float* y = c.output<float>(0);
                        if (e_.n <= kShortRow && end - begin >= kFewRows)
                          return run_short_rows(x + begin * e_.n, y + begin * e_.n, end - begin);
                        for (int64_t i = begin; i < end; ++i) run_row(x + i * e_.n, y + i * e_.n);
                      });
      return;
    }
    const int64_t pieces = (e_.inner + kLanes - 1) / kLanes;
    parallel_ranges(c.threads, e_.outer * pieces,
                    std::max<int64_t>(1, kGrain / 4 / (e_.n * std::min(kLanes, e_.inner))),
                    [&](int64_t begin, int64_t end, uint32_t) {
                      for (int64_t i = begin; i < end; ++i) {
                        const int64_t lane = i % pieces * kLanes, at = i / pieces * e_.n * e_.inner + lane;
                        run_columns(c.input<float>(0) + at, c.output<float>(0) + at, e_.inner,
                                    std::min(kLanes, e_.inner - lane));
                      }
                    });
  }
  std::string_view name() const override { return log_ ? "log_softmax" : "softmax"; }

 private:
  void run_row(const float* x, float* y) const {
    const auto n = static_cast<size_t>(e_.n);
    const float highest = ops_.along[static_cast<size_t>(Fold::max)](x, n);
    const float sum = ops_.exp_along(x, highest, log_ ? nullptr : y, n);
    if (log_) {
      // Two steps: highest + log(sum) would round away the sum where |highest| is large.
      const float log_sum = std::log(sum);
      for (size_t i = 0; i < n; ++i) y[i] = (x[i] - highest) - log_sum;
      return;
    }
    const float factor = 1 / sum;
    scale_(y, &factor, y, n);
  }

  void run_short_rows(const float* x, float* y, int64_t rows) const {
    alignas(64) float turned[kShortRow * kLanes];
    for (int64_t first = 0; first < rows; first += kLanes) {
      const int64_t count = std::min(kLanes, rows - first), at = first * e_.n;
      for (int64_t i = 0; i < count; ++i)
        for (int64_t k = 0; k < e_.n; ++k) turned[k * kLanes + i] = x[at + i * e_.n + k];
      run_columns(turned, turned, kLanes, count);
      for (int64_t i = 0; i < count; ++i)
        for (int64_t k = 0; k < e_.n; ++k) y[at + i * e_.n + k] = turned[k * kLanes + i];
    }
  }

  // `stride` from one element of a column to the next; y may be x.
  void run_columns(const float* x, float* y, int64_t stride, int64_t lanes) const {
    alignas(64) float highest[kLanes], sums[kLanes];
    const auto width = static_cast<size_t>(lanes);
    std::copy_n(x, lanes, highest);
    std::fill_n(sums, lanes, 0.0f);
    for (int64_t k = 1; k < e_.n; ++k) ops_.across[static_cast<size_t>(Fold::max)](x + k * stride, highest, width);
    for (int64_t k = 0; k < e_.n; ++k)
      ops_.exp_across(x + k * stride, highest, log_ ? nullptr : y + k * stride, sums, width);
    if (log_)
      for (int64_t i = 0; i < lanes; ++i) sums[i] = std::log(sums[i]);
    for (int64_t k = 0; k < e_.n; ++k) {
      float* out = y + k * stride;
      if (!log_) {
        divide_(out, sums, out, width);
        continue;
      }
      subtract_(x + k * stride, highest, out, width);
      subtract_(out, sums, out, width);
    }
  }

  Extents e_;
  bool log_;
  const RowOps& ops_;
  BinaryFn scale_, divide_, subtract_;
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  return std::make_unique<Softmax>(
      extents_of(node), node.attributes<schema::SoftmaxAttributes>().function() == SoftmaxFunction::log_softmax);
}

}  // namespace

KernelEntry softmax_kernel() { return entry<check>(Op::Softmax, prepare); }

}  // namespace motley::cpu
