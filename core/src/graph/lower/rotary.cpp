// RotaryEmbedding (ONNX opset 23): pairs of elements turned by an angle that depends on the step.
#include "graph/lower/rules.hpp"

namespace motley::graph {
namespace {

// Where heads, steps and elements lie in the input, which has them in either order.
struct Layout {
  Extents extents;  // 4 dimensions
  bool heads_first;
};

Layout layout_of(const Lowering& l, int64_t heads) {
  const Extents in = l.shape(l.in(0));
  if (in.size() == 4) return {in, true};
  if (in.size() != 3 || heads <= 0 || in[2] % heads != 0) l.invalid("its input does not divide into heads");
  return {{in[0], in[1], heads, in[2] / heads}, false};
}

// Cosines or sines with a dimension of 1 for the heads.
TensorId angles(Lowering& l, size_t input, const Layout& layout, int64_t pairs) {
  TensorId cache = l.in(input);
  if (l.has_input(3)) {
    const Extents rows = l.shape(cache), ids = l.shape(l.in(3));
    if (rows.size() != 2 || ids.size() != 2) l.invalid("its caches and position ids have not two dimensions");
    schema::AxisAttributesT attributes;
    attributes.axis = 0;
    cache = l.emit(Op::Gather, {cache, l.in(3)}, l.temporary(l.type(cache), {ids[0], ids[1], rows[1]}), attributes);
  }
  const Extents extents = l.shape(cache);
  const int64_t steps = layout.extents[layout.heads_first ? 2 : 1];
  if (extents.size() != 3 || extents[1] != steps || extents[2] < pairs)
    l.invalid("its caches do not match its steps and its rotary dimension");
  if (extents[2] > pairs)
    cache = l.copy({cache}, {make_region(0, {extents[0] * steps, pairs}, 0, {extents[2], 1}, 0, {pairs, 1})},
                   l.temporary(l.type(cache), {extents[0], steps, pairs}));
  return layout.heads_first ? l.reshape(cache, {extents[0], 1, steps, pairs})
                            : l.reshape(cache, {extents[0], steps, 1, pairs});
}

}  // namespace

void lower_rotary_embedding(Lowering& l) {
  const auto& attributes = l.attr<schema::RotaryEmbeddingAttributesT>();
  const Layout layout = layout_of(l, attributes.num_heads);
  const int64_t size = layout.extents[3], rows = product(layout.extents, 0, 3);
  const int64_t rotated = attributes.rotary_embedding_dim ? attributes.rotary_embedding_dim : size;
  if (rotated < 0 || rotated > size || rotated % 2 != 0)
    l.invalid("its rotary dimension (%) is odd or too large", {rotated});
  const int64_t pairs = rotated / 2;
  const TensorId cosine = angles(l, 1, layout, pairs), sine = angles(l, 2, layout, pairs);

  // A pair is (i, i + pairs), or (2i, 2i + 1) when interleaved.
  const int64_t step = attributes.interleaved ? 2 : 1, distance = attributes.interleaved ? 1 : pairs;
  Extents half = layout.extents;
  half[3] = pairs;
  const auto part = [&](int64_t at) {
    const RegionT region = make_region(0, {rows, pairs}, at, {size, step}, 0, {pairs, 1});
    return l.copy({l.in(0)}, {region}, l.temporary(l.type(l.in(0)), half));
  };
  const TensorId first = part(0), second = part(distance);
  const TensorId real = l.sub(l.mul(first, cosine), l.mul(second, sine));
  const TensorId imaginary = l.add(l.mul(first, sine), l.mul(second, cosine));
  l.copy({real, imaginary, l.in(0)},
         {make_region(0, {rows, pairs}, 0, {pairs, 1}, 0, {size, step}),
          make_region(1, {rows, pairs}, 0, {pairs, 1}, distance, {size, step}),
          make_region(2, {rows, size - rotated}, rotated, {size, 1}, rotated, {size, 1})},
         l.out());
}

}  // namespace motley::graph
