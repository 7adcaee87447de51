// Reading and writing by index.
#include <algorithm>

#include "graph/infer/dims.hpp"
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

namespace {

std::optional<Dims> copy(const Dims* dims) { return dims ? std::optional<Dims>(*dims) : std::nullopt; }

// Indices that are known must lie in [-dim, dim).
void check_indices(const Context& c, size_t i, const Dim& dim) {
  if (!dim.known()) return;
  const std::optional<Elements> indices = c.values(i);
  if (!indices) return;
  for (const Element& index : *indices)
    if (index.known && (index.integer < -dim.value || index.integer >= dim.value))
      c.fail("index % is out of range for dimension %", {index.integer, dim.value});
}

// For the element-wise forms: indices within the data, except along `axis`.
void require_within(const Context& c, size_t i, const Dims& data, size_t axis) {
  const Dims* indices = c.shape(i);
  if (!indices) return;
  bool ok = indices->size() == data.size();
  for (size_t d = 0; ok && d < data.size(); ++d)
    ok = d == axis || !(*indices)[d].known() || !data[d].known() || (*indices)[d].value <= data[d].value;
  if (!ok)
    c.fail("the indices have shape %, which does not fit in the data's (%)",
           {graph::to_string(*indices), graph::to_string(data)});
}

// The last dimension of the indices of the ND forms: how many leading dimensions of the data one index names.
std::optional<size_t> index_depth(const Context& c, size_t i, size_t available) {
  c.require_rank(i, 1, sdk::kMaxRank, "the indices");
  if (!c.shape(i) || !c.shape(i)->back().known()) return std::nullopt;
  const int64_t depth = c.shape(i)->back().value;
  if (depth < 1 || depth > static_cast<int64_t>(available))
    c.fail("the last dimension of the indices (%) is not between 1 and %", {depth, available});
  return static_cast<size_t>(depth);
}

Dims joined(const Dims& a, size_t a_begin, size_t a_end, const Dims& b, size_t b_begin) {
  Dims result(a.begin() + static_cast<std::ptrdiff_t>(a_begin), a.begin() + static_cast<std::ptrdiff_t>(a_end));
  result.insert(result.end(), b.begin() + static_cast<std::ptrdiff_t>(b_begin), b.end());
  return result;
}

}  // namespace

void gather(Context& c) {
  c.require_index_type(1, "the indices");
  const Dims *data = c.shape(0), *indices = c.shape(1);
  if (!data) return c.set(0, c.type(0), std::nullopt);
  const size_t axis = c.axis(c.attributes<schema::AxisAttributesT>().axis, data->size());
  check_indices(c, 1, (*data)[axis]);
  if (!indices) return c.set(0, c.type(0), std::nullopt);
  Dims shape(data->begin(), data->begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.end(), indices->begin(), indices->end());
  shape.insert(shape.end(), data->begin() + static_cast<std::ptrdiff_t>(axis) + 1, data->end());
  c.set(0, c.type(0), std::move(shape));
}

void gather_elements(Context& c) {
  c.require_index_type(1, "the indices");
  if (const Dims* data = c.shape(0)) {
    const size_t axis = c.axis(c.attributes<schema::AxisAttributesT>().axis, data->size());
    require_within(c, 1, *data, axis);
    check_indices(c, 1, (*data)[axis]);
  }
  c.set(0, c.type(0), copy(c.shape(1)));
}

void gather_nd(Context& c) {
  const int64_t batch_dims = c.attributes<schema::BatchDimsAttributesT>().batch_dims;
  c.require_index_type(1, "the indices");
  c.require_rank(0, 1, sdk::kMaxRank, "the data");
  c.require_rank(1, 1, sdk::kMaxRank, "the indices");
  const Dims *data = c.shape(0), *indices = c.shape(1);
  if (!data || !indices) return c.set(0, c.type(0), std::nullopt);
  const int64_t lowest_rank = static_cast<int64_t>(std::min(data->size(), indices->size()));
  if (batch_dims < 0 || batch_dims >= lowest_rank)
    c.fail("batch_dims (%) is not below the ranks of data and indices (%)", {batch_dims, lowest_rank});
  const size_t batch = static_cast<size_t>(batch_dims);
  Dims shape;
  for (size_t i = 0; i < batch; ++i)
    shape.push_back(unify(c, (*data)[i], (*indices)[i], "batch dimensions of data and indices"));
  const std::optional<size_t> depth = index_depth(c, 1, data->size() - batch);
  if (!depth) return c.set(0, c.type(0), std::nullopt);
  const Dims rest = joined(*indices, batch, indices->size() - 1, *data, batch + *depth);
  shape.insert(shape.end(), rest.begin(), rest.end());
  c.set(0, c.type(0), std::move(shape));
}

void scatter_elements(Context& c) {
  c.require_index_type(1, "the indices");
  c.require_same_type(2);
  if (const Dims* data = c.shape(0)) {
    const size_t axis = c.axis(c.attributes<schema::ScatterAttributesT>().axis, data->size());
    require_within(c, 1, *data, axis);
    check_indices(c, 1, (*data)[axis]);
  }
  if (c.shape(1)) c.require_shape(2, *c.shape(1), "the updates");
  c.set(0, c.type(0), copy(c.shape(0)));
}

void scatter_nd(Context& c) {
  c.require_index_type(1, "the indices");
  c.require_same_type(2);
  c.require_rank(0, 1, sdk::kMaxRank, "the data");
  const Dims *data = c.shape(0), *indices = c.shape(1);
  if (data && indices) {
    if (const std::optional<size_t> depth = index_depth(c, 1, data->size()))
      c.require_shape(2, joined(*indices, 0, indices->size() - 1, *data, *depth), "the updates");
  }
  c.set(0, c.type(0), copy(data));
}

// indices, depth, values (off, on)
void one_hot(Context& c) {
  c.require_type(0, kNumeric, "the indices");
  c.require_type(1, kNumeric, "the depth");
  c.require_rank(1, 0, 1, "the depth");
  c.require_shape(2, Dims{2}, "the values");
  Dim depth;
  if (const std::optional<Elements> values = c.values(1)) {
    if (values->size() != 1) c.fail("the depth has % elements (expected 1)", {values->size()});
    const Element& element = values->front();
    if (!element.known) {
      depth = element.dim();
    } else {
      const double number = is_float(c.type(1)) ? element.real : static_cast<double>(element.integer);
      if (!(number >= 1 && number < 9e15)) c.fail("the depth (%) is not a positive number", {std::to_string(number)});
      depth = Dim(static_cast<int64_t>(number));
    }
  }
  if (!c.shape(0)) return c.set(0, c.type(2), std::nullopt);
  Dims shape = *c.shape(0);
  const size_t axis = c.axis(c.attributes<schema::OneHotAttributesT>().axis, shape.size() + 1);
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), depth);
  c.set(0, c.type(2), std::move(shape));
}

}  // namespace motley::graph::infer
