// Ops whose number of results depends on the data.
#include <algorithm>

#include "graph/infer/dims.hpp"
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

void non_zero(Context& c) {
  c.require_type(0, kAny, "the input");
  const Dims* x = c.shape(0);
  Dim count;
  if (const std::optional<Elements> values = c.values(0)) {
    const bool real = is_float(c.type(0));
    const auto unknown = [](const Element& e) { return !e.known; };
    const auto non_zero = [&](const Element& e) { return real ? e.real != 0 : e.integer != 0; };
    if (std::none_of(values->begin(), values->end(), unknown))
      count = Dim(std::count_if(values->begin(), values->end(), non_zero));
  }
  c.set(0, DataType::int64, Dims{x ? Dim(static_cast<int64_t>(x->size())) : Dim(), count});
}

// boxes, scores, max_output_boxes_per_class, iou_threshold, score_threshold -> rows of (batch, class, box)
void non_max_suppression(Context& c) {
  c.require_type(0, kFloat, "the boxes");
  c.require_same_type(1);
  c.require_rank(0, 3, "the boxes");
  c.require_rank(1, 3, "the scores");
  if (c.shape(0)) c.require_shape(0, Dims{(*c.shape(0))[0], (*c.shape(0))[1], 4}, "the boxes");
  if (c.shape(0) && c.shape(1))
    c.require_shape(1, Dims{(*c.shape(0))[0], (*c.shape(1))[1], (*c.shape(0))[1]}, "the scores");
  if (c.has(2)) c.scalar(2, "max_output_boxes_per_class");
  for (size_t i : {3, 4}) {
    if (!c.has(i)) continue;
    c.require_type(i, kFloat, "a threshold");
    c.require_broadcasts_to(i, Dims{1}, "a threshold");
  }
  c.set(0, DataType::int64, Dims{Dim(), 3});
}

void compress(Context& c) {
  const auto& a = c.attributes<schema::CompressAttributesT>();
  c.require_type_is(1, DataType::bool_, "the condition");
  c.require_rank(1, 1, "the condition");
  Dim selected;
  if (const std::optional<Elements> condition = c.values(1)) {
    int64_t count = 0;
    bool known = true;
    for (const Element& element : *condition) {
      known = known && element.known;
      count += element.known && element.integer != 0;
    }
    if (known) selected = Dim(count);
  }
  if (!a.has_axis) return c.set(0, c.type(0), Dims{selected});
  if (!c.shape(0)) return c.set(0, c.type(0), std::nullopt);
  Dims shape = *c.shape(0);
  Dim& dim = shape[c.axis(a.axis, shape.size())];
  const Dims* condition = c.shape(1);
  if (condition && (*condition)[0].known() && dim.known() && (*condition)[0].value > dim.value)
    c.fail("the condition has % elements for a dimension of %", {to_string((*condition)[0]), to_string(dim)});
  dim = selected;
  c.set(0, c.type(0), std::move(shape));
}

}  // namespace motley::graph::infer
