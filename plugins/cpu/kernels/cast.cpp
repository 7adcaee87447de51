// Cast between the types that networks mix with float32: the integers that indices and images have, and bool.
#include <cmath>
#include <limits>

#include "kernels/kernels.hpp"
#include "support.hpp"

namespace motley::cpu {

namespace {

bool is_known(DataType type) {
  return type == DataType::float32 || type == DataType::int32 || type == DataType::int64 || type == DataType::uint8 ||
         type == DataType::int8 || type == DataType::bool_;
}

void check(const NodeView& node) {
  check_arity(node, 1, 1);
  const TensorView &x = *node.input(0), &y = *node.output(0);
  require(is_known(x.type), "input 0 of type " + describe(x.type) + " not supported");
  require(is_known(y.type), "output 0 of type " + describe(y.type) + " not supported");
  require(node.attributes<schema::CastAttributes>().to() == y.type,
          "the output does not have the type that it is cast to");
  check_shape(y, x.shape, "output 0");
}

struct Bool {
  uint8_t byte;
};

// Integers wrap into narrower ones; floats truncate toward zero and saturate, NaN gives 0; what is not zero is true.
template <class To, class From>
To convert(From x) {
  if constexpr (std::is_same_v<From, Bool>) return convert<To>(static_cast<uint8_t>(x.byte != 0));
  else if constexpr (std::is_same_v<To, Bool>) return Bool{x != 0};
  else if constexpr (std::is_same_v<From, float> && std::is_integral_v<To>) {
    const float above = std::ldexp(1.0f, std::numeric_limits<To>::digits);
    if (x != x) return 0;
    if (x >= above) return std::numeric_limits<To>::max();
    if (x <= static_cast<float>(std::numeric_limits<To>::lowest())) return std::numeric_limits<To>::lowest();
    return static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

template <class To, class From>
std::unique_ptr<Kernel> prepare_pair(int64_t count) {
  return make_kernel("cast", [count](const RunContext& c) {
    parallel_ranges(c.threads, count, kGrain, [&](int64_t begin, int64_t end, uint32_t) {
      const From* from = c.input<From>(0);
      To* to = c.output<To>(0);
      for (int64_t i = begin; i < end; ++i) to[i] = convert<To>(from[i]);
    });
  });
}

template <class From>
std::unique_ptr<Kernel> prepare_from(DataType to, int64_t count) {
  switch (to) {
    case DataType::float32: return prepare_pair<float, From>(count);
    case DataType::int32: return prepare_pair<int32_t, From>(count);
    case DataType::int64: return prepare_pair<int64_t, From>(count);
    case DataType::uint8: return prepare_pair<uint8_t, From>(count);
    case DataType::int8: return prepare_pair<int8_t, From>(count);
    default: return prepare_pair<Bool, From>(count);
  }
}

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const DataType to = node.output(0)->type;
  const int64_t count = node.input(0)->elements();
  switch (node.input(0)->type) {
    case DataType::float32: return prepare_from<float>(to, count);
    case DataType::int32: return prepare_from<int32_t>(to, count);
    case DataType::int64: return prepare_from<int64_t>(to, count);
    case DataType::uint8: return prepare_from<uint8_t>(to, count);
    case DataType::int8: return prepare_from<int8_t>(to, count);
    default: return prepare_from<Bool>(to, count);
  }
}

}  // namespace

KernelEntry cast_kernel() { return entry<check>(Op::Cast, prepare); }

}  // namespace motley::cpu
