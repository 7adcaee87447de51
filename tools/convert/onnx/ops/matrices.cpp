// Ops of whole matrices and lists that the IR lacks: Det, CumProd, MaxUnpool, Unique.
#include <algorithm>

#include "onnx/ops/build.hpp"

namespace motley::convert {
namespace {

using U = schema::UnaryFunction;
using C = schema::CompareFunction;
using R = schema::ReduceFunction;
constexpr int64_t kMaxElements = 1 << 24;

int64_t checked_product(OpContext& c, const std::vector<int64_t>& list) {
  int64_t product = 1;
  for (int64_t v : list)
    if (v < 0 || __builtin_mul_overflow(product, v, &product) || product > kMaxElements)
      c.unsupported("sizes that come to more than " + std::to_string(kMaxElements) + " elements");
  return product;
}

// One column less by elimination: x (B, m, m) becomes (B, m - 1, m - 1), and the pivot with its sign (B).
struct Eliminated {
  TensorId rest, pivot;
};

Eliminated eliminate(Build& b, TensorId x, int64_t batch, int64_t m) {
  OpContext& c = b.c;
  schema::ArgReduceAttributesT greatest;
  greatest.take_max = true;
  greatest.axis = 1;
  const TensorId column = b.slice(x, 2, 0, 1);
  const TensorId row = c.temp("pivot/row", Op::ArgReduce, {b.unary(U::abs, column)}, std::move(greatest));  // (B, 1, 1)
  const TensorId whole = b.expand(row, b.ints({batch, 1, m}));
  const TensorId pivots = b.gather_elements(x, whole, 1);  // (B, 1, m)
  const TensorId pivot = b.slice(pivots, 2, 0, 1);
  // Moving row p to the front passes p rows.
  const TensorId two = b.scalar(DataType::int64, 2);
  const TensorId odd =
      b.compare(C::equal, b.binary(schema::BinaryFunction::mod, row, two), b.scalar(DataType::int64, 1));
  Eliminated result{};
  result.pivot = b.reshape(b.where(odd, b.unary(U::neg, pivot), pivot), {batch});
  if (m == 1) return result;
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < m - 1; ++i) numbers.push_back(i);
  const TensorId others = b.reshape(b.ints(numbers), {1, m - 1, 1});
  const TensorId behind = b.cast(b.compare(C::greater_or_equal, others, row), DataType::int64);
  const TensorId kept = b.expand(b.add(others, behind), b.ints({batch, m - 1, m}));
  const TensorId below = b.gather_elements(x, kept, 1);
  // A column of zeros has no pivot: the determinant is 0 whatever is taken off.
  const TensorId divisor = b.where(b.compare(C::equal, pivot, b.like(pivot, 0)), b.like(pivot, 1), pivot);
  const TensorId factors = b.div(b.slice(below, 2, 0, 1), divisor);
  result.rest = b.sub(b.slice(below, 2, 1, m), b.mul(factors, b.slice(pivots, 2, 1, m)));
  return result;
}

void det(OpContext& c) {
  constexpr int64_t kMost = 64;  // rows; each is some twenty nodes
  Build b(c);
  const std::vector<int64_t> extents = known_extents(c, c.in(0), "an input");
  if (extents.size() < 2 || extents[extents.size() - 1] != extents[extents.size() - 2])
    c.invalid("has an input of shape " + graph::to_string(c.shape(c.in(0))) + ", which is no square matrix");
  const int64_t m = extents.back();
  if (m < 1 || m > kMost)
    c.unsupported("matrices of " + std::to_string(m) + " rows (1 to " + std::to_string(kMost) + ")");
  const std::vector<int64_t> leading(extents.begin(), extents.end() - 2);
  const int64_t batch = checked_product(c, leading);
  if (batch == 0) c.unsupported("an empty batch");
  TensorId x = b.reshape(c.in(0), {batch, m, m}), product = kNone;
  for (int64_t size = m; size > 0; --size) {
    const Eliminated step = eliminate(b, x, batch, size);
    product = product == kNone ? step.pivot : b.mul(product, step.pivot);
    x = step.rest;
  }
  c.connect(b.reshape(product, leading), c.out(0));
}

// Products of 2, 4, 8, … neighbours: the tensor times itself, moved along by as many.
void cum_prod(OpContext& c) {
  Build b(c);
  const bool exclusive = c.flag("exclusive", false), reverse = c.flag("reverse", false);
  const auto given = c.folded_ints(c.in(1));
  const auto rank = c.rank(c.in(0));
  if (!given || given->size() != 1) c.unsupported("an axis that is not constant");
  if (!rank) c.unsupported("an input whose rank is not known");
  const auto dims = static_cast<int64_t>(*rank);
  const int64_t axis = (*given)[0] < 0 ? (*given)[0] + dims : (*given)[0];
  if (axis < 0 || axis >= dims) c.invalid("multiplies along axis " + std::to_string((*given)[0]));
  const int64_t extent = known_extent(c, c.in(0), axis);
  if (extent < 0) c.unsupported("an axis whose extent is not known; fix the shapes of the inputs");
  checked_product(c, {extent});
  const auto moved = [&](TensorId x, int64_t by) {
    std::vector<int64_t> pads(2 * *rank, 0);
    pads[static_cast<size_t>(reverse ? axis + dims : axis)] = by;
    const TensorId kept = reverse ? b.slice(x, axis, by, extent) : b.slice(x, axis, 0, extent - by);
    return b.pad(kept, b.ints(pads), b.like(x, 1));
  };
  TensorId x = exclusive && extent > 0 ? moved(c.in(0), 1) : c.in(0);
  for (int64_t by = 1; by < extent; by *= 2) x = b.mul(x, moved(x, by));
  c.connect(x, c.out(0));
}

// The pooled elements back at their places in the pooled image, counted over the whole tensor; zeros elsewhere. A
// larger output has the image in its corner.
void max_unpool(OpContext& c) {
  Build b(c);
  const std::vector<int64_t> input = known_extents(c, c.in(0), "an input");
  const std::vector<int64_t> kernel = c.integers("kernel_shape");
  const size_t dims = kernel.size();
  if (dims == 0 || input.size() != dims + 2)
    c.invalid("has a kernel_shape of " + std::to_string(dims) + " dimensions for an input of " +
              std::to_string(input.size()));
  std::vector<int64_t> strides = c.integers("strides"), pads = c.integers("pads");
  if (strides.empty()) strides.assign(dims, 1);
  if (pads.empty()) pads.assign(2 * dims, 0);
  if (strides.size() != dims || pads.size() != 2 * dims)
    c.invalid("has strides or pads of another length than its kernel");
  std::vector<int64_t> image{input[0], input[1]};
  for (size_t d = 0; d < dims; ++d) {
    for (int64_t v : {kernel[d], strides[d], pads[d], pads[d + dims], input[d + 2]})
      if (v < 0 || v > kMaxElements) c.invalid("has a size out of range (" + std::to_string(v) + ")");
    image.push_back((input[d + 2] - 1) * strides[d] - (pads[d] + pads[d + dims]) + kernel[d]);
    if (image.back() < 1) c.invalid("has pads larger than its image");
  }
  const int64_t elements = checked_product(c, image);
  checked_product(c, input);
  schema::FillAttributesT zero;
  zero.type = c.type(c.in(0));
  if (zero.type == DataType::undefined) c.unsupported("an input whose type is not known");
  zero.value.assign(graph::element_bytes(zero.type), 0);
  const TensorId empty = c.temp("zeros", Op::ConstantOfShape, {b.ints({elements})}, std::move(zero));
  TensorId y = b.scatter_elements(empty, b.reshape(c.in(1), {-1}), b.reshape(c.in(0), {-1}), 0);
  y = b.reshape(y, image);
  if (c.in(2) != kNone) {
    const auto wanted = c.folded_ints(c.in(2));
    if (!wanted) c.unsupported("an output shape that is not constant");
    if (wanted->size() != image.size()) c.invalid("has an output shape of another rank than its input");
    std::vector<int64_t> after(2 * image.size(), 0);
    for (size_t d = 0; d < image.size(); ++d) {
      if ((*wanted)[d] < image[d] || (*wanted)[d] > kMaxElements) c.invalid("has an output shape out of range");
      after[image.size() + d] = (*wanted)[d] - image[d];
    }
    y = b.pad(y, b.ints(after), kNone);
  }
  c.connect(y, c.out(0));
}

// The elements of a list in ascending order, equal ones as they stood; and which of them begin a run of equal ones.
struct Sorted {
  TensorId order, begins;
};

TensorId first_of_all(Build& b) { return b.cast(b.ints({1}), DataType::bool_); }

Sorted sorted_elements(Build& b, TensorId list, int64_t n) {
  OpContext& c = b.c;
  schema::TopKAttributesT attributes;
  attributes.axis = 0;
  attributes.largest = false;
  Sorted result{c.declare("order"), first_of_all(b)};
  const TensorId values = c.declare("values");
  c.emit(Op::TopK, {list, b.ints({n})}, {values, result.order}, std::move(attributes));
  if (n > 1) {
    const TensorId changes = b.compare(C::not_equal, b.slice(values, 0, 1, n), b.slice(values, 0, 0, n - 1));
    result.begins = b.concat({result.begins, changes}, 0);
  }
  return result;
}

// Rows (n, width) compared in pairs: by the first element in which they differ.
Sorted sorted_rows(Build& b, TensorId rows, int64_t n, int64_t width) {
  OpContext& c = b.c;
  checked_product(c, {n, n, width});
  const TensorId pairs = b.ints({n, n, width});
  const TensorId x = b.expand(b.unsqueeze(rows, {1}), pairs), y = b.expand(b.unsqueeze(rows, {0}), pairs);
  const TensorId differs = b.cast(b.compare(C::not_equal, x, y), DataType::int32);
  schema::ArgReduceAttributesT first;
  first.take_max = true;
  first.axis = 2;
  const TensorId at = c.temp("first", Op::ArgReduce, {differs}, std::move(first));  // (n, n, 1)
  const auto number = [&](TensorId condition) { return b.cast(b.reshape(condition, {n, n}), DataType::int64); };
  const TensorId less = number(b.compare(C::less, b.gather_elements(x, at, 2), b.gather_elements(y, at, 2)));
  const TensorId any = b.reduce(R::max, differs, {2}, false);
  const TensorId equal = number(b.compare(C::equal, any, b.like(any, 0)));
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < n; ++i) numbers.push_back(i);
  const TensorId list = b.ints(numbers);
  const TensorId earlier = number(b.compare(C::less, b.reshape(list, {n, 1}), b.reshape(list, {1, n})));
  // How many rows stand before each one.
  const TensorId place = b.reduce(R::sum, b.add(less, b.mul(equal, earlier)), {0}, false);
  Sorted result{b.scatter_elements(b.expand(b.ints({0}), b.ints({n})), place, list, 0), first_of_all(b)};
  if (n > 1) {
    const TensorId next = b.slice(result.order, 0, 1, n), before = b.slice(result.order, 0, 0, n - 1);
    const TensorId pair = b.add(b.mul(next, b.scalar(DataType::int64, static_cast<double>(n))), before);
    const TensorId same = b.gather(b.reshape(equal, {-1}), pair, 0);
    result.begins = b.concat({result.begins, b.compare(C::equal, same, b.like(same, 0))}, 0);
  }
  return result;
}

// Sorted, so that equal elements stand together; where a run begins is a distinct element. How many there are, only a
// run knows. With an axis, the slices along it take the place of elements.
void unique(OpContext& c) {
  Build b(c);
  const bool in_order = c.flag("sorted", true), has_axis = c.has("axis");
  const std::vector<int64_t> extents = known_extents(c, c.in(0), "an input");
  const auto rank = static_cast<int64_t>(extents.size());
  const int64_t given = c.integer("axis", 0), axis = given < 0 ? given + rank : given;
  if (has_axis && (axis < 0 || axis >= rank)) c.invalid("has an axis out of range (" + std::to_string(given) + ")");
  const int64_t all = checked_product(c, extents), n = has_axis ? extents[static_cast<size_t>(axis)] : all;
  if (all == 0) c.unsupported("an input without elements");
  const TensorId source = has_axis ? c.in(0) : b.reshape(c.in(0), {-1});
  const int64_t along = has_axis ? axis : 0;
  TensorId rows = source;
  if (has_axis) {
    std::vector<int64_t> perm{axis};
    for (int64_t d = 0; d < rank; ++d)
      if (d != axis) perm.push_back(d);
    rows = b.reshape(b.transpose(source, std::move(perm)), {n, all / n});
  }
  const bool list = !has_axis || all == n;
  const Sorted sorted = list ? sorted_elements(b, b.reshape(rows, {-1}), n) : sorted_rows(b, rows, n, all / n);
  const TensorId order = sorted.order;
  const TensorId ones = b.cast(sorted.begins, DataType::int64);
  const TensorId run = b.sub(b.cum_sum(ones, 0), b.scalar(DataType::int64, 1));  // of each sorted element
  const TensorId starts = b.squeeze(b.nonzero(sorted.begins), {0});
  const TensorId lengths = b.sub(b.concat({b.slice(starts, 0, 1, INT64_MAX), b.ints({n})}, 0), starts);
  const TensorId zeros = b.expand(b.ints({0}), b.ints({n}));
  const auto in_place = [&](TensorId of_sorted) { return b.scatter_elements(zeros, order, of_sorted, 0); };
  if (in_order) {
    const TensorId first = b.gather(order, starts, 0);
    c.connect(b.gather(source, first, along), c.out(0));
    c.connect(first, c.out(1));
    if (c.out(2) != kNone) c.connect(in_place(run), c.out(2));
    return c.connect(lengths, c.out(3));
  }
  // In the order of their first places.
  const TensorId first = in_place(ones);
  const TensorId places = b.squeeze(b.nonzero(first), {0});
  c.connect(b.gather(source, places, along), c.out(0));
  c.connect(places, c.out(1));
  if (c.out(2) != kNone) {
    const TensorId number = b.sub(b.cum_sum(first, 0), b.scalar(DataType::int64, 1));
    const TensorId first_of_each = in_place(b.gather(order, b.gather(starts, run, 0), 0));
    c.connect(b.gather(number, first_of_each, 0), c.out(2));
  }
  if (c.out(3) != kNone) c.connect(b.gather(lengths, b.gather(in_place(run), places, 0), 0), c.out(3));
}

constexpr OpRule kRules[] = {
    {"Det", 11, 1, 1, 1, det},
    {"CumProd", 26, 2, 2, 1, cum_prod},
    {"MaxUnpool", 9, 2, 3, 1, max_unpool},
    {"Unique", 11, 1, 1, 4, unique},
};

}  // namespace

std::span<const OpRule> ops::matrices() { return kRules; }

}  // namespace motley::convert
