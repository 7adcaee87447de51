// Pooling, over windows and over all positions.
#include "onnx/ops/windows.hpp"

namespace motley::convert {
namespace {

using F = schema::PoolFunction;

schema::PoolAttributesT pool_attributes(OpContext& c) {
  schema::PoolAttributesT attributes;
  attributes.function = static_cast<F>(c.rule().function);
  attributes.kernel_shape = c.integers("kernel_shape");
  if (attributes.kernel_shape.empty()) c.invalid("lacks the attribute kernel_shape");
  read_window(c, attributes);
  attributes.ceil_mode = c.flag("ceil_mode", false);
  return attributes;
}

void max_pool(OpContext& c) {
  schema::PoolAttributesT attributes = pool_attributes(c);
  attributes.storage_order = static_cast<int32_t>(c.flag("storage_order", false));
  c.emit(Op::Pool, {c.in(0)}, c.outputs(), std::move(attributes));
}

void average_pool(OpContext& c) {
  schema::PoolAttributesT attributes = pool_attributes(c);
  attributes.count_include_pad = c.flag("count_include_pad", false);
  c.emit(Op::Pool, {c.in(0)}, std::move(attributes));
}

// The exponent was a float in opset 1.
int64_t exponent(OpContext& c) {
  if (c.version() >= 2) return c.integer("p", 2);
  const float p = c.number("p", 2);
  if (!(p >= 1 && p <= 1024) || p != static_cast<float>(static_cast<int64_t>(p)))
    c.unsupported("an exponent that is no whole number");
  return static_cast<int64_t>(p);
}

void lp_pool(OpContext& c) {
  schema::PoolAttributesT attributes = pool_attributes(c);
  attributes.p = exponent(c);
  c.emit(Op::Pool, {c.in(0)}, std::move(attributes));
}

void global_pool(OpContext& c) {
  schema::GlobalPoolAttributesT attributes;
  attributes.function = static_cast<F>(c.rule().function);
  if (attributes.function == F::lp) attributes.p = exponent(c);
  c.emit(Op::GlobalPool, {c.in(0)}, std::move(attributes));
}

constexpr int code(F f) { return static_cast<int>(f); }

constexpr OpRule kRules[] = {
    {"MaxPool", 1, 1, 1, 1, max_pool, code(F::max)},
    {"MaxPool", 8, 1, 1, 2, max_pool, code(F::max)},
    {"AveragePool", 1, 1, 1, 1, average_pool, code(F::average)},
    {"LpPool", 1, 1, 1, 1, lp_pool, code(F::lp)},
    {"LpPool", 2, 1, 1, 1, lp_pool, code(F::lp)},
    {"GlobalMaxPool", 1, 1, 1, 1, global_pool, code(F::max)},
    {"GlobalAveragePool", 1, 1, 1, 1, global_pool, code(F::average)},
    {"GlobalLpPool", 1, 1, 1, 1, global_pool, code(F::lp)},
    {"GlobalLpPool", 2, 1, 1, 1, global_pool, code(F::lp)},
};

}  // namespace

std::span<const OpRule> ops::pooling() { return kRules; }

}  // namespace motley::convert
