// Attributes and data drawn from numbers that break arithmetic: every answer must be a status, inside memory, soon.
#include "reference.hpp"

namespace motley::test {
namespace {

// Numbers that look random, the same on every machine.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return state_ >> 33;
  }
  int64_t small() { return static_cast<int64_t>(next() % 4); }
  // Mostly small, sometimes at an end of a type.
  int64_t number() {
    constexpr int64_t kEnds[] = {-1, -2, 1 << 30, (1 << 30) - 1, INT32_MAX, INT64_MAX, INT64_MIN, INT64_MAX / 2, 4, 8};
    return next() % 4 == 0 ? kEnds[next() % std::size(kEnds)] : small();
  }
  std::vector<int64_t> list(size_t longest) {
    std::vector<int64_t> v(next() % (longest + 1));
    for (int64_t& x : v) x = number();
    return v;
  }
  std::vector<int64_t> shape(size_t lowest_rank, size_t highest_rank) {
    std::vector<int64_t> v(lowest_rank + next() % (highest_rank - lowest_rank + 1));
    for (int64_t& x : v) x = next() % 16 == 0 ? 0 : 1 + static_cast<int64_t>(next() % 3);
    return v;
  }
  Value reals(std::vector<int64_t> s) {
    constexpr float kValues[] = {0, 1, -1, 0.5f, 2, 3e38f, -3e38f, 1e-38f, INFINITY, -INFINITY, NAN, 1e9f};
    std::vector<float> items(static_cast<size_t>(sdk::Shape(s).elements()));
    for (float& x : items) x = kValues[next() % std::size(kValues)];
    return value<float>(std::move(s), items);
  }
  Value indices(std::vector<int64_t> s) {
    std::vector<int64_t> items(static_cast<size_t>(sdk::Shape(s).elements()));
    for (int64_t& x : items) x = number();
    return value<int64_t>(std::move(s), items);
  }
  template <class Enum>
  Enum choice(int count) {
    return static_cast<Enum>(next() % static_cast<uint64_t>(count + 1));  // one past the last, too
  }

 private:
  uint64_t state_;
};

// Runs it; whatever the status, no memory was hurt. Says whether it was supported.
bool survives(const NodeCase& c) {
  const NodeResult r = run_node(reference(), c);
  EXPECT_NE(r.status, MOTLEY_INTERNAL) << r.step << ": " << r.text;
  return r.status == MOTLEY_OK;
}

constexpr int kRounds = 4000;

TEST(ReferenceHostile, Windows) {
  Dice d(1);
  for (int i = 0; i < kRounds; ++i) {
    const size_t rank = 3 + d.next() % 3;
    const Value x = d.reals(d.shape(rank, rank)), w = d.reals(d.shape(rank, rank));
    const Value y = output_of<float>(d.shape(rank, rank));
    schema::ConvAttributesT conv;
    conv.strides = d.list(3), conv.dilations = d.list(3), conv.pads = d.list(6);
    conv.group = d.number();
    conv.auto_pad = d.choice<schema::AutoPad>(4);
    survives(node_case(Op::Conv, conv, {x, w}, {y}));
    schema::ConvTransposeAttributesT transpose;
    transpose.strides = d.list(3), transpose.dilations = d.list(3), transpose.pads = d.list(6);
    transpose.output_padding = d.list(3), transpose.output_shape = d.list(5);
    transpose.group = d.number();
    transpose.auto_pad = d.choice<schema::AutoPad>(4);
    survives(node_case(Op::ConvTranspose, transpose, {x, w}, {y}));
    schema::PoolAttributesT pool;
    pool.function = d.choice<schema::PoolFunction>(3);
    pool.kernel_shape = d.list(3), pool.strides = d.list(3), pool.dilations = d.list(3), pool.pads = d.list(6);
    pool.auto_pad = d.choice<schema::AutoPad>(4);
    pool.ceil_mode = d.next() & 1, pool.count_include_pad = d.next() & 1;
    survives(node_case(Op::Pool, pool, {x}, {y}));
    schema::DeformConvAttributesT deform;
    deform.strides = d.list(2), deform.dilations = d.list(2), deform.pads = d.list(4);
    deform.group = d.number(), deform.offset_group = d.number();
    survives(node_case(Op::DeformConv, deform, {x, w, d.reals(d.shape(4, 4))}, {y}));
  }
}

TEST(ReferenceHostile, Regions) {
  Dice d(2);
  int supported = 0;
  for (int i = 0; i < kRounds; ++i) {
    schema::StridedCopyAttributesT a;
    for (uint64_t n = d.next() % 3; n > 0; --n) {
      auto region = std::make_unique<schema::RegionT>();
      region->input = static_cast<int32_t>(d.number());
      region->extents = d.list(2);
      region->src_offset = d.number(), region->dst_offset = d.number();
      region->src_strides = d.list(2), region->dst_strides = d.list(2);
      a.regions.push_back(std::move(region));
    }
    if (d.next() % 2) a.fill = {1, 2, 3, 4};
    supported += survives(node_case(Op::StridedCopy, std::move(a), {d.reals(d.shape(1, 2)), d.reals(d.shape(0, 1))},
                                    {output_of<float>(d.shape(0, 2))}));
  }
  EXPECT_GT(supported, kRounds / 50);  // or the test would show little
}

TEST(ReferenceHostile, Indices) {
  Dice d(3);
  for (int i = 0; i < kRounds; ++i) {
    const Value x = d.reals(d.shape(1, 3)), at = d.indices(d.shape(1, 2)), u = d.reals(d.shape(1, 2));
    const Value y = output_of<float>(d.next() % 2 ? x.shape : d.shape(1, 3));
    schema::AxisAttributesT axis;
    axis.axis = d.number();
    survives(node_case(Op::Gather, axis, {x, at}, {y}));
    survives(node_case(Op::GatherElements, axis, {x, at}, {y}));
    schema::BatchDimsAttributesT batch;
    batch.batch_dims = d.number();
    survives(node_case(Op::GatherND, batch, {x, at}, {y}));
    schema::ScatterAttributesT scatter;
    scatter.axis = d.number();
    scatter.reduction = d.choice<schema::ScatterReduction>(5);
    survives(node_case(Op::ScatterElements, scatter, {x, at, u}, {y}));
    survives(node_case(Op::ScatterND, scatter, {x, at, u}, {y}));
    schema::ReduceAttributesT reduce;
    reduce.function = d.choice<schema::ReduceFunction>(10);
    survives(node_case(Op::Reduce, reduce, {x, at}, {y}));
    schema::TopKAttributesT topk;
    topk.axis = d.number();
    survives(node_case(Op::TopK, topk, {x, d.indices({1})}, {y, none()}));
    survives(node_case(Op::CumSum, schema::CumSumAttributesT(), {x, d.indices({})}, {y}));
    schema::ArgReduceAttributesT arg;
    arg.axis = d.number();
    survives(node_case(Op::ArgReduce, arg, {x}, {output_of<int64_t>(y.shape)}));
  }
}

TEST(ReferenceHostile, Sampling) {
  Dice d(4);
  for (int i = 0; i < kRounds; ++i) {
    const Value x = d.reals(d.shape(4, 4));
    const Value y = output_of<float>(d.shape(4, 4));
    schema::ResizeAttributesT resize;
    resize.mode = d.choice<schema::ResizeMode>(3);
    resize.coordinates = d.choice<schema::ResizeCoordinates>(6);
    resize.rounding = d.choice<schema::ResizeRounding>(4);
    resize.antialias = d.next() & 1, resize.exclude_outside = d.next() & 1;
    resize.keep_aspect_ratio_policy = static_cast<uint8_t>(d.small());
    if (d.next() % 2) resize.axes = d.list(4);
    const Value sizes = d.next() % 2 ? constant(value<int64_t>({4}, y.shape)) : constant(d.indices({4}));
    const Value roi = constant(d.reals({8}));
    survives(node_case(Op::Resize, resize, {x, roi, none(), sizes}, {y}));
    survives(node_case(Op::Resize, resize, {x, roi, constant(d.reals({4}))}, {y}));
    schema::GridSampleAttributesT grid;
    grid.mode = static_cast<uint8_t>(d.small()), grid.padding_mode = static_cast<uint8_t>(d.small());
    grid.align_corners = d.next() & 1;
    const std::vector<int64_t> out = {x.shape[0], x.shape[1], 2, 2};
    survives(node_case(Op::GridSample, grid, {x, d.reals({x.shape[0], 2, 2, 2})}, {output_of<float>(out)}));
    schema::RoiAlignAttributesT roi_align;
    roi_align.average = d.next() & 1, roi_align.half_pixel = d.next() & 1;
    roi_align.output_height = 2, roi_align.output_width = 1;
    roi_align.sampling_ratio = d.number();
    roi_align.spatial_scale = d.reals({1}).as<float>()[0];
    survives(node_case(Op::RoiAlign, roi_align, {x, d.reals({2, 4}), d.indices({2})},
                       {output_of<float>({2, x.shape[1], 2, 1})}));
  }
}

TEST(ReferenceHostile, Quantized) {
  Dice d(5);
  for (int i = 0; i < kRounds; ++i) {
    const Value x = d.reals(d.shape(1, 3));
    schema::QuantizeAttributesT a;
    a.axis = d.number(), a.block_size = d.number();
    const auto type = static_cast<DataType>(1 + d.next() % 13);
    survives(node_case(Op::QuantizeLinear, a, {x, d.reals(d.shape(0, 3))}, {output_of(type, x.shape)}));
    schema::CastAttributesT cast;
    cast.to = type;
    survives(node_case(Op::Cast, cast, {x}, {output_of(type, x.shape)}));
    survives(node_case(Op::DynamicQuantizeLinear, schema::NoAttributesT(), {x},
                       {output_of<uint8_t>(x.shape), output_of<float>({}), output_of<uint8_t>({})}));
    survives(node_case(Op::Range, schema::NoAttributesT(), {d.reals({}), d.reals({}), d.reals({})},
                       {output_of<float>({d.small()})}));
    survives(node_case(Op::Range, schema::NoAttributesT(), {d.indices({}), d.indices({}), d.indices({})},
                       {output_of<int64_t>({d.small()})}));
  }
}

TEST(ReferenceHostile, Recurrent) {
  Dice d(6);
  for (int i = 0; i < kRounds; ++i) {
    schema::RecurrentAttributesT a;
    a.direction = static_cast<uint8_t>(d.small());
    a.hidden_size = d.small();
    a.layout = d.next() & 1;
    a.clip = d.reals({1}).as<float>()[0];
    for (uint64_t n = d.next() % 4; n > 0; --n) a.activations.push_back(d.choice<schema::UnaryFunction>(48));
    if (d.next() % 2) a.activation_alpha = {1};
    const int64_t hidden = d.small(), batch = d.small();
    const NodeCase c = node_case(Op::RNN, a,
                                 {d.reals({2, batch, 1}), d.reals({1, hidden, 1}), d.reals({1, hidden, hidden}), none(),
                                  value<int32_t>({batch}, d.indices({batch}).as<int64_t>())},
                                 {output_of<float>({2, 1, batch, hidden})});
    survives(c);
  }
}

}  // namespace
}  // namespace motley::test
