// Normalizations.
#include <algorithm>

#include "io/tensor_pb.hpp"
#include "onnx/ops/build.hpp"

namespace motley::convert {
namespace {

// Until opset 9, parameters could be given per element of a sample ("spatial" off): plain arithmetic that broadcasts.
void batch_normalization_per_element(OpContext& c, float epsilon) {
  Build b(c);
  const TensorId safe = b.add(c.in(4), b.like(c.in(0), static_cast<double>(epsilon)));
  const TensorId unit = b.div(b.sub(c.in(0), c.in(3)), b.unary(schema::UnaryFunction::sqrt, safe));
  c.connect(b.add(b.mul(unit, c.in(1)), c.in(2)), c.out(0));
}

// Normalizes by the batch's own mean and variance; further outputs are the running ones, moved towards them.
void batch_normalization_training(OpContext& c, float epsilon, float momentum) {
  Build b(c);
  const auto rank = c.rank(c.in(0));
  // Exporters merge equal initializers. Where a runtime updates the statistics in place, as ONNX Runtime does, it changes
  // the scale or the bias with them, and its result is another one than the definition's.
  for (size_t statistic : {3, 4})
    for (size_t parameter : {1, 2})
      if (c.in(statistic) == c.in(parameter))
        c.unsupported("batch statistics (training) that share a tensor with the scale or the bias");
  if (!rank || *rank < 2) c.unsupported("batch statistics of an input whose rank is not known, or under 2");
  const DataType type = c.type(c.in(0));
  std::vector<int64_t> axes{0}, per_channel{1, -1};
  for (size_t axis = 2; axis < *rank; ++axis) {
    axes.push_back(static_cast<int64_t>(axis));
    per_channel.push_back(1);
  }
  const TensorId mean = b.reduce(schema::ReduceFunction::mean, c.in(0), axes);
  const TensorId centred = b.sub(c.in(0), mean);
  const TensorId variance =
      b.reduce(schema::ReduceFunction::mean, b.unary(schema::UnaryFunction::square, centred), axes);
  const TensorId safe = b.add(variance, b.like(variance, static_cast<double>(epsilon)));
  const TensorId unit = b.div(centred, b.unary(schema::UnaryFunction::sqrt, safe));
  const auto parameter = [&](size_t i) { return b.reshape(b.cast(c.in(i), type), per_channel); };
  c.connect(b.add(b.mul(unit, parameter(1)), parameter(2)), c.out(0));
  const auto running = [&](TensorId before, TensorId now, TensorId out) {
    if (out == kNone) return;
    const TensorId current = b.cast(b.reshape(now, {-1}), c.type(before));
    const auto m = static_cast<double>(momentum);
    c.connect(b.add(b.mul(before, b.like(before, m)), b.mul(current, b.like(before, 1 - m))), out);
  };
  running(c.in(3), mean, c.out(1));
  running(c.in(4), variance, c.out(2));
}

void batch_normalization(OpContext& c) {
  schema::BatchNormalizationAttributesT attributes;
  attributes.epsilon = c.number("epsilon", 1e-5f);
  const float momentum = c.number("momentum", 0.9f);
  c.ignore("consumed_inputs");
  const bool is_test = c.version() >= 7 || c.flag("is_test", false);
  const bool spatial = c.version() >= 9 || c.flag("spatial", true);
  const bool training = c.version() >= 14 && c.flag("training_mode", false);
  const bool more_outputs =
      std::any_of(c.outputs().begin() + 1, c.outputs().end(), [](TensorId id) { return id != kNone; });
  if (training) return batch_normalization_training(c, attributes.epsilon, momentum);
  // Old files leave is_test at its default, off, in networks that are plainly for inference: one output.
  if (more_outputs || (!is_test && c.output_count() > 1))
    c.unsupported(c.version() < 14 ? "batch statistics (training) before version 14"
                                   : "statistics without training_mode");
  if (!spatial) return batch_normalization_per_element(c, attributes.epsilon);
  c.emit(Op::BatchNormalization, c.inputs(), std::move(attributes));
}

void instance_normalization(OpContext& c) {
  schema::BatchNormalizationAttributesT attributes;
  attributes.epsilon = c.number("epsilon", 1e-5f);
  c.ignore("consumed_inputs");
  c.emit(Op::InstanceNormalization, c.inputs(), std::move(attributes));
}

// Scale and bias were per group in opset 18, and are per channel from 21 on.
void group_normalization(OpContext& c) {
  schema::GroupNormalizationAttributesT attributes;
  attributes.epsilon = c.number("epsilon", 1e-5f);
  attributes.num_groups = c.integer("num_groups");
  attributes.per_group_scale = c.version() < 21;
  c.ignore("stash_type");
  c.emit(Op::GroupNormalization, c.inputs(), std::move(attributes));
}

schema::LayerNormalizationAttributesT layer_attributes(OpContext& c) {
  schema::LayerNormalizationAttributesT attributes;
  attributes.axis = c.integer("axis", -1);
  attributes.epsilon = c.number("epsilon", 1e-5f);
  const int64_t stash = c.integer("stash_type", 1);
  attributes.stash_type = static_cast<DataType>(io::data_type_of_onnx(static_cast<int32_t>(stash & INT32_MAX)));
  return attributes;
}

void layer_normalization(OpContext& c) { c.emit(Op::LayerNormalization, c.inputs(), c.outputs(), layer_attributes(c)); }
void rms_normalization(OpContext& c) { c.emit(Op::RMSNormalization, c.inputs(), layer_attributes(c)); }

void lrn(OpContext& c) {
  schema::LRNAttributesT attributes;
  attributes.alpha = c.number("alpha", 1e-4f);
  attributes.beta = c.number("beta", 0.75f);
  attributes.bias = c.number("bias", 1);
  attributes.size = c.integer("size");
  c.emit(Op::LRN, {c.in(0)}, std::move(attributes));
}

void lp_normalization(OpContext& c) {
  schema::LpNormalizationAttributesT attributes;
  attributes.axis = c.integer("axis", -1);
  attributes.p = c.integer("p", 2);
  if (attributes.p != 1 && attributes.p != 2) c.invalid("has p = " + std::to_string(attributes.p) + " (1 or 2)");
  c.emit(Op::LpNormalization, {c.in(0)}, std::move(attributes));
}

void mean_variance_normalization(OpContext& c) {
  schema::AxesAttributesT attributes;
  attributes.axes = c.has("axes") ? c.integers("axes") : std::vector<int64_t>{0, 2, 3};
  c.emit(Op::MeanVarianceNormalization, {c.in(0)}, std::move(attributes));
}

constexpr OpRule kRules[] = {
    {"BatchNormalization", 1, 5, 5, 5, batch_normalization},
    {"BatchNormalization", 7, 5, 5, 5, batch_normalization},
    {"BatchNormalization", 9, 5, 5, 5, batch_normalization},
    {"BatchNormalization", 14, 5, 5, 3, batch_normalization},
    {"InstanceNormalization", 1, 3, 3, 1, instance_normalization},
    {"GroupNormalization", 18, 3, 3, 1, group_normalization},
    {"GroupNormalization", 21, 3, 3, 1, group_normalization},
    {"LayerNormalization", 1, 2, 3, 3, layer_normalization},  // standard from 17 on; ONNX Runtime wrote it before
    {"LayerNormalization", 17, 2, 3, 3, layer_normalization},
    {"RMSNormalization", 23, 2, 2, 1, rms_normalization},
    {"LRN", 1, 1, 1, 1, lrn},
    {"LpNormalization", 1, 1, 1, 1, lp_normalization},
    {"MeanVarianceNormalization", 9, 1, 1, 1, mean_variance_normalization},
};

}  // namespace

std::span<const OpRule> ops::normalization() { return kRules; }

}  // namespace motley::convert
