// Random nodes with hostile attributes, shapes and values: inference gives a result or a motley::Error, nothing else.
// Run under the sanitizer presets this looks for overflow and reads out of bounds.
#include <functional>
#include <random>

#include "graph/infer/rules.hpp"
#include "infer_support.hpp"
#include "model/op_attributes.hpp"

namespace motley::graph {
namespace {

using namespace schema;
using graph::DataType;

struct Random {
  std::mt19937_64 engine;

  uint64_t below(uint64_t n) { return engine() % n; }
  bool chance(uint64_t percent) { return below(100) < percent; }
  int64_t number() {
    constexpr int64_t extremes[] = {INT64_MAX, INT64_MIN, int64_t{1} << 40, -(int64_t{1} << 40), INT32_MAX, INT32_MIN,
                                    1024,      -9};
    return chance(10) ? extremes[below(std::size(extremes))] : static_cast<int64_t>(below(7)) - 2;
  }
  std::vector<int64_t> list() {
    std::vector<int64_t> values(below(6));
    for (int64_t& value : values) value = number();
    return values;
  }
  bool flag() { return chance(50); }
  template <class Enum>
  Enum pick(Enum last) {
    return static_cast<Enum>(below(static_cast<uint64_t>(last) + 1));
  }
  std::vector<uint8_t> bytes() { return std::vector<uint8_t>(below(9), 1); }
  DataType type() { return pick(DataType::bool_); }
};

using Make = std::function<AttributesUnion(Random&)>;
template <class AttributesT, class Fill>
Make make(Fill fill) {
  return [fill](Random& r) {
    AttributesT a;
    fill(a, r);
    AttributesUnion result;
    result.Set(std::move(a));
    return result;
  };
}
template <class AttributesT>
Make make() {
  return make<AttributesT>([](AttributesT&, Random&) {});
}

// Kinds of attributes, with the fields that rules read set at random.
std::vector<Make> attribute_makers() {
  return {
      make<NoAttributesT>(),
      make<UnaryAttributesT>([](auto& a, Random& r) { a.function = r.pick(UnaryFunction::swish); }),
      make<BinaryAttributesT>([](auto& a, Random& r) { a.function = r.pick(BinaryFunction::bitwise_xor); }),
      make<CompareAttributesT>([](auto& a, Random& r) { a.function = r.pick(CompareFunction::greater_or_equal); }),
      make<LogicalAttributesT>([](auto& a, Random& r) { a.function = r.pick(LogicalFunction::xor_); }),
      make<CastAttributesT>([](auto& a, Random& r) { a.to = r.type(); }),
      make<StridedCopyAttributesT>([](auto& a, Random& r) {
        a.fill = r.bytes();
        a.regions.push_back(std::make_unique<RegionT>());
        RegionT& region = *a.regions.back();
        region.input = static_cast<int32_t>(r.below(3)) - 1;
        region.extents = r.list();
        region.src_offset = r.number();
        region.dst_offset = r.number();
        region.src_strides = r.list();
        region.dst_strides = r.list();
      }),
      make<ReshapeAttributesT>([](auto& a, Random& r) { a.allow_zero = r.flag(); }),
      make<MatMulAttributesT>([](auto& a, Random& r) { a.transpose_a = r.flag(), a.transpose_b = r.flag(); }),
      make<ConvAttributesT>([](auto& a, Random& r) {
        a.strides = r.list(), a.dilations = r.list(), a.pads = r.list(), a.group = r.number(),
        a.auto_pad = r.pick(AutoPad::valid);
      }),
      make<ConvTransposeAttributesT>([](auto& a, Random& r) {
        a.strides = r.list(), a.dilations = r.list(), a.pads = r.list(), a.group = r.number(),
        a.auto_pad = r.pick(AutoPad::valid);
        a.output_padding = r.list(), a.output_shape = r.list();
      }),
      make<PoolAttributesT>([](auto& a, Random& r) {
        a.kernel_shape = r.list(), a.strides = r.list(), a.dilations = r.list(), a.pads = r.list(),
        a.ceil_mode = r.flag();
      }),
      make<GlobalPoolAttributesT>(),
      make<ReduceAttributesT>([](auto& a, Random& r) {
        a.function = r.pick(ReduceFunction::log_sum_exp), a.axes = r.list(), a.keepdims = r.flag(),
        a.noop_with_empty_axes = r.flag();
      }),
      make<ArgReduceAttributesT>([](auto& a, Random& r) { a.axis = r.number(), a.keepdims = r.flag(); }),
      make<SoftmaxAttributesT>([](auto& a, Random& r) { a.axis = r.number(), a.flatten = r.flag(); }),
      make<NormalizeAttributesT>([](auto& a, Random& r) { a.axis = r.number(); }),
      make<CumSumAttributesT>(),
      make<AxisAttributesT>([](auto& a, Random& r) { a.axis = r.number(); }),
      make<BatchDimsAttributesT>([](auto& a, Random& r) { a.batch_dims = r.number(); }),
      make<ScatterAttributesT>([](auto& a, Random& r) { a.axis = r.number(); }),
      make<TopKAttributesT>([](auto& a, Random& r) { a.axis = r.number(); }),
      make<NonMaxSuppressionAttributesT>(),
      make<ResizeAttributesT>([](auto& a, Random& r) {
        a.axes = r.list(), a.coordinates = r.pick(ResizeCoordinates::tf_crop_and_resize);
        a.keep_aspect_ratio_policy = static_cast<uint8_t>(r.below(4));
      }),
      make<GridSampleAttributesT>(),
      make<RoiAlignAttributesT>([](auto& a, Random& r) { a.output_height = r.number(), a.output_width = r.number(); }),
      make<QuantizeAttributesT>(
          [](auto& a, Random& r) { a.axis = r.number(), a.block_size = r.number(), a.to = r.type(); }),
      make<RecurrentAttributesT>(
          [](auto& a, Random& r) { a.hidden_size = r.number(), a.layout = r.flag(), a.direction = r.below(4) & 255; }),
      make<DeformConvAttributesT>([](auto& a, Random& r) {
        a.strides = r.list(), a.dilations = r.list(), a.pads = r.list(), a.group = r.number(),
        a.offset_group = r.number();
      }),
      make<TransposeAttributesT>([](auto& a, Random& r) { a.perm = r.list(); }),
      make<SplitAttributesT>([](auto& a, Random& r) { a.axis = r.number(); }),
      make<PadAttributesT>([](auto& a, Random& r) { a.mode = r.pick(PadMode::wrap); }),
      make<BlockAttributesT>([](auto& a, Random& r) { a.block_size = r.number(); }),
      make<ShapeAttributesT>([](auto& a, Random& r) { a.start = r.number(), a.end = r.number(); }),
      make<ReverseSequenceAttributesT>([](auto& a, Random& r) { a.batch_axis = r.number(), a.time_axis = r.number(); }),
      make<TriluAttributesT>(),
      make<EyeLikeAttributesT>([](auto& a, Random& r) { a.to = r.type(); }),
      make<OneHotAttributesT>([](auto& a, Random& r) { a.axis = r.number(); }),
      make<CenterCropPadAttributesT>([](auto& a, Random& r) { a.axes = r.list(); }),
      make<CompressAttributesT>([](auto& a, Random& r) { a.axis = r.number(), a.has_axis = r.flag(); }),
      make<FillAttributesT>([](auto& a, Random& r) { a.type = r.type(), a.value = r.bytes(); }),
      make<BatchNormalizationAttributesT>(),
      make<GroupNormalizationAttributesT>(
          [](auto& a, Random& r) { a.num_groups = r.number(), a.per_group_scale = r.flag(); }),
      make<LayerNormalizationAttributesT>([](auto& a, Random& r) { a.axis = r.number(), a.stash_type = r.type(); }),
      make<LRNAttributesT>([](auto& a, Random& r) { a.size = r.number(); }),
      make<LpNormalizationAttributesT>([](auto& a, Random& r) { a.axis = r.number(), a.p = r.number(); }),
      make<AxesAttributesT>([](auto& a, Random& r) { a.axes = r.list(); }),
      make<VariadicAttributesT>([](auto& a, Random& r) { a.function = r.pick(VariadicFunction::min); }),
      make<AttentionAttributesT>([](auto& a, Random& r) { a.q_num_heads = r.number(), a.kv_num_heads = r.number(); }),
      make<RotaryEmbeddingAttributesT>(
          [](auto& a, Random& r) { a.num_heads = r.number(), a.rotary_embedding_dim = r.number(); }),
      make<EinsumAttributesT>([](auto& a, Random& r) {
        constexpr const char* equations[] = {"ij,jk->ik", "...i,...i", "ii->i", "i",           "",
                                             ",",         "->",        "..",    "ab...c->...", "ijklmnopq->"};
        a.equation = equations[r.below(std::size(equations))];
      }),
      make<GeluAttributesT>(),
  };
}

// Extents that inputs of one node share, so that some fit together.
Dims random_dims(Random& r) {
  Dims dims;
  for (uint64_t rank = r.below(5) + r.below(2); rank > 0; --rank)
    dims.push_back(r.chance(85) ? Dim(static_cast<int64_t>(r.chance(5) ? 0 : 1 + r.below(4)))
                   : r.flag()   ? Dim()
                                : Dim("n"));
  return dims;
}

In random_input(Random& r, const Dims& common, DataType type) {
  if (r.chance(3)) return absent();
  if (r.chance(40)) {  // an argument: a constant list or scalar
    std::vector<int64_t> values = r.list();
    if (r.chance(30)) return int_scalar(r.number());
    if (r.chance(80)) return ints(values);
    return floats(std::vector<float>(values.begin(), values.end()));
  }
  In in;
  in.tensor.type = r.chance(90) ? type : r.type();
  if (r.chance(4)) return in;
  in.tensor.shape = r.chance(70) ? common : random_dims(r);
  if (r.chance(3) && !in.tensor.shape->empty()) in.tensor.shape->back() = Dim(r.number());
  return in;
}

// What inference made must be sound: constants of the right size, shapes that count.
void check_result(const Graph& graph) {
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.shape_known()) {
      EXPECT_GE(tensor.elements(), 0);
      if (tensor.is_constant()) {
        EXPECT_GE(tensor.constant->bytes, tensor.bytes());
      }
    } else {
      EXPECT_FALSE(tensor.is_constant());
    }
  }
}

TEST(InferHostile, RandomNodesGiveAResultOrAnError) {
  const std::vector<Make> makers = attribute_makers();
  std::vector<Op> ops;
  for (unsigned op = 0; op < 310; ++op)
    if (infer::find_rule(static_cast<Op>(op))) ops.push_back(static_cast<Op>(op));
  ASSERT_GT(ops.size(), 80u);

  Random r{std::mt19937_64(1)};
  int results = 0, errors = 0;
  for (int round = 0; round < 20000; ++round) {
    const size_t which = r.below(ops.size());
    const schema::Attributes kind = model::attributes_of(ops[which]);
    AttributesUnion attributes = makers[0](r);
    for (size_t i = 1; i < makers.size() && attributes.type != kind; ++i) attributes = makers[i](r);
    Net net;
    std::vector<TensorId> in, out;
    const model::Arity arity = model::arity_of(ops[which]);
    const uint32_t most = std::min(arity.max_inputs, arity.min_inputs + 2);
    const uint32_t count = r.chance(95) ? arity.min_inputs + static_cast<uint32_t>(r.below(most - arity.min_inputs + 1))
                                        : static_cast<uint32_t>(r.below(6));
    const Dims common = random_dims(r);
    const DataType type = r.chance(60) ? DataType::float32 : r.type();
    for (uint32_t i = 0; i < count; ++i) in.push_back(net.add(random_input(r, common, type), "in" + std::to_string(i)));
    if (count > 1 && in[0] != kNone && r.chance(20))  // a partly known argument
      in.back() = net.op("shape", Op::Shape, {in[0]}, ShapeAttributesT());
    for (uint64_t i = r.chance(90) ? arity.min_outputs : 2; i > 0; --i)
      out.push_back(net.value("out" + std::to_string(i), r.chance(4) ? r.type() : DataType::undefined,
                              r.chance(5) ? "2x3" : "unknown"));
    Node& node = net.graph().add_node("tested", ops[which], in, out, NoAttributesT());
    node.attributes = std::move(attributes);
    net.graph().outputs = out;
    try {
      infer_shapes(net.module);
      check_result(net.graph());
      ++results;
    } catch (const Error& error) {
      EXPECT_GT(std::string(error.what()).size(), 10u);
      ++errors;
    }
  }
  EXPECT_GT(results, 2000);
  EXPECT_GT(errors, 2000);
}

}  // namespace
}  // namespace motley::graph
