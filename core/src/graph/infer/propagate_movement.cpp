// Values of shapes, and of ops that pick, join and rearrange elements.
#include <algorithm>

#include "graph/infer/propagate.hpp"

namespace motley::graph::infer {

namespace {

Elements pick(const Elements& from, const std::vector<size_t>& at) {
  Elements result;
  for (size_t i : at) result.push_back(from[i]);
  return result;
}

}  // namespace

Elements shape_values(const Context& c) {
  const Dims* input = c.shape(0);
  if (!input) return {};
  const auto& a = c.attributes<schema::ShapeAttributesT>();
  const int64_t rank = static_cast<int64_t>(input->size());
  const int64_t start = std::clamp<int64_t>(a.start < 0 ? a.start + rank : a.start, 0, rank);
  Elements result;
  for (int64_t i = 0; i < c.output(0).elements(); ++i)
    result.push_back(Element::of_dim((*input)[static_cast<size_t>(start + i)]));
  return result;
}

Elements size_values(const Context& c) {
  const Dims* input = c.shape(0);
  return {input ? Element::of_dim(product(c, *input)) : Element()};
}

Elements gather_values(const Context& c) {
  const Extents extents = c.input(0).extents();
  const size_t axis = c.axis(c.attributes<schema::AxisAttributesT>().axis, extents.size());
  const Elements data = operand(c, 0), indices = operand(c, 1);
  int64_t outer = 1, inner = 1;
  for (size_t d = 0; d < axis; ++d) outer *= extents[d];
  for (size_t d = axis + 1; d < extents.size(); ++d) inner *= extents[d];
  Elements result;
  for (int64_t o = 0; o < outer; ++o)
    for (const Element& index : indices)
      for (int64_t i = 0; i < inner; ++i) {
        const int64_t at = index.integer < 0 ? index.integer + extents[axis] : index.integer;  // its range was checked
        result.push_back(index.known ? data[static_cast<size_t>((o * extents[axis] + at) * inner + i)] : Element());
      }
  return result;
}

Elements slice_values(const Context& c) {
  const std::optional<std::vector<int64_t>> starts = c.numbers(1, "the starts");
  if (!starts || (c.has(3) && !c.numbers(3, "the axes")) || (c.has(4) && !c.numbers(4, "the steps"))) return {};
  const Extents extents = c.input(0).extents(), dense = row_major_strides(extents), output = c.output(0).extents();
  std::vector<int64_t> axes(starts->size()), steps(starts->size(), 1);
  for (size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<int64_t>(i);
  if (c.has(3)) axes = *c.numbers(3, "the axes");
  if (c.has(4)) steps = *c.numbers(4, "the steps");
  Extents strides = dense;
  int64_t offset = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t axis = c.axis(axes[i], extents.size());
    if (output[axis] == 0) return Elements();  // nothing is left
    int64_t start = (*starts)[i] < 0 ? (*starts)[i] + extents[axis] : (*starts)[i];
    start = std::clamp<int64_t>(start, 0, extents[axis] - 1);
    offset += start * dense[axis];
    // With one element the step does not matter; otherwise it is smaller than the dimension.
    strides[axis] = output[axis] == 1 ? 0 : steps[i] * dense[axis];
  }
  return pick(operand(c, 0), walk(output, strides, offset));
}

Elements concat_values(const Context& c) {
  const size_t rank = c.shape(0)->size();
  const size_t axis = c.axis(c.attributes<schema::AxisAttributesT>().axis, rank);
  int64_t outer = 1;
  for (size_t d = 0; d < axis; ++d) outer *= (*c.shape(0))[d].value;
  std::vector<Elements> inputs;
  for (size_t i = 0; i < c.input_count(); ++i) inputs.push_back(operand(c, i));
  Elements result;
  for (int64_t o = 0; o < outer; ++o)
    for (const Elements& input : inputs) {
      const std::ptrdiff_t run = static_cast<std::ptrdiff_t>(input.size()) / outer;
      result.insert(result.end(), input.begin() + o * run, input.begin() + (o + 1) * run);
    }
  return result;
}

Elements same_values(const Context& c) { return operand(c, 0); }

Elements transpose_values(const Context& c) {
  const std::vector<int64_t>& perm = c.attributes<schema::TransposeAttributesT>().perm;
  const Extents dense = row_major_strides(c.input(0).extents());
  Extents strides(dense.rbegin(), dense.rend());
  if (!perm.empty())
    for (size_t i = 0; i < perm.size(); ++i) strides[i] = dense[c.axis(perm[i], dense.size())];
  return pick(operand(c, 0), walk(c.output(0).extents(), strides));
}

Elements expand_values(const Context& c) { return pick(operand(c, 0), broadcast_map(c, 0, c.output(0).extents())); }

Elements tile_values(const Context& c) {
  const Extents extents = c.input(0).extents(), dense = row_major_strides(extents), output = c.output(0).extents();
  // Each dimension as two: the repeat, which stands still, and the element.
  Extents pairs, strides;
  for (size_t d = 0; d < extents.size(); ++d) {
    pairs.push_back(extents[d] == 0 ? 0 : output[d] / extents[d]);
    pairs.push_back(extents[d]);
    strides.push_back(0);
    strides.push_back(dense[d]);
  }
  return pick(operand(c, 0), walk(pairs, strides));
}

// Of a fully known input, whose count of elements that are not zero the shape has already: their indices, by dimension.
Elements non_zero_values(const Context& c) {
  const Extents extents = c.input(0).extents(), strides = row_major_strides(extents);
  const Elements input = operand(c, 0);
  const bool real = is_float(c.type(0));
  Elements result;
  for (size_t d = 0; d < extents.size(); ++d)
    for (size_t i = 0; i < input.size(); ++i) {
      if (!input[i].known) return {};
      if (real ? input[i].real != 0 : input[i].integer != 0)
        result.push_back(Element::of(static_cast<int64_t>(i) / strides[d] % extents[d]));
    }
  return result;
}

}  // namespace motley::graph::infer
