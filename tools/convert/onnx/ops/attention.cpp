// Attention and rotary embedding.
#include <limits>

#include "onnx/ops/build.hpp"

namespace motley::convert {
namespace {

// Numbers to add to the scores: minus infinity for keys past each sequence's length, and for later ones than a query's
// own where attention is causal and queries are the last steps of their sequences.
TensorId length_bias(Build& b, bool causal) {
  OpContext& c = b.c;
  using C = schema::CompareFunction;
  const auto rank = c.rank(c.in(1));
  if (!rank) c.unsupported("lengths of keys whose rank is not known");
  const int64_t axis = *rank == 4 ? 2 : 1;
  TensorId keys = b.extent(c.in(1), axis);
  if (c.in(4) != kNone) keys = b.add(keys, b.extent(c.in(4), 2));
  const TensorId key = b.count_to(keys), lengths = b.reshape(b.cast(c.in(6), DataType::int64), {-1, 1, 1, 1});
  TensorId seen = b.compare(C::less, key, lengths);
  if (causal) {
    const TensorId steps = b.extent(c.in(0), axis);
    const TensorId query = b.add(b.sub(lengths, steps), b.reshape(b.count_to(steps), {-1, 1}));
    seen = b.both(seen, b.compare(C::less_or_equal, key, query));
  }
  const DataType type = c.type(c.in(0));
  return b.where(seen, b.scalar(type, 0), b.scalar(type, -std::numeric_limits<double>::infinity()));
}

// The mask as numbers, together with what the lengths hide.
TensorId mask_with_lengths(Build& b, bool causal) {
  OpContext& c = b.c;
  const TensorId bias = length_bias(b, causal);
  if (c.in(3) == kNone) return bias;
  const DataType type = c.type(c.in(0));
  if (c.type(c.in(3)) != DataType::bool_) return b.add(bias, b.cast(c.in(3), type));
  return b.where(c.in(3), bias, b.scalar(type, -std::numeric_limits<double>::infinity()));
}

void attention(OpContext& c) {
  schema::AttentionAttributesT attributes;
  attributes.is_causal = c.flag("is_causal", false);
  attributes.q_num_heads = c.integer("q_num_heads", 0);
  attributes.kv_num_heads = c.integer("kv_num_heads", 0);
  attributes.scale = c.number("scale", 0);  // 0: one over the root of the head size
  if (c.has("scale") && attributes.scale == 0) c.unsupported("attribute scale = 0");
  attributes.softcap = c.number("softcap", 0);
  attributes.qk_matmul_output_mode = c.integer("qk_matmul_output_mode", 0);
  c.ignore("softmax_precision");  // the type of sums, at least as wide here
  std::vector<TensorId> inputs = c.inputs();
  if (c.in(6) != kNone) {
    Build b(c);
    const bool own_past = c.in(4) == kNone;  // the keys are a cache that holds the past, too
    inputs[3] = mask_with_lengths(b, attributes.is_causal && own_past);
    inputs.resize(6);
    if (own_past) attributes.is_causal = false;
  }
  c.emit(Op::Attention, std::move(inputs), c.outputs(), std::move(attributes));
}

void rotary_embedding(OpContext& c) {
  schema::RotaryEmbeddingAttributesT attributes;
  attributes.interleaved = c.flag("interleaved", false);
  attributes.num_heads = c.integer("num_heads", 0);
  attributes.rotary_embedding_dim = c.integer("rotary_embedding_dim", 0);
  c.emit(Op::RotaryEmbedding, c.inputs(), std::move(attributes));
}

constexpr OpRule kRules[] = {
    {"Attention", 23, 3, 6, 4, attention},
    {"Attention", 24, 3, 7, 4, attention},
    {"RotaryEmbedding", 23, 3, 4, 1, rotary_embedding},
};

}  // namespace

std::span<const OpRule> ops::attention() { return kRules; }

}  // namespace motley::convert
