// The plugin as a whole: its device, all ops listed, and nodes that make no sense.
#include "reference.hpp"

namespace motley::test {
namespace {

TEST(ReferencePlugin, HasOneDeviceForAllTypes) {
  std::vector<motley_device_info> devices;
  ErrorText e;
  ASSERT_EQ(reference().enumerate_devices(
                &devices,
                [](void* context, const motley_device_info* info) {
                  static_cast<std::vector<motley_device_info>*>(context)->push_back(*info);
                },
                &e.error),
            MOTLEY_OK);
  ASSERT_EQ(devices.size(), 1u);
  EXPECT_STREQ(reference().id, "reference");
  EXPECT_EQ(devices[0].memory_flags, MOTLEY_MEMORY_HOST_POINTERS);
  EXPECT_EQ(devices[0].precisions, (1u << 14) - 2);
}

// A node without tensors and attributes must be refused with a reason, whatever its op: never a crash.
TEST(ReferencePlugin, RefusesBareNodesOfEveryOp) {
  for (Op op : schema::EnumValuesOp()) {
    SCOPED_TRACE(schema::EnumNameOp(op));
    EXPECT_NE(refusal(node_case(op, schema::NoAttributesT(), {}, {})), "");
    EXPECT_NE(refusal(node_case(op, schema::MatMulAttributesT(), {none(), none(), none()}, {none()})), "");
  }
}

// Scalars and empty tensors in every place.
TEST(ReferencePlugin, SurvivesDegenerateShapes) {
  const std::vector<std::vector<int64_t>> shapes = {
      {}, {0}, {1}, {0, 0}, {1, 0, 1}, {1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1}};
  for (uint16_t number = 0; number <= 40; ++number) {
    const auto op = static_cast<Op>(number);
    SCOPED_TRACE(schema::EnumNameOp(op));
    for (const auto& shape : shapes)
      for (size_t inputs = 1; inputs <= 5; ++inputs) {
        std::vector<double> items(static_cast<size_t>(sdk::Shape(shape).elements()), 1);
        NodeCase c;
        c.op = op;
        c.inputs.assign(inputs, value_of(DataType::float32, shape, items));
        c.outputs = {output_of<float>(shape)};
        const auto try_with = [&](auto attributes) {
          c.attributes.Set(std::move(attributes));
          const NodeResult r = run_node(reference(), c);
          EXPECT_NE(r.status, MOTLEY_INTERNAL) << r.text;
        };
        try_with(schema::NoAttributesT());
        try_with(schema::ConvAttributesT());
        try_with(schema::ConvTransposeAttributesT());
        try_with(schema::PoolAttributesT());
        try_with(schema::ReduceAttributesT());
        try_with(schema::SoftmaxAttributesT());
        try_with(schema::NormalizeAttributesT());
        try_with(schema::MatMulAttributesT());
        try_with(schema::BinaryAttributesT());
        try_with(schema::UnaryAttributesT());
        try_with(schema::ResizeAttributesT());
        try_with(schema::RecurrentAttributesT());
        try_with(schema::StridedCopyAttributesT());
        try_with(schema::DeformConvAttributesT());
      }
  }
}

TEST(ReferencePlugin, RefusesTensorsTooLargeToCount) {
  schema::UnaryAttributesT a;
  NodeCase c =
      node_case(Op::Unary, a, {output_of<float>({1 << 30, 1 << 30, 4})}, {output_of<float>({1 << 30, 1 << 30, 4})});
  c.inputs[0].bytes.clear();
  const OpenDevice device(reference());
  EXPECT_NE(query_node(reference(), device.get(), NodeGraph(c)).status, MOTLEY_OK);
}

}  // namespace
}  // namespace motley::test
