// Reduce: sums, extremes, products and norms of float32 over any axes.
//
// Dimensions are merged to alternate between kept and reduced ones. Where the innermost is reduced, rows are folded to
// one number each; where it is kept, rows are folded into a row of results.
#include <cmath>

#include "kernels/kernels.hpp"
#include "kernels/rows_simd.hpp"
#include "support.hpp"

namespace motley::cpu {

namespace {

using F = schema::ReduceFunction;

constexpr int64_t kLanes = 512;  // results that are folded side by side

struct Dim {
  int64_t extent, stride;
};

// Row-major position `index` within `dims` as an offset in the input.
int64_t offset_of(const std::vector<Dim>& dims, int64_t index) {
  int64_t offset = 0;
  for (size_t i = dims.size(); i-- > 0;) {
    offset += index % dims[i].extent * dims[i].stride;
    index /= dims[i].extent;
  }
  return offset;
}

struct Plan {
  std::vector<Dim> kept, reduced;  // all but the innermost, outermost first
  int64_t inner = 1;               // extent of the innermost dimension, whose stride is 1
  bool inner_reduced = true;
  int64_t kept_count = 1, reduced_count = 1;  // without the innermost
  int64_t folded() const { return reduced_count * (inner_reduced ? inner : 1); }
};

std::array<bool, sdk::kMaxRank> reduced_axes(const NodeView& node) {
  const auto& attributes = node.attributes<schema::ReduceAttributes>();
  const int rank = node.input(0)->shape.rank();
  const auto list = sdk::numbers(attributes.axes());
  std::vector<int64_t> axes(list.begin(), list.end());
  if (node.input(1)) axes = constant_integers(*node.input(1), "axes");
  std::array<bool, sdk::kMaxRank> reduced{};
  if (axes.empty() && !attributes.noop_with_empty_axes()) std::fill_n(reduced.begin(), rank, true);
  for (int64_t axis : axes) reduced[static_cast<size_t>(checked_axis(axis, rank))] = true;
  return reduced;
}

Plan make_plan(const NodeView& node) {
  const Shape& x = node.input(0)->shape;
  const auto reduced = reduced_axes(node);
  struct Part {
    int64_t extent, stride;
    bool reduced;
  };
  std::vector<Part> parts;  // innermost first
  int64_t stride = 1;
  for (size_t i = x.size(); i-- > 0;) {
    if (x[i] == 1) continue;
    if (!parts.empty() && parts.back().reduced == reduced[i]) parts.back().extent *= x[i];
    else parts.push_back({x[i], stride, reduced[i]});
    stride *= x[i];
  }
  Plan plan;
  if (parts.empty()) return plan;
  plan.inner = parts[0].extent;
  plan.inner_reduced = parts[0].reduced;
  for (size_t i = parts.size(); i-- > 1;) {
    (parts[i].reduced ? plan.reduced : plan.kept).push_back({parts[i].extent, parts[i].stride});
    (parts[i].reduced ? plan.reduced_count : plan.kept_count) *= parts[i].extent;
  }
  return plan;
}

void check(const NodeView& node) {
  check_arity(node, 1, 2);
  const auto& attributes = node.attributes<schema::ReduceAttributes>();
  const TensorView &x = *node.input(0), &y = *node.output(0);
  require(attributes.function() <= F::log_sum_exp, "unknown function");
  check_type(x, DataType::float32, "input 0");
  check_type(y, DataType::float32, "output 0");
  const auto reduced = reduced_axes(node);
  Shape expected;
  for (size_t i = 0; i < x.shape.size(); ++i) {
    if (!reduced[i]) expected.push_back(x.shape[i]);
    else if (attributes.keepdims()) expected.push_back(1);
  }
  check_shape(y, expected, "output 0");
  require(y.elements() == 0 || x.elements() > 0, "a reduction of nothing not supported");
}

Fold fold_of(F f) {
  switch (f) {
    case F::max:
    case F::log_sum_exp: return Fold::max;
    case F::min: return Fold::min;
    case F::prod: return Fold::product;
    case F::l1: return Fold::sum_abs;
    case F::l2:
    case F::sum_square: return Fold::sum_square;
    default: return Fold::sum;
  }
}

// Two folded parts as one.
float join(Fold fold, float a, float b) {
  switch (fold) {
    case Fold::max: return a >= b || std::isnan(a) ? a : b;
    case Fold::min: return a <= b || std::isnan(a) ? a : b;
    case Fold::product: return a * b;
    default: return a + b;
  }
}

float last_step(F f, float folded, int64_t count) {
  switch (f) {
    case F::mean: return folded / static_cast<float>(count);
    case F::l2: return std::sqrt(folded);
    case F::log_sum: return std::log(folded);
    default: return folded;
  }
}

class Reduce final : public Kernel {
 public:
  Reduce(F function, Plan plan) : f_(function), fold_(fold_of(function)), plan_(std::move(plan)), ops_(row_ops()) {}

  void run(const RunContext& c) const override {
    const int64_t rows = plan_.kept_count;
    if (rows * plan_.inner == 0) return;
    if (plan_.inner_reduced) {
      parallel_ranges(c.threads, rows, std::max<int64_t>(1, kGrain / plan_.folded()),
                      [&](int64_t begin, int64_t end, uint32_t) {
                        for (int64_t i = begin; i < end; ++i)
                          c.output<float>(0)[i] = run_row(c.input<float>(0) + offset_of(plan_.kept, i));
                      });
      return;
    }
    const int64_t pieces = (plan_.inner + kLanes - 1) / kLanes;
    const int64_t work = plan_.folded() * std::min(plan_.inner, kLanes);
    parallel_ranges(c.threads, rows * pieces, std::max<int64_t>(1, kGrain / work),
                    [&](int64_t begin, int64_t end, uint32_t) {
                      for (int64_t i = begin; i < end; ++i) {
                        const int64_t row = i / pieces, lane = i % pieces * kLanes;
                        run_lanes(c.input<float>(0) + offset_of(plan_.kept, row) + lane,
                                  c.output<float>(0) + row * plan_.inner + lane, std::min(kLanes, plan_.inner - lane));
                      }
                    });
  }
  std::string_view name() const override { return "reduce"; }

 private:
  float run_row(const float* x) const {
    const auto n = static_cast<size_t>(plan_.inner);
    float folded = ops_.along[static_cast<size_t>(fold_)](x + offset_of(plan_.reduced, 0), n);
    for (int64_t r = 1; r < plan_.reduced_count; ++r)
      folded = join(fold_, folded, ops_.along[static_cast<size_t>(fold_)](x + offset_of(plan_.reduced, r), n));
    if (f_ != F::log_sum_exp) return last_step(f_, folded, plan_.folded());
    if (std::isinf(folded)) return folded;
    float sum = 0;
    for (int64_t r = 0; r < plan_.reduced_count; ++r)
      sum += ops_.exp_along(x + offset_of(plan_.reduced, r), folded, nullptr, n);
    return folded + std::log(sum);
  }

  void run_lanes(const float* x, float* y, int64_t lanes) const {
    const auto n = static_cast<size_t>(lanes);
    alignas(64) float into[kLanes], sums[kLanes];
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    std::fill_n(into, lanes,
                fold_ == Fold::max       ? -kInfinity
                : fold_ == Fold::min     ? kInfinity
                : fold_ == Fold::product ? 1.0f
                                         : 0.0f);
    for (int64_t r = 0; r < plan_.reduced_count; ++r)
      ops_.across[static_cast<size_t>(fold_)](x + offset_of(plan_.reduced, r), into, n);
    if (f_ != F::log_sum_exp) {
      for (int64_t i = 0; i < lanes; ++i) y[i] = last_step(f_, into[i], plan_.folded());
      return;
    }
    std::fill_n(sums, lanes, 0.0f);
    for (int64_t r = 0; r < plan_.reduced_count; ++r)
      ops_.exp_across(x + offset_of(plan_.reduced, r), into, nullptr, sums, n);
    for (int64_t i = 0; i < lanes; ++i) y[i] = std::isinf(into[i]) ? into[i] : into[i] + std::log(sums[i]);
  }

  F f_;
  Fold fold_;
  Plan plan_;
  const RowOps& ops_;
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  return std::make_unique<Reduce>(node.attributes<schema::ReduceAttributes>().function(), make_plan(node));
}

}  // namespace

KernelEntry reduce_kernel() { return entry<check>(Op::Reduce, prepare); }

}  // namespace motley::cpu
