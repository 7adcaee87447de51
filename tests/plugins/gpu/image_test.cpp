// Pool, Resize, GridSample, RoiAlign, DeformConv, the quantized ops and the recurrent layers against the reference.
#include "tested_plugin.hpp"

namespace motley::test {

namespace {

using schema::PoolFunction;

NodeCase pool(PoolFunction f, std::vector<int64_t> x, std::vector<int64_t> y, std::vector<int64_t> kernel, std::vector<int64_t> strides,
              std::vector<int64_t> pads, bool count_pads = false, bool ceil = false, std::vector<int64_t> dilations = {}) {
  schema::PoolAttributesT a;
  a.function = f;
  a.kernel_shape = std::move(kernel);
  a.strides = std::move(strides);
  a.pads = std::move(pads);
  a.count_include_pad = count_pads;
  a.ceil_mode = ceil;
  a.dilations = std::move(dilations);
  return node_case(Op::Pool, a, {random_value(std::move(x), 1)}, {output_of<float>(std::move(y))});
}

}  // namespace

TEST(GpuImage, Pool) {
  SKIP_WITHOUT_DEVICE();
  for (PoolFunction f : {PoolFunction::max, PoolFunction::average, PoolFunction::lp}) {
    expect_like_reference(pool(f, {1, 3, 57, 55}, {1, 3, 28, 27}, {3, 3}, {2, 2}, {}));
    expect_like_reference(pool(f, {2, 1, 8, 40}, {2, 1, 8, 40}, {3, 3}, {1, 1}, {1, 1, 1, 1}, true));
    expect_like_reference(pool(f, {1, 2, 7, 7}, {1, 2, 4, 4}, {2, 2}, {2, 2}, {}, false, true));
    expect_like_reference(pool(f, {1, 2, 9, 9}, {1, 2, 3, 2}, {2, 3}, {4, 5}, {1, 0, 0, 1}));
    expect_like_reference(pool(f, {1, 2, 13, 13}, {1, 2, 1, 1}, {13, 13}, {1, 1}, {}));
    expect_like_reference(pool(f, {1, 2, 20}, {1, 2, 18}, {3}, {1}, {}));
    expect_like_reference(pool(f, {1, 2, 4, 5, 6}, {1, 2, 3, 4, 5}, {2, 2, 2}, {}, {}));
    expect_like_reference(pool(f, {0, 2, 4, 4}, {0, 2, 3, 3}, {2, 2}, {}, {}));
  }
  expect_like_reference(pool(PoolFunction::max, {1, 1, 9, 9}, {1, 1, 5, 5}, {3, 3}, {1, 1}, {}, false, false, {2, 2}));
  NodeCase indexed = pool(PoolFunction::max, {2, 3, 6, 7}, {2, 3, 3, 3}, {2, 2}, {2, 2}, {});
  indexed.outputs.push_back(output_of<int64_t>({2, 3, 3, 3}));
  expect_like_reference(indexed);
}

TEST(GpuImage, Resize) {
  SKIP_WITHOUT_DEVICE();
  for (int mode = 0; mode <= static_cast<int>(schema::ResizeMode::cubic); ++mode)
    for (int coordinates = 0; coordinates <= static_cast<int>(schema::ResizeCoordinates::asymmetric); ++coordinates) {
      schema::ResizeAttributesT a;
      a.mode = static_cast<schema::ResizeMode>(mode);
      a.coordinates = static_cast<schema::ResizeCoordinates>(coordinates);
      a.exclude_outside = mode == 2 && coordinates == 0;
      for (const std::vector<int64_t>& y : {std::vector<int64_t>{1, 2, 9, 14}, {1, 2, 3, 4}, {1, 2, 5, 21}}) {
        expect_like_reference(node_case(Op::Resize, a, {random_value({1, 2, 5, 7}, 1), none(), none(), constant(value<int64_t>({4}, y))}, {output_of<float>(y)}));
      }
    }
  schema::ResizeAttributesT a;
  expect_like_reference(node_case(Op::Resize, a, {random_integers<uint8_t>({1, 1, 3, 3}, 1, 0, 200), none(), none(), constant(value<int64_t>({4}, {1, 1, 6, 5}))},
                                  {output_of<uint8_t>({1, 1, 6, 5})}));
}

TEST(GpuImage, GridSampleRoiAlignDeformConv) {
  SKIP_WITHOUT_DEVICE();
  for (uint8_t mode : {0, 1, 2})
    for (uint8_t padding : {0, 1, 2})
      for (bool align : {false, true}) {
        schema::GridSampleAttributesT a;
        a.mode = mode;
        a.padding_mode = padding;
        a.align_corners = align;
        expect_like_reference(node_case(Op::GridSample, a, {random_value({2, 3, 5, 6}, 1), random_value({2, 4, 3, 2}, 2, -1.4, 1.4)},
                                        {output_of<float>({2, 3, 4, 3})}), {1e-4, 1e-4});
      }
  for (bool average : {true, false}) {
    schema::RoiAlignAttributesT a;
    a.average = average;
    a.output_height = 3;
    a.output_width = 2;
    a.spatial_scale = 0.5f;
    a.half_pixel = average;
    expect_like_reference(node_case(Op::RoiAlign, a, {random_value({2, 3, 9, 11}, 1), value<float>({3, 4}, {0, 0, 10, 9, 3, 2, 21, 17, -4, -4, 5, 5}), value<int64_t>({3}, {0, 1, 1})},
                                    {output_of<float>({3, 3, 3, 2})}));
  }
  schema::DeformConvAttributesT d;
  d.pads = {1, 1, 1, 1};
  d.group = 2;
  d.offset_group = 2;
  expect_like_reference(node_case(Op::DeformConv, d, {random_value({1, 4, 6, 5}, 1), random_value({6, 2, 3, 3}, 2), random_value({1, 36, 6, 5}, 3), random_value({6}, 4), random_value({1, 18, 6, 5}, 5)},
                                  {output_of<float>({1, 6, 6, 5})}));
}

TEST(GpuQuantized, Linear) {
  SKIP_WITHOUT_DEVICE();
  schema::QuantizeAttributesT a;
  a.axis = 1;
  expect_like_reference(node_case(Op::QuantizeLinear, a, {random_value({3, 5}, 1, -3, 3), scalar(0.02f), scalar(int8_t{3})}, {output_of<int8_t>({3, 5})}));
  expect_like_reference(node_case(Op::QuantizeLinear, a, {random_value({3, 5, 2}, 1, -3, 3), value<float>({5}, {0.1f, 0.2f, 0.03f, 0.04f, 1}), value<uint8_t>({5}, {1, 2, 128, 200, 0})},
                                  {output_of<uint8_t>({3, 5, 2})}));
  expect_like_reference(node_case(Op::QuantizeLinear, a, {random_value({4}, 1, -3, 3), scalar(0.0001f)}, {output_of<uint8_t>({4})}));
  expect_like_reference(node_case(Op::DequantizeLinear, a, {random_integers<uint8_t>({2, 3}, 1, 0, 255), value<float>({3}, {0.5f, 1, 2}), value<uint8_t>({3}, {1, 2, 3})}, {output_of<float>({2, 3})}));
  expect_like_reference(node_case(Op::DequantizeLinear, a, {random_integers<int32_t>({6}, 1, -9999, 9999), scalar(0.25f)}, {output_of<float>({6})}));
  a.block_size = 2;
  expect_like_reference(node_case(Op::DequantizeLinear, a, {random_integers<int8_t>({2, 5}, 1, -100, 100), random_value({2, 3}, 2)}, {output_of<float>({2, 5})}));
  expect_like_reference(node_case(Op::DynamicQuantizeLinear, schema::NoAttributesT(), {random_value({3, 5000}, 1, -3, 5)}, {output_of<uint8_t>({3, 5000}), output_of<float>({}), output_of<uint8_t>({})}));
}

TEST(GpuQuantized, ConvAndMatMul) {
  SKIP_WITHOUT_DEVICE();
  schema::ConvAttributesT a;
  a.pads = {1, 1, 1, 1};
  a.group = 2;
  const Value x = random_integers<uint8_t>({1, 4, 6, 5}, 1, 0, 255), w = random_integers<int8_t>({6, 2, 3, 3}, 2, -127, 127);
  expect_like_reference(node_case(Op::ConvInteger, a, {x, w, scalar(uint8_t{128}), none()}, {output_of<int32_t>({1, 6, 6, 5})}));
  // One step where a tie falls the other way.
  expect_like_reference(node_case(Op::QLinearConv, a, {x, scalar(0.02f), scalar(uint8_t{120}), w, random_value({6}, 3, 0.01, 0.02), constant(value<int8_t>({6}, {0, 0, 0, 0, 0, 0})), scalar(0.1f), scalar(uint8_t{100}), random_integers<int32_t>({6}, 4, -500, 500)},
                                  {output_of<uint8_t>({1, 6, 6, 5})}), {1, 0});
  const Value left = random_integers<int8_t>({2, 3, 7}, 1, -127, 127), right = random_integers<uint8_t>({7, 5}, 2, 0, 255);
  expect_like_reference(node_case(Op::MatMulInteger, schema::NoAttributesT(), {left, right, scalar(int8_t{3}), scalar(uint8_t{128})}, {output_of<int32_t>({2, 3, 5})}));
  expect_like_reference(node_case(Op::QLinearMatMul, schema::NoAttributesT(), {left, scalar(0.02f), scalar(int8_t{3}), right, scalar(0.03f), scalar(uint8_t{128}), scalar(0.2f), scalar(int8_t{-5})},
                                  {output_of<int8_t>({2, 3, 5})}), {1, 0});
}

TEST(GpuRecurrent, AllCellsDirectionsAndOptions) {
  SKIP_WITHOUT_DEVICE();
  constexpr int64_t kSteps = 4, kBatch = 3, kInputs = 5, kHidden = 6;
  const struct {
    Op op;
    int64_t gates;
  } cells[] = {{Op::LSTM, 4}, {Op::GRU, 3}, {Op::RNN, 1}};
  for (const auto& cell : cells)
    for (uint8_t direction : {0, 1, 2})
      for (int option : {0, 1, 2}) {
        SCOPED_TRACE(std::string(schema::EnumNameOp(cell.op)) + " direction " + std::to_string(direction) + " option " + std::to_string(option));
        const int64_t d = direction == 2 ? 2 : 1, rows = cell.gates * kHidden;
        schema::RecurrentAttributesT a;
        a.direction = direction;
        a.hidden_size = kHidden;
        a.linear_before_reset = option == 1;
        a.input_forget = option == 1;
        a.layout = option == 2;
        a.clip = option == 1 ? 0.8f : 0.0f;
        const bool first = a.layout;
        std::vector<Value> inputs{random_value(first ? std::vector<int64_t>{kBatch, kSteps, kInputs} : std::vector<int64_t>{kSteps, kBatch, kInputs}, 1),
                                  random_value({d, rows, kInputs}, 2), random_value({d, rows, kHidden}, 3), none(), none(), none()};
        const std::vector<int64_t> state = first ? std::vector<int64_t>{kBatch, d, kHidden} : std::vector<int64_t>{d, kBatch, kHidden};
        if (option > 0) {
          inputs[3] = random_value({d, 2 * rows}, 4);
          inputs[4] = value<int32_t>({kBatch}, {4, 2, 0});
          inputs[5] = random_value(state, 5);
        }
        std::vector<Value> outputs{output_of<float>(first ? std::vector<int64_t>{kBatch, kSteps, d, kHidden} : std::vector<int64_t>{kSteps, d, kBatch, kHidden}), output_of<float>(state)};
        if (cell.op == Op::LSTM) {
          inputs.push_back(option > 0 ? random_value(state, 6) : none());
          inputs.push_back(option > 0 ? random_value({d, 3 * kHidden}, 7) : none());
          outputs.push_back(output_of<float>(state));
        }
        expect_like_reference(node_case(cell.op, a, std::move(inputs), std::move(outputs)));
      }
}

}  // namespace motley::test
