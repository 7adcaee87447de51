// Which kind of attributes each op carries: the one place that says so, for readers, importers and checks.
#pragma once

#include "motley/schema/model_generated.h"

namespace motley::model {

// Attributes::NONE for a value that is no op. Every op carries exactly this kind; an op without attributes carries
// NoAttributes. Ops that share a kind: Gather, Concat and Flatten (Axis), QLinearConv and ConvInteger (Conv), Gemm
// (MatMul), Squeeze, Unsqueeze and MeanVarianceNormalization (Axes), InstanceNormalization (BatchNormalization),
// RMSNormalization (LayerNormalization), ConstantOfShape (Fill).
schema::Attributes attributes_of(schema::Op op);

// How many inputs and outputs an op may have, absent ones in between counted. `min` ones must be there.
struct Arity {
  uint32_t min_inputs, max_inputs;
  uint32_t min_outputs, max_outputs;
};
Arity arity_of(schema::Op op);

}  // namespace motley::model
