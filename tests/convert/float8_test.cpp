// Constants of 8-bit floating-point types: float by the time the model is converted.
#include <limits>

#include "io/float8.hpp"
#include "network.hpp"

namespace motley::test {
namespace {

using io::float8_to_float;

constexpr int kE4M3 = 17, kE4M3Uz = 18, kE5M2Type = 19, kE5M2Uz = 20, kFloat = 1;

// Smallest, one, largest finite, as the formats define them.
TEST(Float8, Formats) {
  const auto value = [](uint8_t bits, const io::Float8Format& f) { return float8_to_float(bits, f); };
  EXPECT_EQ(value(0x01, io::kE4M3FN), 0x1p-9f);
  EXPECT_EQ(value(0x38, io::kE4M3FN), 1);
  EXPECT_EQ(value(0xb9, io::kE4M3FN), -1.125f);
  EXPECT_EQ(value(0x7e, io::kE4M3FN), 448);
  EXPECT_TRUE(std::isnan(value(0x7f, io::kE4M3FN)));
  EXPECT_TRUE(std::signbit(value(0x80, io::kE4M3FN)));
  EXPECT_EQ(value(0x01, io::kE4M3FNUZ), 0x1p-10f);
  EXPECT_EQ(value(0x40, io::kE4M3FNUZ), 1);
  EXPECT_EQ(value(0xff, io::kE4M3FNUZ), -240);
  EXPECT_TRUE(std::isnan(value(0x80, io::kE4M3FNUZ)));
  EXPECT_EQ(value(0x01, io::kE5M2), 0x1p-16f);
  EXPECT_EQ(value(0x3c, io::kE5M2), 1);
  EXPECT_EQ(value(0x7b, io::kE5M2), 57344);
  EXPECT_EQ(value(0xfc, io::kE5M2), -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(value(0x7d, io::kE5M2)));
  EXPECT_EQ(value(0x01, io::kE5M2FNUZ), 0x1p-17f);
  EXPECT_EQ(value(0x40, io::kE5M2FNUZ), 1);
  EXPECT_EQ(value(0x7f, io::kE5M2FNUZ), 57344);
  EXPECT_TRUE(std::isnan(value(0x80, io::kE5M2FNUZ)));
}

void add_float8(onnx::GraphProto& graph, const std::string& name, int type, const std::vector<int64_t>& shape,
                const std::vector<uint8_t>& bytes) {
  auto* tensor = graph.add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(type);
  for (int64_t d : shape) tensor->add_dims(d);
  tensor->set_raw_data(std::string(bytes.begin(), bytes.end()));
}

TEST(Float8, WeightsAreCast) {
  for (const auto& [type, one] : {std::pair{kE4M3, 0x38}, {kE4M3Uz, 0x40}, {kE5M2Type, 0x3c}, {kE5M2Uz, 0x40}}) {
    Network n("Add", 21);
    n.input({2}, std::vector<float>{10, 20}).node().add_input("wide");
    add_float8(n.graph(), "w", type, {2}, {static_cast<uint8_t>(one), static_cast<uint8_t>(one | 0x80)});
    set_attribute(add_node(n.graph(), "Cast", {"w"}, {"wide"}), "to", kFloat);
    expect_near(n.run().values[0], std::vector<float>{11, 19});
  }
}

TEST(Float8, WeightsAreDequantizedPerTensorAndPerAxis) {
  for (bool per_axis : {false, true}) {
    Network n("Mul", 21);
    n.input({2, 2}, std::vector<float>{1, 1, 1, 1}).node().add_input("real");
    add_float8(n.graph(), "w", kE4M3, {4}, {0x38, 0x40, 0xb8, 0x7e});  // 1, 2, -1, 448
    add_ints(n.graph(), "shape", {2, 2});
    add_node(n.graph(), "Reshape", {"w", "shape"}, {"moved"});
    add_floats(n.graph(), "scale", per_axis ? std::vector<int64_t>{2} : std::vector<int64_t>{},
               per_axis ? std::vector<float>{0.5f, 2} : std::vector<float>{0.5f});
    add_float8(n.graph(), "zero", kE4M3, per_axis ? std::vector<int64_t>{2} : std::vector<int64_t>{},
               std::vector<uint8_t>(per_axis ? 2 : 1));
    set_attribute(add_node(n.graph(), "DequantizeLinear", {"moved", "scale", "zero"}, {"real"}), "axis", 0);
    expect_near(n.run().values[0],
                per_axis ? std::vector<float>{0.5f, 1, -2, 896} : std::vector<float>{0.5f, 1, -0.5f, 224});
  }
}

// One sentence that names the type, wherever it is not a constant.
TEST(Float8, IsRefusedElsewhere) {
  EXPECT_NE(error_of(OneNode("Cast", 19, {{2}}).with("to", kE5M2Type).model, ErrorCode::unsupported).find("FLOAT8E5M2"),
            std::string::npos);
  OneNode quantized("QuantizeLinear", 19, {{2}, {}});
  add_float8(quantized.graph(), "zero", kE4M3, {}, {0});
  quantized.node().add_input("zero");
  EXPECT_NE(error_of(quantized.model, ErrorCode::unsupported).find("8-bit floating-point"), std::string::npos);
  OneNode sum("Add", 19, {{2}});
  add_float8(sum.graph(), "w", kE4M3, {2}, {0, 0});
  sum.node().add_input("w");
  EXPECT_NE(error_of(sum.model, ErrorCode::unsupported).find("8-bit floating-point"), std::string::npos);
  OneNode moved("Identity", 19, {});
  add_float8(moved.graph(), "w", kE4M3, {2}, {0, 0});
  moved.node().add_input("w");
  EXPECT_NE(error_of(moved.model, ErrorCode::unsupported).find("8-bit floating-point"), std::string::npos);
  OneNode input("Relu", 19, {{2}});
  input.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(kE4M3);
  EXPECT_NE(error_of(input.model, ErrorCode::unsupported).find("FLOAT8E4M3FN"), std::string::npos);
  OneNode offset("DequantizeLinear", 21, {});
  add_float8(offset.graph(), "w", kE4M3, {2}, {0, 0});
  add_floats(offset.graph(), "scale", {}, {1});
  add_float8(offset.graph(), "zero", kE4M3, {}, {0x38});
  for (const char* name : {"w", "scale", "zero"}) offset.node().add_input(name);
  EXPECT_NE(error_of(offset.model, ErrorCode::unsupported).find("zero point"), std::string::npos);
}

}  // namespace
}  // namespace motley::test
