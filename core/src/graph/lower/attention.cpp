// Attention (ONNX opset 23): softmax(softcap(scale · Q·Kᵀ) + bias) · V, per head.
#include <cmath>
#include <limits>

#include "graph/lower/rules.hpp"

namespace motley::graph {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

// Heads as a dimension of their own: (batch, heads, steps, size), also from (batch, steps, heads · size).
TensorId split_heads(Lowering& l, TensorId x, int64_t heads) {
  const Extents in = l.shape(x);
  if (in.size() == 4) return x;
  if (in.size() != 3 || heads <= 0 || in[2] % heads != 0)
    l.invalid("an input (%) does not divide into % heads", {to_string(l.tensor(x).shape), heads});
  return l.transpose(l.reshape(x, {in[0], in[1], heads, in[2] / heads}), {0, 2, 1, 3});
}

// What came before, then what is new, along the steps. Without a past, x itself, copied to `out` where that is wanted.
TensorId append(Lowering& l, size_t past_input, TensorId x, size_t output) {
  const TensorId out = l.node().output(output);
  const Extents recent = l.shape(x);
  if (!l.has_input(past_input)) {
    if (out != kNone) l.reshape(x, recent, out);
    return x;
  }
  const TensorId past = l.in(past_input);
  const Extents before = l.shape(past);
  if (before.size() != 4) l.invalid("its past (%) has not 4 dimensions", {to_string(l.tensor(past).shape)});
  Extents both = recent;
  both[2] += before[2];
  const int64_t rows = recent[0] * recent[1], step = recent[3];
  const auto region = [&](int32_t input, int64_t steps, int64_t at) {
    return make_region(input, {rows, steps * step}, 0, {steps * step, 1}, at * step, {both[2] * step, 1});
  };
  return l.copy({past, x}, {region(0, before[2], 0), region(1, recent[2], before[2])},
                out == kNone ? l.temporary(l.type(x), both) : out);
}

// Minus infinity where a query step would see a later key step. Queries stand at the end of the past.
TensorId causal_bias(Lowering& l, DataType type, int64_t queries, int64_t keys, int64_t past) {
  constexpr int64_t kLargest = 1 << 26;  // elements; past this the constant alone would be half a gigabyte
  if (keys > 0 && queries > kLargest / keys) l.unsupported("its causal mask (%x%) is too large", {queries, keys});
  std::vector<double> values;
  for (int64_t q = 0; q < queries; ++q)
    for (int64_t k = 0; k < keys; ++k) values.push_back(q + past < k ? kMinusInfinity : 0);
  return l.constant(type, {queries, keys}, values);
}

// The mask as numbers to add, over all `keys`: a mask that covers fewer hides the rest.
TensorId mask_bias(Lowering& l, DataType type, int64_t keys) {
  TensorId mask = l.in(3);
  if (l.type(mask) == DataType::bool_) mask = l.where(mask, l.scalar(type, 0), l.scalar(type, kMinusInfinity));
  mask = l.cast(mask, type);
  Extents extents = l.shape(mask);
  if (extents.empty() || extents.back() == keys || extents.back() == 1) return mask;
  const int64_t covered = extents.back(), rows = product(extents, 0, extents.size() - 1);
  if (covered > keys) l.invalid("its mask covers more steps than there are");
  extents.back() = keys;
  const TensorId out = l.temporary(type, extents);
  return l.copy({mask}, {make_region(0, {rows, covered}, 0, {covered, 1}, 0, {keys, 1})}, out,
                encode_scalar(type, kMinusInfinity));
}

TensorId soft_capped(Lowering& l, TensorId scores, float softcap) {
  if (softcap == 0) return scores;
  const TensorId cap = l.scalar(l.type(scores), static_cast<double>(softcap));
  return l.mul(l.unary(UnaryFunction::tanh, l.div(scores, cap)), cap);
}

TensorId biased(Lowering& l, TensorId scores, int64_t past, bool causal) {
  const Extents extents = l.shape(scores);
  const DataType type = l.type(scores);
  TensorId bias = l.has_input(3) ? mask_bias(l, type, extents[3]) : kNone;
  if (causal) {
    const TensorId triangle = causal_bias(l, type, extents[2], extents[3], past);
    bias = bias == kNone ? triangle : l.add(bias, triangle);
  }
  return bias == kNone ? scores : l.add(scores, bias);
}

}  // namespace

void lower_attention(Lowering& l) {
  const auto& attributes = l.attr<schema::AttentionAttributesT>();
  if (l.has_input(6)) l.unsupported("its lengths of keys without padding (input 6)");
  const int64_t mode = attributes.qk_matmul_output_mode;
  if (mode < 0 || mode > 3) l.invalid("its qk_matmul_output_mode (%) is none of 0 to 3", {mode});
  const TensorId query = split_heads(l, l.in(0), attributes.q_num_heads);
  const TensorId key = append(l, 4, split_heads(l, l.in(1), attributes.kv_num_heads), 1);
  const TensorId value = append(l, 5, split_heads(l, l.in(2), attributes.kv_num_heads), 2);
  const Extents q = l.shape(query), k = l.shape(key), v = l.shape(value);
  if (k[1] == 0 || q[1] % k[1] != 0 || v[1] != k[1]) l.invalid("its query heads are no multiple of its key heads");

  // Query heads that share a key head are seen as further rows of one matrix, so nothing is repeated.
  const auto grouped = [&](int64_t columns) { return Extents{q[0], k[1], q[1] / k[1] * q[2], columns}; };
  const float scale =
      attributes.scale != 0 ? attributes.scale : static_cast<float>(1 / std::sqrt(static_cast<double>(q[3])));
  TensorId scores = l.matmul(l.reshape(query, grouped(q[3])), key, true, scale);
  scores = l.reshape(scores, {q[0], q[1], q[2], k[2]});

  TensorId stages[4] = {scores};
  stages[1] = soft_capped(l, stages[0], attributes.softcap);
  const int64_t past = l.has_input(4) ? l.shape(l.in(4)).at(2) : 0;
  stages[2] = biased(l, stages[1], past, attributes.is_causal);
  stages[3] = l.softmax(stages[2], 3);
  if (l.has_output(3)) l.reshape(stages[mode], l.shape(stages[mode]), l.out(3));

  const TensorId weights = l.reshape(l.cast(stages[3], l.type(value)), grouped(k[2]));
  const TensorId y = l.matmul(weights, value, false, 1);
  if (l.shape(l.in(0)).size() == 4) {
    l.reshape(y, l.shape(l.out()), l.out());
  } else {
    const TensorId merged = l.transpose(l.reshape(y, {q[0], q[1], q[2], v[3]}), {0, 2, 1, 3});
    l.reshape(merged, l.shape(l.out()), l.out());
  }
}

}  // namespace motley::graph
