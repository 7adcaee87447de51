// Ops that move elements without computing: transpose, concat, split, expand, tile, blocks.
#include <algorithm>

#include "graph/infer/dims.hpp"
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

namespace {

std::optional<Dims> copy(const Dims* dims) { return dims ? std::optional<Dims>(*dims) : std::nullopt; }

}  // namespace

void transpose(Context& c) {
  const std::vector<int64_t>& perm = c.attributes<schema::TransposeAttributesT>().perm;
  const Dims* x = c.shape(0);
  if (!x) return c.set(0, c.type(0), std::nullopt);
  Dims shape(x->rbegin(), x->rend());
  if (!perm.empty()) {
    if (perm.size() != x->size()) c.fail("perm has % values (expected %, the rank)", {perm.size(), x->size()});
    const AxisList axes = c.axes(perm, x->size());
    for (size_t i = 0; i < axes.size(); ++i) shape[i] = (*x)[axes[i]];
  }
  c.set(0, c.type(0), std::move(shape));
}

void concat(Context& c) {
  const int64_t given = c.attributes<schema::AxisAttributesT>().axis;
  std::optional<Dims> shape;
  size_t axis = 0;
  bool all_known = true;
  for (size_t i = 0; i < c.input_count(); ++i) {
    c.require_same_type(i);
    const Dims* x = c.shape(i);
    all_known = all_known && x;
    if (!x) continue;
    if (!shape) {
      shape = *x;
      axis = c.axis(given, x->size());
      continue;
    }
    if (x->size() != shape->size()) c.fail("input % has rank % (expected %)", {i, x->size(), shape->size()});
    for (size_t d = 0; d < x->size(); ++d) {
      Dim& dim = (*shape)[d];
      dim = d == axis ? add(c, dim, (*x)[d]) : unify(c, dim, (*x)[d], "extents of the inputs beside the axis");
    }
  }
  if (shape && !all_known) (*shape)[axis] = Dim();
  c.set(0, c.type(0), std::move(shape));
}

namespace {

// Extents of the parts where no sizes are given: equal, the last one smaller where it does not come out even.
std::vector<Dim> even_parts(const Context& c, const Dim& dim, size_t count) {
  if (!dim.known()) return std::vector<Dim>(count, count == 1 ? dim : Dim());
  const int64_t n = static_cast<int64_t>(count);
  const int64_t part = dim.value / n + (dim.value % n != 0);
  const int64_t last = dim.value - part * (n - 1);
  if (last < 0) c.fail("a dimension of % does not split into % parts", {to_string(dim), n});
  std::vector<Dim> parts(count, Dim(part));
  parts.back() = Dim(last);
  return parts;
}

std::vector<Dim> given_parts(const Context& c, const Dim& dim, const Elements& sizes, size_t count) {
  if (sizes.size() != count) c.fail("there are % sizes for % outputs", {sizes.size(), count});
  std::vector<Dim> parts;
  Dim sum(0);
  for (const Element& size : sizes) {
    parts.push_back(extent(c, size, "the sizes"));
    sum = add(c, sum, parts.back());
  }
  if (differ(sum, dim)) c.fail("the sizes add up to % (expected %)", {to_string(sum), to_string(dim)});
  return parts;
}

}  // namespace

void split(Context& c) {
  const auto& a = c.attributes<schema::SplitAttributesT>();
  const size_t count = c.output_count();
  if (a.num_outputs != 0 && a.num_outputs != static_cast<int64_t>(count))
    c.fail("num_outputs (%) is not the number of outputs (%)", {a.num_outputs, count});
  const std::optional<Elements> sizes = c.has(1) ? c.shape_values(1, "the sizes") : std::nullopt;
  const Dims* x = c.shape(0);
  if (!x) {
    for (size_t i = 0; i < count; ++i) c.set(i, c.type(0), std::nullopt);
    return;
  }
  Dims shape = *x;
  const size_t axis = c.axis(a.axis, shape.size());
  const Dim whole = shape[axis];
  const std::vector<Dim> parts = sizes      ? given_parts(c, whole, *sizes, count)
                                 : c.has(1) ? std::vector<Dim>(count)
                                            : even_parts(c, whole, count);
  for (size_t i = 0; i < count; ++i) {
    shape[axis] = parts[i];
    c.set(i, c.type(0), shape);
  }
}

void expand(Context& c) {
  const std::optional<Elements> target = c.shape_values(1, "the target shape");
  if (!target || !c.shape(0)) return c.set(0, c.type(0), std::nullopt);
  Dims dims;
  for (const Element& element : *target) dims.push_back(extent(c, element, "the target shape"));
  c.set(0, c.type(0), broadcast(c, *c.shape(0), dims));
}

void tile(Context& c) {
  const std::optional<Elements> repeats = c.shape_values(1, "the repeats");
  const Dims* x = c.shape(0);
  if (!x) return c.set(0, c.type(0), std::nullopt);
  if (!repeats) return c.set(0, c.type(0), Dims(x->size()));
  if (repeats->size() != x->size()) c.fail("there are % repeats (expected %, the rank)", {repeats->size(), x->size()});
  Dims shape;
  for (size_t i = 0; i < x->size(); ++i) shape.push_back(multiply(c, (*x)[i], extent(c, (*repeats)[i], "the repeats")));
  c.set(0, c.type(0), std::move(shape));
}

// ---- blocks

namespace {

int64_t block_size(const Context& c) {
  const int64_t block = c.attributes<schema::BlockAttributesT>().block_size;
  if (block < 1) c.fail("block_size (%) is below 1", {block});
  c.require_rank(0, 4, "the input");
  return block;
}

}  // namespace

void depth_to_space(Context& c) {
  const int64_t block = block_size(c);
  const Dims* x = c.shape(0);
  if (!x) return c.set(0, c.type(0), std::nullopt);
  const Dim depth = divide(c, (*x)[1], checked_mul(c, block, block), "the number of channels");
  c.set(0, c.type(0), Dims{(*x)[0], depth, multiply(c, (*x)[2], Dim(block)), multiply(c, (*x)[3], Dim(block))});
}

void space_to_depth(Context& c) {
  const int64_t block = block_size(c);
  const Dims* x = c.shape(0);
  if (!x) return c.set(0, c.type(0), std::nullopt);
  const Dim depth = multiply(c, (*x)[1], Dim(checked_mul(c, block, block)));
  c.set(0, c.type(0),
        Dims{(*x)[0], depth, divide(c, (*x)[2], block, "the height"), divide(c, (*x)[3], block, "the width")});
}

// ---- parts in place

void reverse_sequence(Context& c) {
  const auto& a = c.attributes<schema::ReverseSequenceAttributesT>();
  c.require_rank(0, 2, sdk::kMaxRank, "the input");
  c.require_index_type(1, "the lengths");
  c.require_rank(1, 1, "the lengths");
  if (const Dims* x = c.shape(0)) {
    const size_t batch = c.axis(a.batch_axis, x->size(), "batch_axis"),
                 time = c.axis(a.time_axis, x->size(), "time_axis");
    if (batch == time) c.fail("batch_axis and time_axis are the same (%)", {batch});
    c.require_shape(1, Dims{(*x)[batch]}, "the lengths");
  }
  c.set(0, c.type(0), copy(c.shape(0)));
}

void trilu(Context& c) {
  c.require_rank(0, 2, sdk::kMaxRank, "the input");
  if (c.has(1)) c.scalar(1, "k");
  c.set(0, c.type(0), copy(c.shape(0)));
}

}  // namespace motley::graph::infer
