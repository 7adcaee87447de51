// Attention of ONNX Runtime's optimizer: com.microsoft.Attention and MultiHeadAttention, as the IR's Attention with a
// mask of numbers to add.
#include "onnx/ops/build.hpp"

namespace motley::convert {
namespace {

constexpr const char* kDomain = "com.microsoft";

// Numbers to add to the scores, 0 where a key is seen and `hidden` where it is not, from a mask of the forms
//   (B, T) and (B, S, T): not 0 where the key is seen;  (B): how many keys are seen;
//   (2·B): one past the last key that is seen, of every sequence, then the first one.
TensorId mask_bias(Build& b, TensorId mask, TensorId batch_like, TensorId total, DataType type, double hidden,
                   bool starts_allowed) {
  OpContext& c = b.c;
  const auto rank = c.rank(mask);
  if (!rank) c.unsupported("a mask whose rank is not known");
  using C = schema::CompareFunction;
  const auto numbers = [&](TensorId seen) { return b.where(seen, b.scalar(type, 0), b.scalar(type, hidden)); };
  if (*rank == 2 || *rank == 3) {
    const TensorId seen = b.compare(C::greater, mask, b.like(mask, 0));
    return b.unsqueeze(numbers(seen), *rank == 2 ? std::vector<int64_t>{1, 2} : std::vector<int64_t>{1});
  }
  if (*rank != 1) c.unsupported("a mask of " + std::to_string(*rank) + " dimensions");
  const TensorId keys = b.count_to(total);
  const auto column = [&](TensorId list) { return b.unsqueeze(b.cast(list, DataType::int64), {1}); };
  if (same_extent(c, mask, 0, batch_like, 0))
    return b.unsqueeze(numbers(b.compare(C::less, keys, column(mask))), {1, 2});
  const int64_t entries = known_extent(c, mask, 0), batch = known_extent(c, batch_like, 0);
  if (!starts_allowed || batch < 0 || batch > INT32_MAX || entries % 2 != 0 || entries / 2 != batch)
    c.unsupported("a mask of one dimension that is not surely one length per sequence; fix the shapes of the inputs");
  const TensorId before_end = b.compare(C::less, keys, column(b.slice(mask, 0, 0, batch)));
  const TensorId from_start = b.compare(C::greater_or_equal, keys, column(b.slice(mask, 0, batch, 2 * batch)));
  return b.unsqueeze(numbers(b.both(before_end, from_start)), {1, 2});
}

schema::AttentionAttributesT attention_attributes(OpContext& c) {
  schema::AttentionAttributesT attributes;
  attributes.q_num_heads = attributes.kv_num_heads = c.integer("num_heads");
  if (attributes.q_num_heads < 1) c.invalid("has num_heads = " + std::to_string(attributes.q_num_heads));
  attributes.scale = c.number("scale", 0);  // 0: one over the root of the head size, here and there
  attributes.is_causal = c.flag("unidirectional", false);
  return attributes;
}

// The sum of what there is; kNone where there is nothing.
TensorId sum_of(Build& b, TensorId x, TensorId y) { return x == kNone ? y : y == kNone ? x : b.add(x, y); }

// Keys that there are in all, an int64 of shape (1): past ones, and new ones along `axis`.
TensorId total_keys(Build& b, TensorId key, int64_t axis, TensorId past) {
  const TensorId now = b.extent(key, axis);
  return past == kNone ? now : b.add(now, b.extent(past, 2));
}

// One product makes queries, keys and values of the input.
void attention(OpContext& c) {
  Build b(c);
  schema::AttentionAttributesT attributes = attention_attributes(c);
  if (c.flag("do_rotary", false)) c.unsupported("attribute do_rotary");
  if (c.flag("past_present_share_buffer", false)) c.unsupported("attribute past_present_share_buffer");
  c.ignore("rotary_embedding_dim");
  const double hidden = static_cast<double>(c.number("mask_filter_value", -10000.0f));
  if (c.in(6) != kNone) c.unsupported("a length of the past as an input");
  std::vector<int64_t> sizes = c.integers("qkv_hidden_sizes");
  if (sizes.empty()) {
    const int64_t width = known_extent(c, c.in(1), 1);
    if (width < 0) c.unsupported("weights whose shape is not known");
    if (width % 3 != 0) c.invalid("has weights of " + std::to_string(width) + " columns, which do not divide by 3");
    sizes.assign(3, width / 3);
  }
  if (sizes.size() != 3) c.invalid("has " + std::to_string(sizes.size()) + " qkv_hidden_sizes (expected 3)");
  for (int64_t size : sizes)
    if (size < 1 || size > INT32_MAX || size % attributes.q_num_heads != 0)
      c.invalid("has a hidden size (" + std::to_string(size) + ") that does not divide into its heads");
  TensorId projected = b.matmul(c.in(0), c.in(1));
  if (c.in(2) != kNone) projected = b.add(projected, c.in(2));
  const std::vector<TensorId> qkv = b.split(projected, 2, sizes);

  TensorId past_key = kNone, past_value = kNone;
  if (c.in(4) != kNone) {
    past_key = b.gather(c.in(4), b.scalar(DataType::int64, 0), 0);
    past_value = b.gather(c.in(4), b.scalar(DataType::int64, 1), 0);
  }
  TensorId bias = kNone;
  if (c.in(3) != kNone)
    bias = mask_bias(b, c.in(3), c.in(0), total_keys(b, c.in(0), 1, past_key), c.type(c.in(0)), hidden, true);
  bias = sum_of(b, bias, c.in(5));
  const TensorId y = c.declare("y"), key = c.declare("present_key"), value = c.declare("present_value");
  const bool present = c.out(1) != kNone;
  c.emit(Op::Attention, {qkv[0], qkv[1], qkv[2], bias, past_key, past_value},
         present ? std::vector<TensorId>{y, key, value} : std::vector<TensorId>{y}, std::move(attributes));
  c.connect(y, c.out(0));
  if (present) c.connect(b.concat({b.unsqueeze(key, {0}), b.unsqueeze(value, {0})}, 0), c.out(1));
}

// (B, S, hidden) as heads of their own, (B, N, S, size).
TensorId heads_first(Build& b, TensorId x, int64_t heads) {
  return b.transpose(b.reshape(x, {0, 0, heads, -1}), {0, 2, 1, 3});
}

struct Projections {
  TensorId query, key, value;
  bool keys_by_head = false;  // key and value are (B, N, L, size)
};

// Queries, keys and values may come packed per head: (B, S, N, 3, size), or the last two as (B, L, N, 2, size).
Projections unpack(Build& b) {
  OpContext& c = b.c;
  const auto part = [&](TensorId packed, double i) {
    return b.reshape(b.gather(packed, b.scalar(DataType::int64, i), 3), {0, 0, -1});
  };
  const auto rank = c.rank(c.in(0));
  if (!rank) c.unsupported("a query whose rank is not known");
  if (*rank == 5) {
    if (c.in(1) != kNone || c.in(2) != kNone) c.invalid("has a packed query, and a key or value beside it");
    return {part(c.in(0), 0), part(c.in(0), 1), part(c.in(0), 2)};
  }
  if (*rank != 3) c.unsupported("a query of " + std::to_string(*rank) + " dimensions");
  const auto key_rank = c.rank(c.in(1));
  if (c.in(1) == kNone) c.invalid("has a query that is not packed, and no key");
  if (!key_rank) c.unsupported("a key whose rank is not known");
  if (*key_rank == 5) return {c.in(0), part(c.in(1), 0), part(c.in(1), 1)};
  if (c.in(2) == kNone) c.invalid("has a key that is not packed, and no value");
  return {c.in(0), c.in(1), c.in(2), *key_rank == 4};
}

// The bias is that of all three projections, one behind the other.
void add_biases(Build& b, Projections& p) {
  OpContext& c = b.c;
  if (c.in(3) == kNone) return;
  const int64_t all = known_extent(c, c.in(3), 0), query = known_extent(c, p.query, 2);
  const int64_t hidden = query >= 0 ? query : all >= 0 && all % 3 == 0 ? all / 3 : -1;
  if (all < 0 || hidden < 0 || hidden > all / 2 || (query < 0 && known_extent(c, p.value, 2) != all - 2 * hidden))
    c.unsupported("a bias whose parts are not known; fix the shapes of the inputs");
  p.query = b.add(p.query, b.slice(c.in(3), 0, 0, hidden));
  if (p.keys_by_head) return;  // computed elsewhere, with their bias
  p.key = b.add(p.key, b.slice(c.in(3), 0, hidden, 2 * hidden));
  p.value = b.add(p.value, b.slice(c.in(3), 0, 2 * hidden, all));
}

void multi_head_attention(OpContext& c) {
  Build b(c);
  schema::AttentionAttributesT attributes = attention_attributes(c);
  const double hidden = static_cast<double>(c.number("mask_filter_value", -10000.0f));
  if (c.in(8) != kNone || c.in(9) != kNone) c.unsupported("a shared buffer of the past (inputs 9 and 10)");
  if (c.out(3) != kNone) c.unsupported("the scores as an output");
  Projections p = unpack(b);
  add_biases(b, p);
  const TensorId past_key = c.in(6), past_value = c.in(7);
  const int64_t key_axis = p.keys_by_head ? 2 : 1;
  // Which keys come before a query is told by their number only where both are one sequence.
  if (attributes.is_causal && (p.keys_by_head || !same_extent(c, p.query, 1, p.key, 1)))
    c.unsupported("unidirectional attention between sequences of different lengths");
  TensorId bias = kNone;
  if (c.in(4) != kNone)
    bias = mask_bias(b, c.in(4), p.query, total_keys(b, p.key, key_axis, past_key), c.type(p.query), hidden, false);
  bias = sum_of(b, bias, c.in(5));
  if (p.keys_by_head) p.query = heads_first(b, p.query, attributes.q_num_heads);
  const TensorId y = c.declare("y");
  c.emit(Op::Attention, {p.query, p.key, p.value, bias, past_key, past_value}, {y, c.out(1), c.out(2)},
         std::move(attributes));
  c.connect(p.keys_by_head ? b.reshape(b.transpose(y, {0, 2, 1, 3}), {0, 0, -1}) : y, c.out(0));
}

constexpr OpRule kRules[] = {
    {"Attention", 1, 2, 7, 2, attention, 0, nullptr, 0, nullptr, 0, kDomain},
    {"MultiHeadAttention", 1, 1, 10, 4, multi_head_attention, 0, nullptr, 0, nullptr, 0, kDomain},
};

}  // namespace

std::span<const OpRule> ops::contrib_attention() { return kRules; }

}  // namespace motley::convert
