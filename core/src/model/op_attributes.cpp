// Attribute kind and arity of each op, as a table.
#include "model/op_attributes.hpp"

#include <algorithm>
#include <iterator>

namespace motley::model {
namespace {

using schema::Attributes;
using schema::Op;

constexpr uint32_t kMany = UINT32_MAX;

struct Row {
  Op op;
  Attributes attributes;
  Arity arity;  // inputs at least, at most; outputs at least, at most
};

// Sorted by op. Recurrent ops and LayerNormalization may have any of their outputs absent. Binary, MatMul, Conv and
// ConvTranspose may carry a fused residual or bias as their last input.
// clang-format off
constexpr Row kRows[] = {
    {Op::Unary, Attributes::UnaryAttributes, {1, 1, 1, 1}},
    {Op::Binary, Attributes::BinaryAttributes, {2, 3, 1, 1}},
    {Op::Compare, Attributes::CompareAttributes, {2, 2, 1, 1}},
    {Op::Logical, Attributes::LogicalAttributes, {2, 2, 1, 1}},
    {Op::Where, Attributes::NoAttributes, {3, 3, 1, 1}},
    {Op::Cast, Attributes::CastAttributes, {1, 1, 1, 1}},
    {Op::StridedCopy, Attributes::StridedCopyAttributes, {1, kMany, 1, 1}},
    {Op::Reshape, Attributes::ReshapeAttributes, {1, 2, 1, 1}},
    {Op::MatMul, Attributes::MatMulAttributes, {2, 4, 1, 1}},
    {Op::Conv, Attributes::ConvAttributes, {2, 4, 1, 1}},
    {Op::ConvTranspose, Attributes::ConvTransposeAttributes, {2, 4, 1, 1}},
    {Op::Pool, Attributes::PoolAttributes, {1, 1, 1, 2}},
    {Op::Reduce, Attributes::ReduceAttributes, {1, 2, 1, 1}},
    {Op::ArgReduce, Attributes::ArgReduceAttributes, {1, 1, 1, 1}},
    {Op::Softmax, Attributes::SoftmaxAttributes, {1, 1, 1, 1}},
    {Op::Normalize, Attributes::NormalizeAttributes, {1, 3, 1, 3}},
    {Op::CumSum, Attributes::CumSumAttributes, {2, 2, 1, 1}},
    {Op::Gather, Attributes::AxisAttributes, {2, 2, 1, 1}},
    {Op::GatherElements, Attributes::AxisAttributes, {2, 2, 1, 1}},
    {Op::GatherND, Attributes::BatchDimsAttributes, {2, 2, 1, 1}},
    {Op::ScatterElements, Attributes::ScatterAttributes, {3, 3, 1, 1}},
    {Op::ScatterND, Attributes::ScatterAttributes, {3, 3, 1, 1}},
    {Op::TopK, Attributes::TopKAttributes, {2, 2, 1, 2}},
    {Op::NonZero, Attributes::NoAttributes, {1, 1, 1, 1}},
    {Op::NonMaxSuppression, Attributes::NonMaxSuppressionAttributes, {2, 5, 1, 1}},
    {Op::Resize, Attributes::ResizeAttributes, {1, 4, 1, 1}},
    {Op::GridSample, Attributes::GridSampleAttributes, {2, 2, 1, 1}},
    {Op::RoiAlign, Attributes::RoiAlignAttributes, {3, 3, 1, 1}},
    {Op::Range, Attributes::NoAttributes, {3, 3, 1, 1}},
    {Op::Fill, Attributes::FillAttributes, {0, 1, 1, 1}},
    {Op::QuantizeLinear, Attributes::QuantizeAttributes, {2, 3, 1, 1}},
    {Op::DequantizeLinear, Attributes::QuantizeAttributes, {2, 3, 1, 1}},
    {Op::DynamicQuantizeLinear, Attributes::NoAttributes, {1, 1, 1, 3}},
    {Op::QLinearConv, Attributes::ConvAttributes, {8, 9, 1, 1}},
    {Op::QLinearMatMul, Attributes::NoAttributes, {8, 8, 1, 1}},
    {Op::ConvInteger, Attributes::ConvAttributes, {2, 4, 1, 1}},
    {Op::MatMulInteger, Attributes::NoAttributes, {2, 4, 1, 1}},
    {Op::LSTM, Attributes::RecurrentAttributes, {3, 8, 0, 3}},
    {Op::GRU, Attributes::RecurrentAttributes, {3, 6, 0, 2}},
    {Op::RNN, Attributes::RecurrentAttributes, {3, 6, 0, 2}},
    {Op::DeformConv, Attributes::DeformConvAttributes, {3, 5, 1, 1}},
    {Op::Transpose, Attributes::TransposeAttributes, {1, 1, 1, 1}},
    {Op::Slice, Attributes::NoAttributes, {3, 5, 1, 1}},
    {Op::Concat, Attributes::AxisAttributes, {1, kMany, 1, 1}},
    {Op::Split, Attributes::SplitAttributes, {1, 2, 1, kMany}},
    {Op::Pad, Attributes::PadAttributes, {2, 4, 1, 1}},
    {Op::Expand, Attributes::NoAttributes, {2, 2, 1, 1}},
    {Op::Tile, Attributes::NoAttributes, {2, 2, 1, 1}},
    {Op::DepthToSpace, Attributes::BlockAttributes, {1, 1, 1, 1}},
    {Op::SpaceToDepth, Attributes::BlockAttributes, {1, 1, 1, 1}},
    {Op::Squeeze, Attributes::AxesAttributes, {1, 2, 1, 1}},
    {Op::Unsqueeze, Attributes::AxesAttributes, {1, 2, 1, 1}},
    {Op::Flatten, Attributes::AxisAttributes, {1, 1, 1, 1}},
    {Op::Identity, Attributes::NoAttributes, {1, 1, 1, 1}},
    {Op::Shape, Attributes::ShapeAttributes, {1, 1, 1, 1}},
    {Op::Size, Attributes::NoAttributes, {1, 1, 1, 1}},
    {Op::ReverseSequence, Attributes::ReverseSequenceAttributes, {2, 2, 1, 1}},
    {Op::Trilu, Attributes::TriluAttributes, {1, 2, 1, 1}},
    {Op::EyeLike, Attributes::EyeLikeAttributes, {1, 1, 1, 1}},
    {Op::OneHot, Attributes::OneHotAttributes, {3, 3, 1, 1}},
    {Op::CenterCropPad, Attributes::CenterCropPadAttributes, {2, 2, 1, 1}},
    {Op::Compress, Attributes::CompressAttributes, {2, 2, 1, 1}},
    {Op::ConstantOfShape, Attributes::FillAttributes, {1, 1, 1, 1}},
    {Op::BatchNormalization, Attributes::BatchNormalizationAttributes, {5, 5, 1, 5}},
    {Op::InstanceNormalization, Attributes::BatchNormalizationAttributes, {3, 3, 1, 1}},
    {Op::GroupNormalization, Attributes::GroupNormalizationAttributes, {3, 3, 1, 1}},
    {Op::LayerNormalization, Attributes::LayerNormalizationAttributes, {1, 3, 0, 3}},
    {Op::RMSNormalization, Attributes::LayerNormalizationAttributes, {1, 2, 1, 1}},
    {Op::LRN, Attributes::LRNAttributes, {1, 1, 1, 1}},
    {Op::LpNormalization, Attributes::LpNormalizationAttributes, {1, 1, 1, 1}},
    {Op::MeanVarianceNormalization, Attributes::AxesAttributes, {1, 1, 1, 1}},
    {Op::PRelu, Attributes::NoAttributes, {2, 2, 1, 1}},
    {Op::Clip, Attributes::NoAttributes, {1, 3, 1, 1}},
    {Op::Gemm, Attributes::MatMulAttributes, {2, 3, 1, 1}},
    {Op::GlobalPool, Attributes::GlobalPoolAttributes, {1, 1, 1, 1}},
    {Op::Variadic, Attributes::VariadicAttributes, {1, kMany, 1, 1}},
    {Op::Attention, Attributes::AttentionAttributes, {3, 7, 1, 4}},
    {Op::RotaryEmbedding, Attributes::RotaryEmbeddingAttributes, {3, 4, 1, 1}},
    {Op::Einsum, Attributes::EinsumAttributes, {1, kMany, 1, 1}},
    {Op::Gelu, Attributes::GeluAttributes, {1, 1, 1, 1}},
    {Op::If, Attributes::IfAttributes, {1, 1, 0, kMany}},
    {Op::Loop, Attributes::LoopAttributes, {0, kMany, 0, kMany}},
    {Op::Scan, Attributes::ScanAttributes, {0, kMany, 0, kMany}},
};
// clang-format on

const Row* find(Op op) {
  const Row* row =
      std::lower_bound(std::begin(kRows), std::end(kRows), op, [](const Row& r, Op o) { return r.op < o; });
  return row != std::end(kRows) && row->op == op ? row : nullptr;
}

}  // namespace

Attributes attributes_of(Op op) {
  const Row* row = find(op);
  return row ? row->attributes : Attributes::NONE;
}

Arity arity_of(Op op) {
  const Row* row = find(op);
  return row ? row->arity : Arity{0, 0, 0, 0};
}

}  // namespace motley::model
