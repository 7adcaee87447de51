// Attention: what is supported, and geometry.
#include "kernels/attention.hpp"

#include <cmath>

#include "kernels/kernels.hpp"

namespace motley::cpu {

namespace {

constexpr double kMostFloats = 0x1p40;  // of packed keys and values; beyond, arithmetic on sizes is not looked after

// (batch, heads, steps, size) or (batch, steps, heads * size), as extents and strides.
struct Heads {
  int64_t batch, heads, steps, size;
  HeadStrides strides;
};

Heads heads_of(const TensorView& tensor, int64_t heads, const char* what) {
  const Shape& s = tensor.shape;
  if (s.rank() == 4) return {s[0], s[1], s[2], s[3], {s[1] * s[2] * s[3], s[2] * s[3], s[3]}};
  require(s.rank() == 3 && heads > 0 && s[2] % heads == 0,
          std::string(what) + " of shape " + describe(s) + " does not divide into heads");
  const int64_t size = s[2] / heads;
  return {s[0], heads, s[1], size, {s[1] * s[2], size, s[2]}};
}

AttentionMask read_mask(const TensorView& tensor, const AttentionShape& a) {
  require(tensor.type == DataType::float32 || tensor.type == DataType::bool_,
          "a mask of type " + describe(tensor.type) + " is not supported");
  const int rank = tensor.shape.rank();
  require(rank >= 1 && rank <= 4, "a mask of rank " + std::to_string(rank) + " is not supported");
  int64_t extents[4] = {1, 1, 1, 1}, strides[4] = {0, 0, 0, 0};
  std::copy_n(tensor.shape.begin(), rank, extents + (4 - rank));
  const int64_t whole[3] = {a.batch, a.heads, a.queries};
  for (int i = 2; i >= 0; --i)
    require(extents[i] == 1 || extents[i] == whole[i], "a mask of shape " + describe(tensor.shape) + " does not fit");
  require(extents[3] >= 1 && extents[3] <= a.keys(), "a mask of shape " + describe(tensor.shape) + " does not fit");
  int64_t stride = 1;
  for (int i = 3; i >= 0; stride *= extents[i--]) strides[i] = extents[i] == 1 ? 0 : stride;
  AttentionMask mask;
  mask.present = true;
  mask.boolean = tensor.type == DataType::bool_;
  mask.strides = {strides[0], strides[1], strides[2]};
  mask.key = strides[3];
  mask.covered = extents[3] == 1 ? a.keys() : extents[3];
  return mask;
}

// The past is (batch, heads, steps, size), whatever the rank of the recent part.
void read_past(const NodeView& node, AttentionShape& a) {
  const TensorView *key = node.input(4), *value = node.input(5);
  require((key != nullptr) == (value != nullptr), "past keys and past values are given only together");
  if (!key) return;
  require(key->shape.rank() == 4, "past keys have not 4 dimensions");
  const int64_t steps = a.steps[0] = key->shape[2];
  check_shape(*key, Shape({a.batch, a.groups, steps, a.size}), "past keys");
  check_shape(*value, Shape({a.batch, a.groups, steps, a.value_size}), "past values");
  a.k[0] = {a.groups * steps * a.size, steps * a.size, a.size};
  a.v[0] = {a.groups * steps * a.value_size, steps * a.value_size, a.value_size};
}

void check_operands(const NodeView& node) {
  for (size_t i = 0; i < 3; ++i) require(node.input(i) != nullptr, "input " + std::to_string(i) + " is missing");
  for (size_t i = 6; i < node.input_count(); ++i)
    require(node.input(i) == nullptr, "lengths of keys without padding (input 6) are not supported");
  require(node.output(0) != nullptr, "output 0 is missing");
  for (size_t i = 3; i < node.output_count(); ++i)
    require(node.output(i) == nullptr, "scores as an output (output 3) are never kept as a whole");
  const auto check = [](const TensorView* t, const char* what) {
    if (!t) return;
    check_type(*t, DataType::float32, what);
    require(t->raw->layout() == schema::Layout::row_major, "only the row-major layout is supported");
  };
  for (size_t i : {0u, 1u, 2u, 4u, 5u}) check(node.input(i), "an input");
  for (size_t i = 0; i < 3; ++i) check(node.output(i), "an output");
}

void check_outputs(const NodeView& node, const AttentionShape& a, bool flat) {
  check_shape(
      *node.output(0),
      flat ? Shape({a.batch, a.queries, a.heads * a.value_size}) : Shape({a.batch, a.heads, a.queries, a.value_size}),
      "output 0");
  if (node.output(1)) check_shape(*node.output(1), Shape({a.batch, a.groups, a.keys(), a.size}), "output 1");
  if (node.output(2)) check_shape(*node.output(2), Shape({a.batch, a.groups, a.keys(), a.value_size}), "output 2");
}

void check(const NodeView& node) { read_attention(node); }

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext& context) {
  return make_attention(read_attention(node), context.threads);
}

}  // namespace

AttentionShape read_attention(const NodeView& node) {
  check_operands(node);
  const auto& attributes = node.attributes<schema::AttentionAttributes>();
  const Heads q = heads_of(*node.input(0), attributes.q_num_heads(), "the query"),
              k = heads_of(*node.input(1), attributes.kv_num_heads(), "the key"),
              v = heads_of(*node.input(2), attributes.kv_num_heads(), "the value");
  const bool flat = node.input(0)->shape.rank() == 3;
  require(node.input(1)->shape.rank() == node.input(0)->shape.rank() &&
              node.input(2)->shape.rank() == node.input(0)->shape.rank(),
          "query, key and value differ in rank");
  require(k.batch == q.batch && v.batch == q.batch && k.size == q.size && k.heads == v.heads && k.steps == v.steps,
          "the shapes of query, key and value do not fit");
  AttentionShape a;
  a.batch = q.batch, a.heads = q.heads, a.groups = k.heads;
  a.queries = q.steps, a.size = q.size, a.value_size = v.size;
  a.steps[1] = k.steps;
  a.q = q.strides, a.k[1] = k.strides, a.v[1] = v.strides;
  a.y = flat ? HeadStrides{q.steps * q.heads * v.size, v.size, q.heads * v.size}
             : HeadStrides{q.heads * q.steps * v.size, q.steps * v.size, v.size};
  require(a.groups > 0 && a.heads % a.groups == 0, "the heads of the query are no multiple of the key's");
  read_past(node, a);
  require(a.batch > 0 && a.heads > 0 && a.queries > 0 && a.size > 0 && a.value_size > 0 && a.keys() > 0,
          "attention over nothing is not supported");
  require(static_cast<double>(a.batch * a.groups) * (static_cast<double>(a.keys()) + 512) *
                  static_cast<double>(a.size + a.value_size + 256) <
              kMostFloats,
          "keys and values are too large");
  if (node.input(3)) a.mask = read_mask(*node.input(3), a);
  check_outputs(node, a, flat);
  for (size_t i : {0u, 1u}) a.present[i] = node.output(i + 1) != nullptr;
  a.causal = attributes.is_causal();
  a.softcap = attributes.softcap();
  a.scale =
      attributes.scale() != 0 ? attributes.scale() : static_cast<float>(1 / std::sqrt(static_cast<double>(a.size)));
  return a;
}

double attention_flops(const NodeView& node) { return read_attention(node).flops(); }

KernelEntry attention_kernel() { return entry<check>(Op::Attention, prepare); }

}  // namespace motley::cpu
