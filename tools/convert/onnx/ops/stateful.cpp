// Ops that hand a state on from call to call: CausalConvWithState and LinearAttention.
#include <cmath>

#include "onnx/ops/build.hpp"

namespace motley::convert {
namespace {

using U = schema::UnaryFunction;

// A convolution per channel over what came before and what is new; the state is the last k − 1 steps.
void causal_conv_with_state(OpContext& c) {
  Build b(c);
  const bool swish = c.choice<bool>("activation", "none", {{"none", false}, {"silu", true}, {"swish", true}});
  const int64_t channels = known_extent(c, c.in(1), 0), kernel = known_extent(c, c.in(1), 2);
  if (channels < 1 || kernel < 1 || c.rank(c.in(1)) != 3u) c.unsupported("weights whose shape is not known, or empty");
  const TensorId padded =
      c.in(3) != kNone ? b.concat({c.in(3), c.in(0)}, 2) : b.pad(c.in(0), b.ints({0, 0, kernel - 1, 0, 0, 0}), kNone);
  schema::ConvAttributesT attributes;
  attributes.group = channels;
  TensorId y = c.temp("conv", Op::Conv, {padded, c.in(1), c.in(2)}, std::move(attributes));
  if (swish) y = b.unary(U::swish, y, 1);
  c.connect(y, c.out(0));
  if (c.out(1) != kNone) c.connect(b.slice(padded, 2, kernel > 1 ? 1 - kernel : INT64_MAX, INT64_MAX), c.out(1));
}

// Keys and values are added to a matrix, step by step, and queries read it. The rule says whether the matrix fades
// (decay), and whether what a key already gives is taken off first (beta).
void linear_attention(OpContext& c) {
  constexpr int64_t kMaxSteps = 1024;
  Build b(c);
  struct Rule {
    bool fades, corrects;
  };
  const Rule rule = c.choice<Rule>(
      "update_rule", "gated_delta",
      {{"linear", {false, false}}, {"gated", {true, false}}, {"delta", {false, true}}, {"gated_delta", {true, true}}});
  c.ignore("chunk_size");
  const int64_t heads = c.integer("q_num_heads"), groups = c.integer("kv_num_heads");
  if (heads < 1 || groups < 1 || heads % groups != 0)
    c.invalid("has " + std::to_string(heads) + " heads of queries and " + std::to_string(groups) + " of keys");
  if (rule.fades != (c.in(4) != kNone) || rule.corrects != (c.in(5) != kNone))
    c.invalid("has an update_rule that does not fit its inputs decay and beta");
  if (c.in(6) != kNone) c.unsupported("a gate for erasing (input 7)");
  const int64_t steps = known_extent(c, c.in(0), 1), width = known_extent(c, c.in(0), 2),
                values = known_extent(c, c.in(2), 2);
  if (steps < 1 || steps > kMaxSteps || width < 0 || values < 0)
    c.unsupported("sequences whose shape is not known, or not of 1 to " + std::to_string(kMaxSteps) + " steps");
  if (width % heads != 0 || values % groups != 0) c.invalid("has inputs that do not divide into their heads");
  const int64_t key_size = width / heads, value_size = values / groups;
  const float given = c.number("scale", 0);
  const double scale = given != 0 ? static_cast<double>(given) : 1 / std::sqrt(static_cast<double>(key_size));

  const DataType type = c.type(c.in(0)), state_type = c.in(3) != kNone ? c.type(c.in(3)) : type;
  // (B, T, H·D) as (B, H, T, D)
  const auto by_head = [&](TensorId x, int64_t count) {
    return b.transpose(b.reshape(b.cast(x, DataType::float32), {0, 0, count, -1}), {0, 2, 1, 3});
  };
  const TensorId q = by_head(c.in(0), heads), k = by_head(c.in(1), groups), v = by_head(c.in(2), groups);
  const TensorId decay = rule.fades ? b.unary(U::exp, by_head(c.in(4), groups)) : kNone;
  const TensorId beta = rule.corrects ? by_head(c.in(5), known_extent(c, c.in(5), 2) == 1 ? 1 : groups) : kNone;
  TensorId state = c.in(3) != kNone
                       ? b.cast(c.in(3), DataType::float32)
                       : b.expand(b.scalar(DataType::float32, 0),
                                  b.concat({b.extent(c.in(0), 0), b.ints({groups, key_size, value_size})}, 0));
  std::vector<TensorId> read;
  for (int64_t t = 0; t < steps; ++t) {
    const auto step = [&](TensorId x) { return b.slice(x, 2, t, t + 1); };
    const auto column = [&](TensorId x) { return b.reshape(x, {0, 0, -1, 1}); };
    const TensorId key = step(k);
    if (rule.fades) state = b.mul(state, column(step(decay)));
    TensorId value = step(v);
    if (rule.corrects) value = b.mul(step(beta), b.sub(value, b.matmul(key, state)));
    state = b.add(state, b.mul(column(key), value));
    // Query heads that share a state are rows of one product.
    read.push_back(b.reshape(b.matmul(b.reshape(step(q), {0, groups, heads / groups, key_size}), state),
                             {0, heads, 1, value_size}));
  }
  const TensorId y = b.mul(b.concat(std::move(read), 2), b.scalar(DataType::float32, scale));
  c.connect(b.cast(b.reshape(b.transpose(y, {0, 2, 1, 3}), {0, 0, -1}), type), c.out(0));
  if (c.out(1) != kNone) c.connect(b.cast(state, state_type), c.out(1));
}

constexpr OpRule kRules[] = {
    {"CausalConvWithState", 27, 2, 4, 2, causal_conv_with_state},
    {"LinearAttention", 27, 3, 7, 2, linear_attention},
};

}  // namespace

std::span<const OpRule> ops::stateful() { return kRules; }

}  // namespace motley::convert
