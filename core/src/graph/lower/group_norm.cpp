// InstanceNormalization and GroupNormalization: Normalize over what belongs to a group, then scale and bias.
#include "graph/lower/rules.hpp"

namespace motley::graph {
namespace {

void emit_scaled(Lowering& l, TensorId normalized, int64_t count, TensorId out) {
  const DataType type = l.type(normalized);
  const TensorId scale = l.reshape(l.cast(l.in(1), type), {count, 1});
  const TensorId bias = l.reshape(l.cast(l.in(2), type), {count, 1});
  l.reshape(l.add(l.mul(normalized, scale), bias), l.shape(out), out);
}

void emit_group_normalization(Lowering& l, int64_t groups, bool per_group_scale, float epsilon) {
  const Extents in = l.shape(l.in(0));
  if (in.size() < 2) l.invalid("its input has fewer than two dimensions");
  const int64_t batch = in[0], channels = in[1], spatial = product(in, 2, in.size());
  if (groups <= 0 || channels % groups != 0) l.invalid("its channels are no multiple of its groups");
  const TensorId grouped = l.reshape(l.in(0), {batch, groups, channels / groups * spatial});
  const TensorId normalized = l.normalize(grouped, kNone, kNone, 2, epsilon, true);
  const int64_t count = per_group_scale ? groups : channels;
  if (l.tensor(l.in(1)).elements() != count || l.tensor(l.in(2)).elements() != count)
    l.invalid("its scale and bias have not % elements", {count});
  emit_scaled(l, l.reshape(normalized, {batch, count, channels / count * spatial}), count, l.out());
}

}  // namespace

void lower_instance_normalization(Lowering& l) {
  emit_group_normalization(l, l.shape(l.in(0)).at(1), false, l.attr<schema::BatchNormalizationAttributesT>().epsilon);
}

void lower_group_normalization(Lowering& l) {
  const auto& attributes = l.attr<schema::GroupNormalizationAttributesT>();
  emit_group_normalization(l, attributes.num_groups, attributes.per_group_scale, attributes.epsilon);
}

}  // namespace motley::graph
