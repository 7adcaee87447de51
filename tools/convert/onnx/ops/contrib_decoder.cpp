// Attention of decoders with a cache: com.microsoft.GroupQueryAttention, and the rotary embedding beside it.
#include "onnx/ops/build.hpp"

namespace motley::convert {
namespace {

constexpr const char* kDomain = "com.microsoft";
using C = schema::CompareFunction;

// x (B, S, hidden) or (B, N, S, size) turned by rows of the caches (positions, pairs).
TensorId rotated(Build& b, TensorId x, TensorId cosines, TensorId sines, TensorId positions, int64_t heads,
                 bool interleaved) {
  OpContext& c = b.c;
  schema::RotaryEmbeddingAttributesT attributes;
  attributes.interleaved = interleaved;
  attributes.num_heads = heads;
  const int64_t pairs = known_extent(c, cosines, 1);
  if (pairs < 0 || pairs > INT32_MAX) c.unsupported("a cache of cosines whose shape is not known, or too large");
  attributes.rotary_embedding_dim = 2 * pairs;
  return c.temp("rotated", Op::RotaryEmbedding, {x, cosines, sines, positions}, std::move(attributes));
}

// Positions (B, S) where one first position is given: counted on from it, the same for all.
TensorId positions_from(Build& b, TensorId first, TensorId batch, TensorId steps) {
  const TensorId row = b.add(b.cast(first, DataType::int64), b.count_to(steps));
  return b.expand(row, b.concat({batch, steps}, 0));
}

void rotary_embedding(OpContext& c) {
  Build b(c);
  if (c.flag("is_packed_batching", false)) c.unsupported("attribute is_packed_batching");
  if (c.number("scale", 1) != 1) c.unsupported("attribute scale");
  const bool interleaved = c.flag("interleaved", false);
  const int64_t part = c.integer("rotary_embedding_dim", 0);
  int64_t heads = c.integer("num_heads", 0);
  const auto rank = c.rank(c.in(0)), position_rank = c.rank(c.in(1));
  const int64_t pairs = known_extent(c, c.in(2), 1);
  if (!rank || !position_rank || pairs < 0 || pairs > INT32_MAX)
    c.unsupported("inputs whose shape is not known, or too large");
  if (*rank != 3 && *rank != 4) c.invalid("has an input of " + std::to_string(*rank) + " dimensions (3 or 4)");
  if (part != 0 && part != 2 * pairs)
    c.invalid("has a rotary_embedding_dim (" + std::to_string(part) + ") that does not fit its cosines (" +
              std::to_string(pairs) + " pairs)");
  if (*rank == 3 && heads == 0) {  // then all of a head is turned
    const int64_t hidden = known_extent(c, c.in(0), 2);
    if (hidden < 0 || pairs < 1) c.unsupported("heads whose number is not known");
    heads = hidden / (2 * pairs);
  }
  TensorId positions = c.in(1);
  if (*position_rank == 1)
    positions = positions_from(b, positions, b.extent(c.in(0), 0), b.extent(c.in(0), *rank == 3 ? 1 : 2));
  else if (*position_rank != 2)
    c.invalid("has positions of " + std::to_string(*position_rank) + " dimensions (1 or 2)");
  c.connect(rotated(b, c.in(0), c.in(2), c.in(3), positions, *rank == 3 ? heads : 0, interleaved), c.out(0));
}

struct Sequences {
  TensorId first;    // (B): the position of the first new step
  TensorId lengths;  // (B): steps in all, past and new
  TensorId steps;    // (1): new steps
};

// New steps written behind those that each sequence has in its past, (B, N, P, size), grown where it is too short.
TensorId written(Build& b, TensorId past, TensorId fresh, TensorId total, const Sequences& s) {
  const TensorId missing = b.max(b.sub(total, b.extent(past, 2)), b.scalar(DataType::int64, 0));
  const TensorId zeros = b.ints({0, 0, 0, 0, 0, 0}), none = b.ints({0});
  const TensorId cache = b.pad(past, b.concat({zeros, missing, none}, 0), b.like(past, 0));
  const TensorId at = b.add(b.reshape(s.first, {-1, 1, 1, 1}), b.reshape(b.count_to(s.steps), {1, 1, -1, 1}));
  return b.scatter_elements(cache, b.expand(at, b.shape(fresh)), fresh, 2);
}

// (B, 1, S, T): 0 where a query sees a key, else a number that leaves nothing of it.
TensorId visible(Build& b, const Sequences& s, TensorId keys, bool causal, int64_t window, DataType type) {
  const TensorId key = b.count_to(keys);
  TensorId seen = b.compare(C::less, key, b.reshape(s.lengths, {-1, 1, 1}));
  if (causal) {
    const TensorId query = b.add(b.reshape(s.first, {-1, 1, 1}), b.reshape(b.count_to(s.steps), {1, -1, 1}));
    seen = b.both(seen, b.compare(C::less_or_equal, key, query));
    if (window > 0)
      seen = b.both(seen,
                    b.compare(C::greater, key, b.sub(query, b.scalar(DataType::int64, static_cast<double>(window)))));
  }
  // The least number, not infinity: rows of padding see nothing, and must not become NaN.
  const double least = type == DataType::float16 ? -65504.0 : -3.3e38;
  return b.unsqueeze(b.where(seen, b.scalar(type, 0), b.scalar(type, least)), {1});
}

void refuse_rare_forms(OpContext& c) {
  for (const char* name : {"k_quant_type", "v_quant_type"})
    if (c.text(name, "NONE") != "NONE") c.unsupported("attribute " + std::string(name));
  for (const char* name : {"smooth_softmax", "qk_output", "sliding_window_cache"})
    if (c.integer(name, 0) > 0) c.unsupported("attribute " + std::string(name));
  for (const char* name : {"kv_cache_bit_width", "qk_norm_epsilon", "smooth_softmax"}) c.ignore(name);
  const char* const names[] = {"head_sink", "k_scale", "v_scale", "q_norm_weight", "k_norm_weight"};
  for (size_t i = 0; i < 5; ++i)
    if (c.in(11 + i) != kNone) c.unsupported("input " + std::string(names[i]));
  if (c.out(3) != kNone) c.unsupported("the scores as an output");
}

void group_query_attention(OpContext& c) {
  Build b(c);
  refuse_rare_forms(c);
  schema::AttentionAttributesT attributes;
  attributes.q_num_heads = c.integer("num_heads");
  attributes.kv_num_heads = c.integer("kv_num_heads");
  attributes.scale = c.number("scale", 0);
  attributes.softcap = c.number("softcap", 0);
  const bool causal = c.flag("causal", true);
  const bool rotary = c.flag("do_rotary", false), interleaved = c.flag("rotary_interleaved", false);
  const int64_t window = c.integer("local_window_size", -1), heads = attributes.q_num_heads,
                groups = attributes.kv_num_heads;
  if (heads < 1 || groups < 1 || heads > INT32_MAX || heads % groups != 0)
    c.invalid("has " + std::to_string(heads) + " heads of queries and " + std::to_string(groups) + " of keys");
  if ((c.in(3) == kNone) != (c.in(4) == kNone)) c.invalid("has a past of keys without one of values, or the reverse");
  TensorId query = c.in(0), key = c.in(1), value = c.in(2);
  if (key == kNone && value == kNone) {  // packed
    const int64_t width = known_extent(c, query, 2);
    if (width < 0) c.unsupported("a packed query whose shape is not known");
    if (width % (heads + 2 * groups) != 0) c.invalid("has a packed query that does not divide into its heads");
    const int64_t size = width / (heads + 2 * groups);
    const auto parts = b.split(query, 2, {heads * size, groups * size, groups * size});
    query = parts[0], key = parts[1], value = parts[2];
  } else if (key == kNone || value == kNone) {
    c.invalid("has a key without a value, or the reverse");
  }

  const TensorId zero = b.scalar(DataType::int64, 0);
  Sequences s;
  s.steps = b.extent(query, 1);
  s.lengths = b.add(b.reshape(b.cast(c.required(5), DataType::int64), {-1}), b.scalar(DataType::int64, 1));
  s.first = b.max(b.sub(s.lengths, s.steps), zero);  // a prompt may be shorter than its batch
  if (rotary) {
    if (c.in(7) == kNone || c.in(8) == kNone) c.invalid("rotates without cosines and sines (inputs 8 and 9)");
    const TensorId positions =
        c.in(9) != kNone ? c.in(9) : b.add(b.reshape(s.first, {-1, 1}), b.reshape(b.count_to(s.steps), {1, -1}));
    query = rotated(b, query, c.in(7), c.in(8), positions, heads, interleaved);
    key = rotated(b, key, c.in(7), c.in(8), positions, groups, interleaved);
  }
  const auto by_head = [&](TensorId x, int64_t count) {
    return b.transpose(b.reshape(x, {0, 0, count, -1}), {0, 2, 1, 3});
  };
  query = by_head(query, heads), key = by_head(key, groups), value = by_head(value, groups);
  const TensorId y = c.declare("y");
  const auto finish = [&] { c.connect(b.reshape(b.transpose(y, {0, 2, 1, 3}), {0, 0, -1}), c.out(0)); };

  const TensorId total = b.reshape(b.cast(c.required(6), DataType::int64), {1});
  if (c.in(3) == kNone && causal && window <= 0) {  // a prompt: padding stands behind what anyone may see
    attributes.is_causal = true;
    c.emit(Op::Attention, {query, key, value, c.in(10)}, {y, c.out(1), c.out(2)}, std::move(attributes));
    return finish();
  }
  if (c.in(3) != kNone) {
    key = written(b, c.in(3), key, total, s);
    value = written(b, c.in(4), value, total, s);
  }
  TensorId bias = visible(b, s, b.extent(key, 2), causal, window, c.type(query));
  if (c.in(10) != kNone) bias = b.add(bias, c.in(10));
  c.emit(Op::Attention, {query, key, value, bias}, {y}, std::move(attributes));
  c.connect(key, c.out(1));
  c.connect(value, c.out(2));
  finish();
}

constexpr OpRule kRules[] = {
    {"GroupQueryAttention", 1, 1, 16, 4, group_query_attention, 0, nullptr, 0, nullptr, 0, kDomain},
    {"RotaryEmbedding", 1, 4, 4, 1, rotary_embedding, 0, nullptr, 0, nullptr, 0, kDomain},
};

}  // namespace

std::span<const OpRule> ops::contrib_decoder() { return kRules; }

}  // namespace motley::convert
