// Tensors made from a few numbers: Range, Fill and ConstantOfShape, EyeLike.
#include <cmath>
#include <limits>

#include "graph/infer/dims.hpp"
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

namespace {

// Values start, start + delta, … before limit, in whole numbers.
int64_t integer_range(const Context& c, int64_t start, int64_t limit, int64_t delta) {
  int64_t distance;
  if (__builtin_sub_overflow(limit, start, &distance) || distance == std::numeric_limits<int64_t>::min())
    c.fail("the range from % to % does not fit 64 bits", {start, limit});
  if (distance == 0 || (distance > 0) != (delta > 0)) return 0;
  // Rounded up; written so that no number is negated.
  return distance / delta + (distance % delta != 0);
}

int64_t real_range(const Context& c, double start, double limit, double delta) {
  const double count = std::ceil((limit - start) / delta);
  if (!(count < 9e15)) c.fail("the range has too many elements (%)", {std::to_string(count)});
  return count > 0 ? static_cast<int64_t>(count) : 0;
}

Dim range_length(const Context& c) {
  Element limits[3];
  for (size_t i = 0; i < 3; ++i) {
    c.require_broadcasts_to(i, Dims{1}, "a bound of the range");
    const std::optional<Elements> values = c.values(i);
    if (values && values->size() == 1) limits[i] = values->front();
  }
  const auto& [start, limit, delta] = limits;
  const bool real = is_float(c.type(0));
  if (delta.known && (real ? delta.real == 0 : delta.integer == 0)) c.fail("delta is 0");
  if (!real && start.is(0) && delta.is(1) && !limit.known) return limit.dim();
  if (!start.known || !limit.known || !delta.known) return Dim();
  return Dim(real ? real_range(c, start.real, limit.real, delta.real)
                  : integer_range(c, start.integer, limit.integer, delta.integer));
}

}  // namespace

void range(Context& c) {
  c.require_type(0, kNumeric, "the start");
  c.require_same_type(1);
  c.require_same_type(2);
  c.set(0, c.type(0), Dims{range_length(c)});
}

// Fill and ConstantOfShape: a shape, and the value as attribute. A lowered Fill has no input: its output is declared.
void fill(Context& c) {
  const auto& a = c.attributes<schema::FillAttributesT>();
  if (element_bytes(a.type) == 0) c.fail("the value's type is not given");
  if (a.value.size() != element_bytes(a.type))
    c.fail("the value has % bytes (expected %)", {a.value.size(), element_bytes(a.type)});
  if (!c.has(0)) {
    if (!c.output(0).shape_known()) c.fail("it has neither a shape nor an output whose shape is declared");
    return c.set(0, a.type, c.output(0).shape);
  }
  const std::optional<Elements> target = c.shape_values(0, "the shape");
  if (!target) return c.set(0, a.type, std::nullopt);
  if (target->size() > sdk::kMaxRank) c.fail("the shape has rank % (at most 8)", {target->size()});
  Dims shape;
  for (const Element& element : *target) shape.push_back(extent(c, element, "the shape"));
  c.set(0, a.type, std::move(shape));
}

void eye_like(Context& c) {
  const DataType to = c.attributes<schema::EyeLikeAttributesT>().to;
  c.require_rank(0, 2, "the input");
  c.set(0, to == DataType::undefined ? c.type(0) : to, c.input(0).shape);
}

}  // namespace motley::graph::infer
