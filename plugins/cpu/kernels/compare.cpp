// Compare, Logical and Where: the ops on truth values, with broadcasting.
#include <cstring>

#include "kernels/binary_simd.hpp"
#include "kernels/broadcast.hpp"
#include "kernels/kernels.hpp"

namespace motley::cpu {

namespace {

using schema::CompareFunction;
using schema::LogicalFunction;

void check_compare(const NodeView& node) {
  check_arity(node, 2, 2);
  const TensorView &a = *node.input(0), &b = *node.input(1), &y = *node.output(0);
  const CompareFunction f = node.attributes<schema::CompareAttributes>().function();
  require(f <= CompareFunction::greater_or_equal, "unknown function");
  require(a.type == DataType::float32 || a.type == DataType::int32 || a.type == DataType::int64,
          "input 0 of type " + describe(a.type) + " not supported");
  check_type(b, a.type, "input 1");
  check_type(y, DataType::bool_, "output 0");
  check_shape(y, broadcast_shape(a.shape, b.shape), "output 0");
}

template <class T>
bool holds(CompareFunction f, T a, T b) {
  switch (f) {
    case CompareFunction::equal: return a == b;
    case CompareFunction::not_equal: return a != b;
    case CompareFunction::less: return a < b;
    case CompareFunction::less_or_equal: return a <= b;
    case CompareFunction::greater: return a > b;
    default: return a >= b;
  }
}

template <class T>
std::unique_ptr<Kernel> prepare_integer_compare(CompareFunction f, const BroadcastPlan<2>& plan) {
  return make_kernel("compare_integer", [plan, f](const RunContext& c) {
    const int64_t step_a = plan.advances(0), step_b = plan.advances(1);
    plan.run(c.threads, INT64_MAX, [&](int64_t at, const std::array<int64_t, 2>& from, int64_t n, uint32_t) {
      const T *a = c.input<T>(0) + from[0], *b = c.input<T>(1) + from[1];
      for (int64_t i = 0; i < n; ++i) c.output<uint8_t>(0)[at + i] = holds(f, a[i * step_a], b[i * step_b]);
    });
  });
}

std::unique_ptr<Kernel> prepare_compare(const NodeView& node, const PrepareContext&) {
  const BroadcastPlan<2> plan(node.output(0)->shape, {node.input(0)->shape, node.input(1)->shape});
  const CompareFunction f = node.attributes<schema::CompareAttributes>().function();
  if (node.input(0)->type == DataType::int32) return prepare_integer_compare<int32_t>(f, plan);
  if (node.input(0)->type == DataType::int64) return prepare_integer_compare<int64_t>(f, plan);
  const Operands operands = !plan.advances(0) && plan.advances(1) ? Operands::scalar_a
                            : !plan.advances(1)                   ? Operands::scalar_b
                                                                  : Operands::both;
  return make_kernel("compare", [plan, function = compare_simd(f, operands)](const RunContext& c) {
    plan.run(c.threads, INT64_MAX, [&](int64_t at, const std::array<int64_t, 2>& from, int64_t n, uint32_t) {
      function(c.input<float>(0) + from[0], c.input<float>(1) + from[1], c.output<uint8_t>(0) + at,
               static_cast<size_t>(n));
    });
  });
}

void check_logical(const NodeView& node) {
  check_arity(node, 2, 2);
  const TensorView &a = *node.input(0), &b = *node.input(1), &y = *node.output(0);
  check_type(a, DataType::bool_, "input 0");
  check_type(b, DataType::bool_, "input 1");
  check_type(y, DataType::bool_, "output 0");
  check_shape(y, broadcast_shape(a.shape, b.shape), "output 0");
  require(node.attributes<schema::LogicalAttributes>().function() <= LogicalFunction::xor_, "unknown function");
}

std::unique_ptr<Kernel> prepare_logical(const NodeView& node, const PrepareContext&) {
  const BroadcastPlan<2> plan(node.output(0)->shape, {node.input(0)->shape, node.input(1)->shape});
  const LogicalFunction f = node.attributes<schema::LogicalAttributes>().function();
  return make_kernel("logical", [plan, f](const RunContext& c) {
    const int64_t step_a = plan.advances(0), step_b = plan.advances(1);
    plan.run(c.threads, INT64_MAX, [&](int64_t at, const std::array<int64_t, 2>& from, int64_t n, uint32_t) {
      const uint8_t *a = c.input<uint8_t>(0) + from[0], *b = c.input<uint8_t>(1) + from[1];
      uint8_t* out = c.output<uint8_t>(0) + at;
      for (int64_t i = 0; i < n; ++i) {
        const bool x = a[i * step_a] != 0, y = b[i * step_b] != 0;
        out[i] = f == LogicalFunction::and_ ? x && y : f == LogicalFunction::or_ ? x || y : x != y;
      }
    });
  });
}

void check_where(const NodeView& node) {
  check_arity(node, 3, 3);
  const TensorView &condition = *node.input(0), &a = *node.input(1), &b = *node.input(2), &y = *node.output(0);
  check_type(condition, DataType::bool_, "input 0");
  check_type(b, a.type, "input 2");
  check_type(y, a.type, "output 0");
  check_shape(y, broadcast_shape(condition.shape, broadcast_shape(a.shape, b.shape)), "output 0");
}

// Elements are moved, so only their size counts.
template <class T>
std::unique_ptr<Kernel> prepare_where_of(const BroadcastPlan<3>& plan) {
  return make_kernel("where", [plan](const RunContext& c) {
    const int64_t step = plan.advances(0), step_a = plan.advances(1), step_b = plan.advances(2);
    plan.run(c.threads, INT64_MAX, [&](int64_t at, const std::array<int64_t, 3>& from, int64_t n, uint32_t) {
      const uint8_t* condition = c.input<uint8_t>(0) + from[0];
      const T *a = c.input<T>(1) + from[1], *b = c.input<T>(2) + from[2];
      T* out = c.output<T>(0) + at;
      for (int64_t i = 0; i < n; ++i) out[i] = condition[i * step] ? a[i * step_a] : b[i * step_b];
    });
  });
}

std::unique_ptr<Kernel> prepare_where(const NodeView& node, const PrepareContext&) {
  const BroadcastPlan<3> plan(node.output(0)->shape,
                              {node.input(0)->shape, node.input(1)->shape, node.input(2)->shape});
  switch (sdk::element_bytes(node.output(0)->type)) {
    case 1: return prepare_where_of<uint8_t>(plan);
    case 2: return prepare_where_of<uint16_t>(plan);
    case 4: return prepare_where_of<uint32_t>(plan);
    default: return prepare_where_of<uint64_t>(plan);
  }
}

}  // namespace

KernelEntry compare_kernel() { return entry<check_compare>(Op::Compare, prepare_compare); }
KernelEntry logical_kernel() { return entry<check_logical>(Op::Logical, prepare_logical); }
KernelEntry where_kernel() { return entry<check_where>(Op::Where, prepare_where); }

}  // namespace motley::cpu
