// Attention and rotary embedding.
#include "onnx/op_context.hpp"

namespace motley::convert {
namespace {

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
  c.emit(Op::Attention, c.inputs(), c.outputs(), std::move(attributes));
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
