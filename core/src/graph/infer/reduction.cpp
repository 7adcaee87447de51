// Ops that run along axes: reductions, arg-reductions, softmax, cumulative sum, top k.
#include "graph/infer/dims.hpp"
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

namespace {

// The shape with `axes` reduced to 1 or dropped.
Dims reduced(const Dims& shape, const std::vector<bool>& axes, bool keepdims) {
  Dims result;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (!axes[i]) result.push_back(shape[i]);
    else if (keepdims) result.push_back(Dim(1));
  }
  return result;
}

std::optional<Dims> copy(const Dims* dims) { return dims ? std::optional<Dims>(*dims) : std::nullopt; }

// Where the axes come as an input whose values are not known.
std::optional<Dims> reduced_along_unknown(const Context& c, const Dims& shape, bool keepdims) {
  if (keepdims) return Dims(shape.size());
  const std::optional<int64_t> count = value_count(c.input(1));
  if (!count || *count == 0) return std::nullopt;
  if (static_cast<size_t>(*count) > shape.size()) c.fail("there are more axes (%) than dimensions", {*count});
  return Dims(shape.size() - static_cast<size_t>(*count));
}

}  // namespace

void reduce(Context& c) {
  const auto& a = c.attributes<schema::ReduceAttributesT>();
  using F = schema::ReduceFunction;
  c.require_type(0, a.function == F::max || a.function == F::min ? kAny : kNumeric, "the input");
  std::vector<int64_t> list = a.axes;
  bool known = true;
  if (c.has(1)) {
    if (!a.axes.empty()) c.fail("axes are given both as attribute and as input");
    const std::optional<std::vector<int64_t>> numbers = c.numbers(1, "the axes");
    known = numbers.has_value();
    if (known) list = *numbers;
  }
  const Dims* x = c.shape(0);
  if (!x) return c.set(0, c.type(0), std::nullopt);
  if (!known) return c.set(0, c.type(0), reduced_along_unknown(c, *x, a.keepdims));
  if (list.empty() && a.noop_with_empty_axes) return c.set(0, c.type(0), *x);
  std::vector<bool> axes(x->size(), list.empty());
  for (size_t axis : c.axes(list, x->size())) axes[axis] = true;
  c.set(0, c.type(0), reduced(*x, axes, a.keepdims));
}

void arg_reduce(Context& c) {
  const auto& a = c.attributes<schema::ArgReduceAttributesT>();
  c.require_type(0, kNumeric, "the input");
  const Dims* x = c.shape(0);
  if (!x) return c.set(0, DataType::int64, std::nullopt);
  std::vector<bool> axes(x->size(), false);
  const size_t axis = c.axis(a.axis, x->size());
  if ((*x)[axis].known() && (*x)[axis].value == 0) c.fail("dimension % is empty, so it has no extreme", {axis});
  axes[axis] = true;
  c.set(0, DataType::int64, reduced(*x, axes, a.keepdims));
}

void softmax(Context& c) {
  const auto& a = c.attributes<schema::SoftmaxAttributesT>();
  c.require_type(0, kFloat, "the input");
  if (c.shape(0)) {
    // The flattening form may also name the end of the shape: then each element is a row.
    const size_t rank = c.shape(0)->size();
    if (!(a.flatten && a.axis == static_cast<int64_t>(rank))) c.axis(a.axis, rank);
  }
  c.set(0, c.type(0), copy(c.shape(0)));
}

void cum_sum(Context& c) {
  c.require_type(0, kNumeric, "the input");
  const Element axis = c.scalar(1, "the axis");
  if (axis.known && c.shape(0)) c.axis(axis.integer, c.shape(0)->size());
  c.set(0, c.type(0), copy(c.shape(0)));
}

void top_k(Context& c) {
  const auto& a = c.attributes<schema::TopKAttributesT>();
  c.require_type(0, kNumeric, "the input");
  const Element k = c.scalar(1, "k");
  if (k.known && k.integer < 0) c.fail("k (%) is negative", {k.integer});
  std::optional<Dims> shape = copy(c.shape(0));
  if (shape) {
    Dim& dim = (*shape)[c.axis(a.axis, shape->size())];
    if (k.known && dim.known() && k.integer > dim.value)
      c.fail("k (%) is larger than the dimension (%)", {k.integer, dim.value});
    dim = k.dim();
  }
  c.set(0, c.type(0), shape);
  c.set(1, DataType::int64, shape);
}

}  // namespace motley::graph::infer
