// Expand, Tile and ConstantOfShape: elements read more than once.
#include "graph/lower/rules.hpp"

namespace motley::graph {

void lower_expand(Lowering& l) {
  const Extents in = l.shape(l.in(0)), out = l.shape(l.out());
  if (in.size() > out.size() || broadcast(in, out) != out) l.invalid("its input does not broadcast to its output");
  const Extents strides = row_major_strides(in);
  const size_t shift = out.size() - in.size();
  Extents src(out.size(), 0);
  for (size_t i = 0; i < in.size(); ++i)
    if (in[i] != 1) src[shift + i] = strides[i];
  l.copy({l.in(0)}, {make_region(0, out, 0, src, 0, row_major_strides(out))}, l.out());
}

void lower_tile(Lowering& l) {
  const Extents in = l.shape(l.in(0)), out = l.shape(l.out());
  const Extents src = row_major_strides(in), dst = row_major_strides(out);
  if (in.size() != out.size()) l.invalid("its output has another rank than its input");
  Extents extents, from, to;
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i] != 0 && out[i] % in[i] != 0) l.invalid("its output is no multiple of its input");
    extents.push_back(in[i] == 0 ? 0 : out[i] / in[i]);
    extents.push_back(in[i]);
    from.push_back(0);
    from.push_back(src[i]);
    to.push_back(in[i] * dst[i]);
    to.push_back(dst[i]);
  }
  l.copy({l.in(0)}, {make_region(0, extents, 0, from, 0, to)}, l.out());
}

void lower_constant_of_shape(Lowering& l) {
  // The value is the node's attribute already, in the form that Fill takes; the shape is known from the output.
  schema::FillAttributesT attributes = l.attr<schema::FillAttributesT>();
  if (attributes.type == DataType::undefined) attributes.type = l.type(l.out());
  if (attributes.value.empty()) attributes.value = encode_scalar(attributes.type, 0);
  if (attributes.type != l.type(l.out())) l.invalid("its value has another type than its output");
  l.emit(Op::Fill, {}, l.out(), attributes);
}

}  // namespace motley::graph
