// Values of element-wise functions. Unknown dimensions keep their symbol where the result is surely the same number.
#include <cmath>
#include <limits>

#include "graph/infer/propagate.hpp"

namespace motley::graph::infer {

namespace {

using schema::BinaryFunction;
using schema::CompareFunction;
using schema::LogicalFunction;

// Values are float32 where they are real.
Element real(double value) { return Element::of_real(static_cast<double>(static_cast<float>(value))); }

// Nothing is said of a result that wraps around.
Element integer(DataType type, int64_t value) {
  const bool fits = type != DataType::int32 ||
                    (value >= std::numeric_limits<int32_t>::min() && value <= std::numeric_limits<int32_t>::max());
  return fits ? Element::of(value) : Element();
}

Element unknown(bool non_negative) {
  Element element;
  element.non_negative = non_negative;
  return element;
}

bool not_negative(const Element& element) { return element.known ? element.integer >= 0 : element.non_negative; }

}  // namespace

// ---- two numbers

namespace {

Element combine_real(BinaryFunction function, double a, double b) {
  switch (function) {
    case BinaryFunction::add: return real(a + b);
    case BinaryFunction::sub: return real(a - b);
    case BinaryFunction::mul: return real(a * b);
    case BinaryFunction::div: return real(a / b);
    case BinaryFunction::min: return std::isnan(a) || std::isnan(b) ? Element() : real(std::min(a, b));
    case BinaryFunction::max: return std::isnan(a) || std::isnan(b) ? Element() : real(std::max(a, b));
    default: return {};
  }
}

Element combine_integer(BinaryFunction function, DataType type, int64_t a, int64_t b) {
  int64_t value = 0;
  switch (function) {
    case BinaryFunction::add: return __builtin_add_overflow(a, b, &value) ? Element() : integer(type, value);
    case BinaryFunction::sub: return __builtin_sub_overflow(a, b, &value) ? Element() : integer(type, value);
    case BinaryFunction::mul: return __builtin_mul_overflow(a, b, &value) ? Element() : integer(type, value);
    case BinaryFunction::min: return Element::of(std::min(a, b));
    case BinaryFunction::max: return Element::of(std::max(a, b));
    default: break;
  }
  if (b == 0) return {};
  if (b == -1)  // the lowest number has no positive
    return function == BinaryFunction::div ? combine_integer(BinaryFunction::sub, type, 0, a) : Element::of(0);
  switch (function) {
    case BinaryFunction::div: return integer(type, a / b);
    case BinaryFunction::fmod: return Element::of(a % b);
    case BinaryFunction::mod: {  // with the sign of the divisor
      const int64_t rest = a % b;
      return Element::of(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest);
    }
    default: return {};
  }
}

// At least one operand is unknown; both are integers.
Element combine_symbols(const Context& c, BinaryFunction function, const Element& a, const Element& b) {
  const bool dimensions = not_negative(a) && not_negative(b);
  switch (function) {
    case BinaryFunction::add:
      return dimensions ? Element::of_dim(add(c, a.dim(), b.dim())) : b.is(0) ? a : a.is(0) ? b : Element();
    case BinaryFunction::mul:
      return dimensions ? Element::of_dim(multiply(c, a.dim(), b.dim())) : b.is(1) ? a : a.is(1) ? b : Element();
    case BinaryFunction::sub: return a.same_as(b) ? Element::of(0) : b.is(0) ? a : Element();
    case BinaryFunction::div:
      if (a.same_as(b)) return Element::of(1);
      if (dimensions && b.known && b.integer > 0) return Element::of_dim(quotient(a.dim(), b.integer));
      return unknown(dimensions);
    case BinaryFunction::mod:
    case BinaryFunction::fmod: return unknown(dimensions);
    case BinaryFunction::max:
      if (a.is(0) && b.non_negative) return b;
      if (b.is(0) && a.non_negative) return a;
      [[fallthrough]];
    case BinaryFunction::min: return a.same_as(b) ? a : unknown(dimensions);
    default: return {};
  }
}

}  // namespace

Element combine(const Context& c, BinaryFunction function, DataType type, const Element& a, const Element& b) {
  if (is_float(type)) return a.known && b.known ? combine_real(function, a.real, b.real) : Element();
  if (a.known && b.known) return combine_integer(function, type, a.integer, b.integer);
  return combine_symbols(c, function, a, b);
}

namespace {

// combine(a, b) for each pair of elements of the two inputs that broadcast. `context` is what `combine` gets.
using Combine = Element (*)(const void* context, const Element& a, const Element& b);
Elements for_pairs(const Context& c, const void* context, Combine combine) {
  const Extents output = c.output(0).extents();
  const Elements a = operand(c, 0), b = operand(c, 1);
  const std::vector<size_t> at_a = broadcast_map(c, 0, output), at_b = broadcast_map(c, 1, output);
  Elements result;
  for (size_t i = 0; i < at_a.size(); ++i) result.push_back(combine(context, a[at_a[i]], b[at_b[i]]));
  return result;
}
template <class Fn>
Elements for_pairs(const Context& c, const Fn& fn) {
  return for_pairs(c, &fn, [](const void* context, const Element& a, const Element& b) {
    return (*static_cast<const Fn*>(context))(a, b);
  });
}

}  // namespace

Elements binary_values(const Context& c) {
  const auto& a = c.attributes<schema::BinaryAttributesT>();
  if (a.activation.function() != UnaryFunction::identity) return {};
  return for_pairs(c, [&](const Element& x, const Element& y) { return combine(c, a.function, c.type(0), x, y); });
}

Elements variadic_values(const Context& c) {
  using F = schema::VariadicFunction;
  const F function = c.attributes<schema::VariadicAttributesT>().function;
  if (function == F::mean) return {};
  const BinaryFunction pairwise = function == F::sum   ? BinaryFunction::add
                                  : function == F::max ? BinaryFunction::max
                                                       : BinaryFunction::min;
  const Extents output = c.output(0).extents();
  Elements result;
  for (size_t i = 0; i < c.input_count(); ++i) {
    const Elements x = operand(c, i);
    const std::vector<size_t> at = broadcast_map(c, i, output);
    for (size_t n = 0; n < at.size(); ++n) {
      if (i == 0) result.push_back(x[at[n]]);
      else result[n] = combine(c, pairwise, c.type(0), result[n], x[at[n]]);
    }
  }
  return result;
}

// ---- comparing and choosing

namespace {

template <class T>
bool compare_numbers(CompareFunction function, T a, T b) {
  switch (function) {
    case CompareFunction::equal: return a == b;
    case CompareFunction::not_equal: return a != b;
    case CompareFunction::less: return a < b;
    case CompareFunction::less_or_equal: return a <= b;
    case CompareFunction::greater: return a > b;
    case CompareFunction::greater_or_equal: return a >= b;
  }
  return false;
}

Element compare_elements(CompareFunction function, bool real_type, const Element& a, const Element& b) {
  if (a.known && b.known)
    return Element::of(real_type ? compare_numbers(function, a.real, b.real)
                                 : compare_numbers(function, a.integer, b.integer));
  if (real_type) return {};
  if (a.same_as(b)) return Element::of(compare_numbers<int64_t>(function, 0, 0));
  // A dimension is larger than any negative number.
  if (a.non_negative && b.known && b.integer < 0) return Element::of(compare_numbers<int64_t>(function, 0, -1));
  if (b.non_negative && a.known && a.integer < 0) return Element::of(compare_numbers<int64_t>(function, -1, 0));
  return {};
}

Element combine_logical(LogicalFunction function, const Element& a, const Element& b) {
  if (a.known && b.known) {
    const bool x = a.integer != 0, y = b.integer != 0;
    return Element::of(function == LogicalFunction::and_ ? x && y : function == LogicalFunction::or_ ? x || y : x != y);
  }
  // One operand may decide alone.
  const Element& known = a.known ? a : b;
  if (!known.known) return {};
  if (function == LogicalFunction::and_ && known.integer == 0) return Element::of(0);
  if (function == LogicalFunction::or_ && known.integer != 0) return Element::of(1);
  return {};
}

}  // namespace

Elements compare_values(const Context& c) {
  const CompareFunction function = c.attributes<schema::CompareAttributesT>().function;
  return for_pairs(
      c, [&](const Element& a, const Element& b) { return compare_elements(function, is_float(c.type(0)), a, b); });
}

Elements logical_values(const Context& c) {
  const LogicalFunction function = c.attributes<schema::LogicalAttributesT>().function;
  return for_pairs(c, [&](const Element& a, const Element& b) { return combine_logical(function, a, b); });
}

Elements where_values(const Context& c) {
  const Extents output = c.output(0).extents();
  const Elements condition = operand(c, 0), a = operand(c, 1), b = operand(c, 2);
  const std::vector<size_t> at_c = broadcast_map(c, 0, output), at_a = broadcast_map(c, 1, output),
                            at_b = broadcast_map(c, 2, output);
  const bool comparable = !is_float(c.type(1));
  Elements result;
  for (size_t i = 0; i < at_c.size(); ++i) {
    const Element &choice = condition[at_c[i]], &x = a[at_a[i]], &y = b[at_b[i]];
    if (choice.known) result.push_back(choice.integer != 0 ? x : y);
    else result.push_back(comparable && x.same_as(y) ? x : unknown(comparable && not_negative(x) && not_negative(y)));
  }
  return result;
}

// ---- one number

namespace {

// Functions whose result is exact, so that it equals what a kernel would compute.
std::optional<double> apply_real(UnaryFunction function, double x) {
  switch (function) {
    case UnaryFunction::identity: return x;
    case UnaryFunction::abs: return std::fabs(x);
    case UnaryFunction::neg: return -x;
    case UnaryFunction::floor: return std::floor(x);
    case UnaryFunction::ceil: return std::ceil(x);
    case UnaryFunction::round: return std::nearbyint(x);
    case UnaryFunction::sign: return x > 0 ? 1.0 : x < 0 ? -1.0 : x;
    case UnaryFunction::sqrt: return std::sqrt(x);
    case UnaryFunction::reciprocal: return 1.0 / x;
    case UnaryFunction::square: return x * x;
    case UnaryFunction::relu: return x < 0 ? 0.0 : x;
    default: return std::nullopt;
  }
}

Element apply_integer(const Context& c, UnaryFunction function, DataType type, const Element& x) {
  switch (function) {
    case UnaryFunction::identity: return x;
    case UnaryFunction::neg: return x.known ? combine(c, BinaryFunction::sub, type, Element::of(0), x) : Element();
    case UnaryFunction::abs:
      return not_negative(x) ? x : x.known ? combine(c, BinaryFunction::sub, type, Element::of(0), x) : unknown(true);
    case UnaryFunction::sign: return x.known ? Element::of((x.integer > 0) - (x.integer < 0)) : unknown(x.non_negative);
    case UnaryFunction::square: return combine(c, BinaryFunction::mul, type, x, x);
    case UnaryFunction::relu: return combine(c, BinaryFunction::max, type, x, Element::of(0));
    case UnaryFunction::logical_not: return x.known ? Element::of(x.integer == 0) : Element();
    default: return {};
  }
}

bool rounds(UnaryFunction function) {
  return function == UnaryFunction::floor || function == UnaryFunction::ceil || function == UnaryFunction::round ||
         function == UnaryFunction::identity;
}

}  // namespace

Elements unary_values(const Context& c) {
  const UnaryFunction function = c.attributes<schema::UnaryAttributesT>().function;
  Elements result;
  for (const Element& x : operand(c, 0)) {
    if (!is_float(c.type(0))) {
      result.push_back(apply_integer(c, function, c.type(0), x));
    } else if (!x.known) {
      result.push_back(rounds(function) ? x : Element());  // a dimension cast to float is whole already
    } else {
      const std::optional<double> value =
          c.output(0).type == DataType::float32 ? apply_real(function, x.real) : std::nullopt;
      result.push_back(value ? real(*value) : Element());
    }
  }
  return result;
}

Elements cast_values(const Context& c) {
  const DataType from = c.type(0), to = c.output(0).type;
  Elements result;
  for (const Element& x : operand(c, 0)) {
    if (!x.known) {
      result.push_back(to == DataType::bool_ ? Element() : x);
    } else if (is_float(to)) {
      result.push_back(real(is_float(from) ? x.real : static_cast<double>(x.integer)));
    } else if (to == DataType::bool_) {
      result.push_back(Element::of(is_float(from) ? x.real != 0 : x.integer != 0));
    } else if (is_float(from)) {
      const bool fits = std::fabs(x.real) < 9e18;
      result.push_back(fits ? integer(to, static_cast<int64_t>(x.real)) : Element());
    } else {
      result.push_back(integer(to, x.integer));
    }
  }
  return result;
}

}  // namespace motley::graph::infer
