// BatchNormalization as one multiplication and one addition per channel.
#include <cmath>

#include "graph/lower/rules.hpp"

namespace motley::graph {

void lower_batch_normalization(Lowering& l) {
  for (size_t i = 1; i < l.node().outputs.size(); ++i)
    if (l.has_output(i)) l.unsupported("it is in training mode");
  const Extents in = l.shape(l.in(0));
  const DataType type = l.type(l.in(0));
  const float epsilon = l.attr<schema::BatchNormalizationAttributesT>().epsilon;
  const int64_t channels = in.size() > 1 ? in[1] : 1;
  Extents per_channel{channels};
  for (size_t i = 2; i < in.size(); ++i) per_channel.push_back(1);

  bool constant = true;
  for (size_t i = 1; i < 5; ++i) {
    constant = constant && l.tensor(l.in(i)).is_constant();
    if (l.tensor(l.in(i)).elements() != channels) l.invalid("its parameters are not one per channel");
  }
  TensorId factor = kNone, shift = kNone;
  if (constant) {
    const auto scale = decode_constant(l.tensor(l.in(1))), bias = decode_constant(l.tensor(l.in(2)));
    const auto mean = decode_constant(l.tensor(l.in(3))), variance = decode_constant(l.tensor(l.in(4)));
    std::vector<double> factors, shifts;
    for (size_t i = 0; i < scale.size(); ++i) {
      factors.push_back(scale[i] / std::sqrt(variance[i] + static_cast<double>(epsilon)));
      shifts.push_back(bias[i] - mean[i] * factors[i]);
    }
    factor = l.constant(type, per_channel, factors);
    shift = l.constant(type, per_channel, shifts);
  } else {
    const TensorId scale = l.cast(l.in(1), type), bias = l.cast(l.in(2), type);
    const TensorId mean = l.cast(l.in(3), type), variance = l.cast(l.in(4), type);
    const TensorId deviation =
        l.unary(UnaryFunction::sqrt, l.add(variance, l.scalar(type, static_cast<double>(epsilon))));
    const TensorId per_vector = l.div(scale, deviation);
    shift = l.reshape(l.sub(bias, l.mul(mean, per_vector)), per_channel);
    factor = l.reshape(per_vector, per_channel);
  }
  l.add(l.mul(l.in(0), factor), shift, l.out());
}

}  // namespace motley::graph
