// Scaled dot-product attention, and rotary position embedding.
#include "graph/infer/dims.hpp"
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

namespace {

// A query, key or value as (batch, heads, sequence, size of a head).
struct Heads {
  Dim batch, heads, sequence, size;
};

// From (batch, heads, sequence, size), or (batch, sequence, heads·size) with the number of heads as attribute.
Heads heads_of(const Context& c, const Dims& dims, int64_t count, const char* what) {
  if (dims.size() == 4) {
    if (count > 0 && dims[1].known() && dims[1].value != count)
      c.fail("% has % heads (expected %)", {what, to_string(dims[1]), count});
    return {dims[0], dims[1], dims[2], dims[3]};
  }
  if (count < 1) c.fail("the number of heads (%) of % is not given", {count, what});
  return {dims[0], Dim(count), dims[1], divide(c, dims[2], count, what)};
}

// Past keys or values: (batch, heads, past sequence, size). Gives the past length.
Dim past_length(const Context& c, size_t i, const Heads& now, const char* what) {
  if (!c.has(i)) return Dim(0);
  c.require_rank(i, 4, what);
  if (!c.shape(i)) return Dim();
  const Dim past = (*c.shape(i))[2];
  c.require_shape(i, Dims{now.batch, now.heads, past, now.size}, what);
  return past;
}

}  // namespace

// Q, K, V, attn_mask, past_key, past_value, nonpad_kv_seqlen -> Y, present_key, present_value, qk_matmul_output
void attention(Context& c) {
  const auto& a = c.attributes<schema::AttentionAttributesT>();
  const char* const names[] = {"the query", "the key", "the value"};
  bool known = true;
  for (size_t i = 0; i < 3; ++i) {
    c.require_type(i, kFloat, names[i]);
    c.require_rank(i, 3, 4, names[i]);
    known = known && c.shape(i);
  }
  if (!known) {
    for (size_t i = 0; i < 4; ++i) c.set(i, c.type(i == 2 ? 2 : i == 1 ? 1 : 0), std::nullopt);
    return;
  }
  const bool flat = c.shape(0)->size() == 3;
  if ((c.shape(1)->size() == 3) != flat || (c.shape(2)->size() == 3) != flat)
    c.fail("query, key and value differ in rank");
  if (c.has(4) != c.has(5)) c.fail("past key and past value are given only together");
  const Heads q = heads_of(c, *c.shape(0), a.q_num_heads, names[0]);
  const Heads k = heads_of(c, *c.shape(1), a.kv_num_heads, names[1]);
  const Heads v = heads_of(c, *c.shape(2), a.kv_num_heads, names[2]);
  const Dim batch =
      unify(c, unify(c, q.batch, k.batch, "the batches of query and key"), v.batch, "the batches of query and value");
  unify(c, q.size, k.size, "the head sizes of query and key");
  unify(c, k.heads, v.heads, "the heads of key and value");
  const Dim sequence = unify(c, k.sequence, v.sequence, "the lengths of key and value");
  if (q.heads.known() && k.heads.known() && (k.heads.value < 1 || q.heads.value % k.heads.value != 0))
    c.fail("the query's heads (%) are not a multiple of the key's (%)", {to_string(q.heads), to_string(k.heads)});
  const Dim past =
      unify(c, past_length(c, 4, k, "the past key"), past_length(c, 5, v, "the past value"), "the past lengths");
  const Dim total = add(c, past, sequence);
  const Dims scores{batch, q.heads, q.sequence, total};
  if (c.has(3) && c.shape(3)) {
    c.require_type(3, kAny, "the mask");
    Dims mask = *c.shape(3);
    if (mask.empty() || mask.size() > 4) c.require_rank(3, 1, 4, "the mask");
    // A mask may be shorter than the keys: the rest is masked out.
    Dims target = scores;
    if (mask.back().known() && total.known() && mask.back().value < total.value) target.back() = mask.back();
    c.require_broadcasts_to(3, target, "the mask");
  }
  c.set(0, c.type(0),
        flat ? Dims{batch, q.sequence, multiply(c, q.heads, v.size)} : Dims{batch, q.heads, q.sequence, v.size});
  c.set(1, c.type(1), Dims{batch, k.heads, total, k.size});
  c.set(2, c.type(2), Dims{batch, v.heads, total, v.size});
  c.set(3, c.type(0), scores);
}

// X, cos_cache, sin_cache, position_ids
void rotary_embedding(Context& c) {
  const auto& a = c.attributes<schema::RotaryEmbeddingAttributesT>();
  c.require_type(0, kFloat, "the input");
  c.require_rank(0, 3, 4, "the input");
  for (size_t i : {1, 2}) {
    c.require_same_type(i);
    c.require_rank(i, c.has(3) ? 2 : 3, i == 1 ? "the cosines" : "the sines");
  }
  if (c.has(3)) {
    c.require_index_type(3, "the positions");
    c.require_rank(3, 2, "the positions");
  }
  const Dims* x = c.shape(0);
  if (!x) return c.set(0, c.type(0), std::nullopt);
  const Heads heads = heads_of(c, *x, a.num_heads, "the input");
  if (a.rotary_embedding_dim < 0 || (heads.size.known() && a.rotary_embedding_dim > heads.size.value))
    c.fail("rotary_embedding_dim (%) is larger than a head (%)", {a.rotary_embedding_dim, to_string(heads.size)});
  const Dim rotated = a.rotary_embedding_dim > 0 ? Dim(a.rotary_embedding_dim) : heads.size;
  if (rotated.known() && rotated.value % 2 != 0) c.fail("the rotated part of a head (%) is odd", {to_string(rotated)});
  const Dim half = rotated.known() ? Dim(rotated.value / 2) : Dim();
  for (size_t i : {1, 2}) {
    if (!c.shape(i)) continue;
    const Dims cache = c.has(3) ? Dims{Dim(), half} : Dims{heads.batch, heads.sequence, half};
    c.require_shape(i, cache, i == 1 ? "the cosines" : "the sines");
  }
  if (c.has(3)) c.require_shape(3, Dims{heads.batch, heads.sequence}, "the positions");
  c.set(0, c.type(0), *x);
}

}  // namespace motley::graph::infer
