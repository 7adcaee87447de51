// Normalizations as ONNX Runtime's optimizer fuses them: with what is added before, or the embedding in front.
#include "onnx/ops/build.hpp"

namespace motley::convert {
namespace {

constexpr const char* kDomain = "com.microsoft";
using U = schema::UnaryFunction;
using R = schema::ReduceFunction;

// Mean and inverse deviation over the last dimension, where they are asked for.
void emit_statistics(Build& b, TensorId x, float epsilon, TensorId mean_out, TensorId inverse_out) {
  OpContext& c = b.c;
  if (mean_out == kNone && inverse_out == kNone) return;
  const TensorId wide = b.cast(x, DataType::float32);
  const TensorId mean = b.reduce(R::mean, wide, {-1});
  c.connect(mean, mean_out);
  if (inverse_out == kNone) return;
  const TensorId centred = b.sub(wide, mean);
  const TensorId variance = b.reduce(R::mean, b.unary(U::square, centred), {-1});
  c.connect(b.unary(U::rsqrt, b.add(variance, b.like(variance, static_cast<double>(epsilon)))), inverse_out);
}

// Divides by the root of the mean square; `center` is off in the rule's function.
void simplified_layer_normalization(OpContext& c) {
  Build b(c);
  const float epsilon = c.number("epsilon", 1e-5f);
  const int64_t stash = c.integer("stash_type", 1);
  if (stash != 1) c.unsupported("attribute stash_type = " + std::to_string(stash));
  schema::LayerNormalizationAttributesT attributes;
  attributes.axis = c.integer("axis", -1);
  attributes.epsilon = epsilon;
  attributes.stash_type = DataType::float32;
  const DataType type = c.type(c.in(0));
  const TensorId scale = type == DataType::undefined ? c.in(1) : b.cast(c.in(1), type);
  if (c.out(1) != kNone) {
    const auto rank = c.rank(c.in(0));
    if (!rank) c.unsupported("the inverse deviation of an input whose rank is not known");
    std::vector<int64_t> axes;
    const auto dims = static_cast<int64_t>(*rank);
    for (int64_t axis = attributes.axis < 0 ? attributes.axis + dims : attributes.axis; axis < dims; ++axis)
      axes.push_back(axis);
    const TensorId squares = b.unary(U::square, b.cast(c.in(0), DataType::float32));
    const TensorId mean = b.reduce(R::mean, squares, axes);
    c.connect(b.unary(U::rsqrt, b.add(mean, b.like(mean, static_cast<double>(epsilon)))), c.out(1));
  }
  c.emit(Op::RMSNormalization, {c.in(0), scale}, {c.out(0)}, std::move(attributes));
}

// input + skip + bias, normalized; the sum is an output too. Outputs: Y, mean, inverse deviation, sum.
TensorId skip_sum(Build& b, TensorId bias) {
  OpContext& c = b.c;
  TensorId sum = b.add(c.in(0), c.in(1));
  if (bias != kNone) sum = b.add(sum, bias);
  c.connect(sum, c.out(3));
  return sum;
}

void skip_layer_normalization(OpContext& c) {
  Build b(c);
  const float epsilon = c.number("epsilon", 1e-12f);
  const TensorId sum = skip_sum(b, c.in(4));
  emit_statistics(b, sum, epsilon, c.out(1), c.out(2));
  c.connect(b.layer_norm(sum, c.in(2), c.in(3), epsilon), c.out(0));
}

void skip_simplified_layer_normalization(OpContext& c) {
  Build b(c);
  const float epsilon = c.number("epsilon", 1e-12f);
  if (c.out(1) != kNone || c.out(2) != kNone) c.unsupported("the statistics as outputs");
  c.connect(b.rms_norm(skip_sum(b, c.in(3)), c.in(2), epsilon), c.out(0));
}

// Words, their positions and their segments looked up, added and normalized. Further outputs: how many words of each
// sequence the mask shows, and the sum.
void embed_layer_normalization(OpContext& c) {
  Build b(c);
  const float epsilon = c.number("epsilon", 1e-12f);
  c.ignore("mask_index_type");
  if ((c.in(1) == kNone) != (c.in(4) == kNone)) c.invalid("has segments without their embedding, or the reverse");
  const TensorId ids = c.in(0);
  for (size_t i : {2, 3, 5, 6}) c.required(i);
  TensorId positions = c.in(8);
  if (positions == kNone) positions = b.count_to(b.extent(ids, 1));
  TensorId sum = b.add(b.gather(c.in(2), ids, 0), b.gather(c.in(3), positions, 0));
  if (c.in(1) != kNone) sum = b.add(sum, b.gather(c.in(4), c.in(1), 0));
  if (c.out(1) != kNone) {
    const TensorId like = c.in(7) != kNone ? c.in(7) : ids;
    const TensorId count = b.reduce(R::sum, b.cast(like, DataType::int32), {1}, false);
    c.connect(c.in(7) != kNone ? count : b.mul(count, b.like(count, 0)), c.out(1));
  }
  c.connect(sum, c.out(2));
  c.connect(b.layer_norm(sum, c.in(5), c.in(6), epsilon), c.out(0));
}

// (N, H, W, C) to (N, C, H, W) and back, where channels come last.
TensorId channels_first(Build& b, TensorId x) { return b.transpose(x, {0, 3, 1, 2}); }
TensorId channels_last(Build& b, TensorId x) { return b.transpose(x, {0, 2, 3, 1}); }

TensorId group_normalized(Build& b, TensorId x, TensorId scale, TensorId bias) {
  OpContext& c = b.c;
  schema::GroupNormalizationAttributesT attributes;
  attributes.epsilon = c.number("epsilon", 1e-5f);
  attributes.num_groups = c.integer("groups");
  const bool swish = c.integer("activation") != 0, last = c.flag("channels_last", true);
  const DataType type = c.type(x);
  if (c.rank(x) != 4u || type == DataType::undefined) c.unsupported("an input that is not surely of 4 dimensions");
  TensorId y =
      c.temp("normalized", Op::GroupNormalization,
             {last ? channels_first(b, x) : x, b.cast(scale, type), b.cast(bias, type)}, std::move(attributes));
  if (swish) y = b.unary(U::swish, y, 1);
  return last ? channels_last(b, y) : y;
}

void group_norm(OpContext& c) {
  Build b(c);
  c.connect(group_normalized(b, c.in(0), c.in(1), c.in(2)), c.out(0));
}

// The skip is an image, or one value per channel: (N, C) or (N, 1, 1, C).
void skip_group_norm(OpContext& c) {
  Build b(c);
  if (!c.flag("channels_last", true)) c.unsupported("attribute channels_last = 0");
  TensorId skip = c.in(3);
  if (c.rank(skip) == 2u) skip = b.unsqueeze(skip, {1, 2});
  TensorId sum = b.add(c.in(0), skip);
  if (c.in(4) != kNone) sum = b.add(sum, c.in(4));
  c.connect(sum, c.out(1));
  c.connect(group_normalized(b, sum, c.in(1), c.in(2)), c.out(0));
}

constexpr OpRule kRules[] = {
    {"SimplifiedLayerNormalization", 1, 2, 2, 2, simplified_layer_normalization},  // in the default domain, by habit
    {"SimplifiedLayerNormalization", 1, 2, 2, 2, simplified_layer_normalization, 0, nullptr, 0, nullptr, 0, kDomain},
    {"SkipLayerNormalization", 1, 3, 5, 4, skip_layer_normalization, 0, nullptr, 0, nullptr, 0, kDomain},
    {"SkipSimplifiedLayerNormalization", 1, 3, 4, 4, skip_simplified_layer_normalization, 0, nullptr, 0, nullptr, 0,
     kDomain},
    {"EmbedLayerNormalization", 1, 1, 9, 3, embed_layer_normalization, 0, nullptr, 0, nullptr, 0, kDomain},
    {"GroupNorm", 1, 3, 3, 1, group_norm, 0, nullptr, 0, nullptr, 0, kDomain},
    {"SkipGroupNorm", 1, 4, 5, 2, skip_group_norm, 0, nullptr, 0, nullptr, 0, kDomain},
};

}  // namespace

std::span<const OpRule> ops::contrib_norm() { return kRules; }

}  // namespace motley::convert
