// Nodes whose shapes and attributes contradict each other, at random: an error or nodes, never anything else. Inference
// refuses most of these before they come here; lowering does not rely on it.
#include <gtest/gtest.h>

#include "lower_interpreter.hpp"

namespace motley::graph {
namespace {

using namespace test;

template <class AttributesT, class Change>
AttributesUnion made(Change&& change) {
  AttributesT attributes;
  change(attributes);
  AttributesUnion any;
  any.Set(std::move(attributes));
  return any;
}

AttributesUnion random_attributes(Op op, Random& random) {
  const int64_t axis = random.between(-4, 4), small = random.between(-1, 3);
  const auto axis_of = [&](auto& a) { a.axis = axis; };
  const auto nothing = [](auto&) {};
  switch (op) {
    case Op::Transpose:
      return made<schema::TransposeAttributesT>([&](auto& a) {
        for (int64_t i = random.between(0, 4); i > 0; --i) a.perm.push_back(random.between(-2, 4));
      });
    case Op::Concat: return made<schema::AxisAttributesT>(axis_of);
    case Op::Split: return made<schema::SplitAttributesT>(axis_of);
    case Op::Pad:
      return made<schema::PadAttributesT>(
          [&](auto& a) { a.mode = static_cast<schema::PadMode>(random.between(0, 3)); });
    case Op::DepthToSpace:
    case Op::SpaceToDepth: return made<schema::BlockAttributesT>([&](auto& a) { a.block_size = small; });
    case Op::ReverseSequence:
      return made<schema::ReverseSequenceAttributesT>(
          [&](auto& a) { a.batch_axis = axis, a.time_axis = random.between(-4, 4); });
    case Op::Trilu: return made<schema::TriluAttributesT>(nothing);
    case Op::EyeLike:
      return made<schema::EyeLikeAttributesT>([&](auto& a) { a.k = random.between(0, 3) ? axis : INT64_MIN; });
    case Op::OneHot: return made<schema::OneHotAttributesT>(axis_of);
    case Op::CenterCropPad: return made<schema::CenterCropPadAttributesT>(nothing);
    case Op::Compress:
      return made<schema::CompressAttributesT>([&](auto& a) { a.axis = axis, a.has_axis = small > 0; });
    case Op::Shape: return made<schema::ShapeAttributesT>([&](auto& a) { a.start = axis, a.end = small; });
    case Op::BatchNormalization:
    case Op::InstanceNormalization: return made<schema::BatchNormalizationAttributesT>(nothing);
    case Op::GroupNormalization:
      return made<schema::GroupNormalizationAttributesT>([&](auto& a) { a.num_groups = small; });
    case Op::LayerNormalization:
    case Op::RMSNormalization: return made<schema::LayerNormalizationAttributesT>(axis_of);
    case Op::LRN: return made<schema::LRNAttributesT>([&](auto& a) { a.size = small; });
    case Op::LpNormalization:
      return made<schema::LpNormalizationAttributesT>([&](auto& a) { a.axis = axis, a.p = small; });
    case Op::MeanVarianceNormalization: return made<schema::AxesAttributesT>([&](auto& a) { a.axes = {axis}; });
    case Op::Gemm: return made<schema::MatMulAttributesT>(nothing);
    case Op::GlobalPool:
      return made<schema::GlobalPoolAttributesT>([&](auto& a) { a.function = schema::PoolFunction::lp, a.p = small; });
    case Op::Variadic: return made<schema::VariadicAttributesT>(nothing);
    case Op::Gelu: return made<schema::GeluAttributesT>(nothing);
    case Op::ConstantOfShape: return made<schema::FillAttributesT>(nothing);
    case Op::Attention:
      return made<schema::AttentionAttributesT>([&](auto& a) {
        a.q_num_heads = small, a.kv_num_heads = random.between(-1, 3), a.is_causal = small > 1,
        a.qk_matmul_output_mode = axis;
      });
    case Op::RotaryEmbedding:
      return made<schema::RotaryEmbeddingAttributesT>(
          [&](auto& a) { a.num_heads = small, a.rotary_embedding_dim = axis; });
    case Op::Einsum:
      return made<schema::EinsumAttributesT>([&](auto& a) {
        for (int64_t i = random.between(0, 12); i > 0; --i) a.equation += "ijk,.->i jA"[random.between(0, 11)];
      });
    default: return made<schema::NoAttributesT>(nothing);
  }
}

TEST(LowerHostile, RandomNodesGiveNodesOrErrors) {
  Random random(99);
  size_t lowered = 0, refused = 0;
  for (int round = 0; round < 20000; ++round) {
    const auto ops = schema::EnumValuesOp();
    Op op = ops[static_cast<size_t>(random.between(0, static_cast<int64_t>(std::size(schema::EnumValuesOp())) - 1))];
    if (is_plain_primitive(Node{"", op, {}, {}, {}, {}}) || op >= Op::If) continue;
    Graph graph;
    Node node;
    node.name = "n";
    node.op = op;
    node.origins = {"n"};
    node.attributes = random_attributes(op, random);
    const auto tensor = [&] {
      const auto type = random.between(0, 3)   ? DataType::float32
                        : random.between(0, 1) ? DataType::int64
                                               : DataType::bool_;
      return add_value(graph, "t" + std::to_string(graph.tensors.size()),
                       random.extents(static_cast<size_t>(random.between(0, 5)), 4), type);
    };
    for (int64_t i = random.between(1, 6); i > 0; --i) {
      const int64_t kind = random.between(0, 5);
      if (kind == 0 && !node.inputs.empty()) node.inputs.push_back(kNone);
      else if (kind < 3 && !node.inputs.empty()) {
        std::vector<int64_t> values;
        for (int64_t k = random.between(0, 5); k > 0; --k)
          values.push_back(random.between(0, 20) ? random.between(-3, 4) : INT64_MIN);
        node.inputs.push_back(graph.add_int64("c", values));
      } else node.inputs.push_back(tensor());
    }
    for (int64_t i = random.between(1, 4); i > 0; --i)
      node.outputs.push_back(i > 1 && random.between(0, 3) == 0 ? kNone : tensor());
    try {
      const std::vector<Node> nodes = lower(graph, node);
      ++lowered;
      for (const Node& part : nodes) EXPECT_FALSE(part.name.empty());
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::out_of_memory);
      ++refused;
    }
  }
  EXPECT_GT(lowered, 1000u);
  EXPECT_GT(refused, 1000u);
}

}  // namespace
}  // namespace motley::graph
