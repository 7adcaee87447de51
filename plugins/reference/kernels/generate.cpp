// Range and Fill: tensors made from nothing but scalars.
#include <cstring>

#include "kernels.hpp"
#include "numeric.hpp"

namespace motley::reference {

namespace {

void check_range(const NodeView& node) {
  check_arity(node, {3, 3});
  const TensorView& y = *node.output(0);
  check_type(y, is_number, "output 0");
  require(y.shape.rank() == 1, "the output must be a list");
  for (size_t i = 0; i < 3; ++i) {
    check_same_type(*node.input(i), y);
    require(node.input(i)->elements() == 1, "start, limit and delta must be one number each");
  }
}

// How many elements lie in [start, limit): 0 for an empty range, -1 for a delta of 0 or NaN.
template <class T>
double range_length(T start, T limit, T delta) {
  if (real(delta) == 0 || is_nan(delta) || is_nan(start) || is_nan(limit)) return -1;
  return std::max(0.0, std::ceil((real(limit) - real(start)) / real(delta)));
}

std::unique_ptr<Kernel> prepare_range(const NodeView& node, const PrepareContext&) {
  return make_kernel("range", [type = node.output(0)->type, count = node.output(0)->elements()](const RunContext& c) {
    with_number(type, [&](auto t) {
      using T = typename decltype(t)::type;
      const T start = *c.input<T>(0), limit = *c.input<T>(1), delta = *c.input<T>(2);
      if (range_length(start, limit, delta) != static_cast<double>(count))
        throw StatusError(MOTLEY_INVALID_ARGUMENT, "start, limit and delta do not give the " + std::to_string(count) +
                                                       " elements the node was compiled for; compile for them");
      for (int64_t i = 0; i < count; ++i) {
        if constexpr (is_integer_v<T>) c.output<T>(0)[i] = wrap_add(start, wrap_mul(static_cast<T>(i), delta));
        else c.output<T>(0)[i] = static_cast<T>(real(start) + static_cast<double>(i) * real(delta));
      }
    });
  });
}

void check_fill(const NodeView& node) {
  check_arity(node, {0, 1});  // an input gives the shape, which the output has already
  const auto& attributes = node.attributes<schema::FillAttributes>();
  require(attributes.type() == node.output(0)->type, "the output has another type than the value");
  require(attributes.value() && attributes.value()->size() == sdk::element_bytes(attributes.type()),
          "the value is not one element");
}

std::unique_ptr<Kernel> prepare_fill(const NodeView& node, const PrepareContext&) {
  uint64_t bits = 0;
  const auto* value = node.attributes<schema::FillAttributes>().value();
  std::memcpy(&bits, value->data(), value->size());
  return make_kernel("fill",
                     [type = node.output(0)->type, count = node.output(0)->elements(), bits](const RunContext& c) {
                       with_size_of(type, [&](auto t) {
                         using T = typename decltype(t)::type;
                         std::fill_n(c.output<T>(0), count, static_cast<T>(bits));
                       });
                     });
}

}  // namespace

KernelEntry range_kernel() { return entry<check_range>(Op::Range, prepare_range); }
KernelEntry fill_kernel() { return entry<check_fill>(Op::Fill, prepare_fill); }

}  // namespace motley::reference
