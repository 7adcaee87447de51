// com.microsoft's quantized ops and 4-bit integers: numbers against formulas, optimized and not, on each device.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "model_builder.hpp"
#include "motley/motley.hpp"

namespace motley::test {
namespace {

constexpr int kFloat = 1, kUint8 = 2, kInt8 = 3, kInt32 = 6, kUint4 = 21, kInt4 = 22;

template <class T>
void add_small(onnx::GraphProto& graph, const std::string& name, int type, const std::vector<int64_t>& shape,
               const std::vector<T>& values) {
  auto* tensor = graph.add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(type);
  for (int64_t d : shape) tensor->add_dims(d);
  for (T v : values) tensor->add_int32_data(static_cast<int32_t>(v));
}

// A model of one node of com.microsoft. Tensor names: those that begin with "s" are scales, "z" zero points.
struct Quantized {
  explicit Quantized(const std::string& op) : model(new_model(21)) {
    auto* set = model.add_opset_import();
    set->set_domain("com.microsoft");
    set->set_version(1);
    node = &add_node(graph(), op, {}, {"y"});
    node->set_domain("com.microsoft");
    graph().add_output()->set_name("y");
  }
  onnx::GraphProto& graph() { return *model.mutable_graph(); }
  std::string next() { return "t" + std::to_string(count++); }
  Quantized& absent() { return node->add_input(""), *this; }
  Quantized& input(const std::vector<int64_t>& shape, int type) {
    const std::string name = "x" + std::to_string(inputs++);
    add_value(*graph().add_input(), name, shape, type);
    node->add_input(name);
    return *this;
  }
  Quantized& floats(const std::vector<int64_t>& shape, const std::vector<float>& values) {
    add_floats(graph(), next(), shape, values);
    node->add_input("t" + std::to_string(count - 1));
    return *this;
  }
  template <class T>
  Quantized& integers(int type, const std::vector<int64_t>& shape, const std::vector<T>& values) {
    add_small(graph(), next(), type, shape, values);
    node->add_input("t" + std::to_string(count - 1));
    return *this;
  }
  Quantized& scale(float value) { return floats({}, {value}); }
  Quantized& zero(int value, int type = kUint8) { return integers<int>(type, {}, {value}); }

  onnx::ModelProto model;
  onnx::NodeProto* node;
  int count = 0, inputs = 0;
};

Runtime built_plugins() {
  RuntimeOptions options;
  options.standard_places = false;
  options.plugin_folders = {MOTLEY_PLUGINS};
  return Runtime(options);
}

// Runs on each device, optimized and not; integers may differ by one in `slack` where ties round another way.
template <class X, class Y>
void expect_values(const onnx::ModelProto& model, const std::vector<std::vector<X>>& inputs,
                   const std::vector<double>& want, double slack, const std::string& op = "") {
  const Model loaded = Model::from_module(import(model));
  const Runtime runtime = built_plugins();
  for (const char* device : {"reference", "cpu"})
    for (bool optimize : {false, true}) {
      SCOPED_TRACE(std::string(device) + (optimize ? ", optimized" : ""));
      Session session = runtime.compile(loaded, {.devices = {device}, .optimize = optimize});
      for (size_t i = 0; i < inputs.size(); ++i)
        session.input(session.input_names()[i]).copy_from(std::span<const X>(inputs[i]));
      session.run();
      const auto got = session.output("y").as<Y>();
      ASSERT_EQ(got.size(), want.size());
      for (size_t i = 0; i < got.size(); ++i)
        EXPECT_NEAR(static_cast<double>(got[i]), want[i], slack) << "element " << i;
      const Explanation e = session.explain();
      const auto is_op = [&](const Placement& p) { return p.op.rfind(op, 0) == 0; };
      if (optimize && !op.empty() && std::string(device) == "cpu") {
        EXPECT_TRUE(std::any_of(e.nodes.begin(), e.nodes.end(), is_op)) << op << " is not in " << e.to_string();
      }
    }
}

double quantized(double real, double scale, int zero, int low = 0, int high = 255) {
  return std::clamp(std::nearbyint(real / scale) + zero, static_cast<double>(low), static_cast<double>(high));
}

const std::vector<uint8_t> kA{0, 3, 17, 100, 128, 200, 254, 255}, kB{9, 255, 1, 77, 128, 0, 30, 255};

template <class Function>
std::vector<double> each(Function&& function, double y_scale, int y_zero) {
  std::vector<double> want;
  for (size_t i = 0; i < kA.size(); ++i)
    want.push_back(quantized(function((kA[i] - 128) * 0.05, (kB[i] - 5) * 0.02), y_scale, y_zero));
  return want;
}

TEST(MicrosoftQuantized, AddAndMul) {
  for (bool add : {true, false}) {
    Quantized q(add ? "QLinearAdd" : "QLinearMul");
    q.input({2, 4}, kUint8).scale(0.05f).zero(128).input({2, 4}, kUint8).scale(0.02f).zero(5).scale(0.1f).zero(60);
    expect_values<uint8_t, uint8_t>(
        q.model, {kA, kB}, each([&](double a, double b) { return add ? a + b : a * b; }, 0.1, 60), 1, "QLinearBinary");
  }
}

TEST(MicrosoftQuantized, SigmoidAndLeakyRelu) {
  Quantized sigmoid("QLinearSigmoid");
  sigmoid.input({8}, kUint8).scale(0.05f).zero(128).scale(1.0f / 256).zero(0);
  expect_values<uint8_t, uint8_t>(sigmoid.model, {kA},
                                  each([](double a, double) { return 1 / (1 + std::exp(-a)); }, 1.0 / 256, 0), 1,
                                  "QLinearUnary");
  Quantized leaky("QLinearLeakyRelu");
  set_attribute(*leaky.node, "alpha", 0.25f);
  leaky.input({8}, kUint8).scale(0.05f).zero(128).scale(0.05f).zero(100);
  expect_values<uint8_t, uint8_t>(
      leaky.model, {kA}, each([](double a, double) { return a < 0 ? 0.25 * a : a; }, 0.05, 100), 1, "QLinearUnary");
}

TEST(MicrosoftQuantized, AbsentZeroPointsAreZero) {
  Quantized q("QLinearAdd");
  q.input({8}, kUint8).scale(0.5f).absent().input({8}, kUint8).scale(0.5f).absent().scale(1);
  std::vector<double> want;
  for (size_t i = 0; i < kA.size(); ++i) want.push_back(quantized(0.5 * (kA[i] + kB[i]), 1, 0));
  expect_values<uint8_t, uint8_t>(q.model, {kA, kB}, want, 0, "QLinearBinary");
}

TEST(MicrosoftQuantized, Softmax) {
  Quantized q("QLinearSoftmax");
  set_attribute(*q.node, "axis", 1), set_attribute(*q.node, "opset", 13);
  q.input({1, 8}, kUint8).scale(0.05f).zero(128).scale(1.0f / 256).zero(0);
  double sum = 0;
  for (uint8_t a : kA) sum += std::exp((a - 128) * 0.05);
  expect_values<uint8_t, uint8_t>(q.model, {kA},
                                  each([&](double a, double) { return std::exp(a) / sum; }, 1.0 / 256, 0), 1);
}

TEST(MicrosoftQuantized, Averages) {
  Quantized q("QLinearAveragePool");
  set_attribute(*q.node, "kernel_shape", std::vector<int64_t>{2, 2});
  q.input({1, 1, 2, 4}, kUint8).scale(0.05f).zero(128).scale(0.05f).zero(100);
  std::vector<double> want;
  for (size_t i = 0; i < 3; ++i)
    want.push_back(quantized(0.05 * ((kA[i] + kA[i + 1] + kA[i + 4] + kA[i + 5]) / 4.0 - 128), 0.05, 100));
  expect_values<uint8_t, uint8_t>(q.model, {kA}, want, 1, "QLinearPool");
  Quantized global("QLinearGlobalAveragePool");
  global.input({1, 2, 2, 2}, kUint8).scale(0.05f).zero(128).scale(0.1f).zero(100);
  std::vector<double> means;
  for (size_t i : {0, 4})
    means.push_back(quantized(0.05 * ((kA[i] + kA[i + 1] + kA[i + 2] + kA[i + 3]) / 4.0 - 128), 0.1, 100));
  expect_values<uint8_t, uint8_t>(global.model, {kA}, means, 1, "QLinearPool");
}

TEST(MicrosoftQuantized, ConcatenationOfTwoScales) {
  Quantized q("QLinearConcat");
  set_attribute(*q.node, "axis", 0);
  q.scale(0.05f).zero(128).input({8}, kUint8).scale(0.05f).zero(128).input({8}, kUint8).scale(0.02f).zero(5);
  std::vector<double> want(kA.begin(), kA.end());
  for (uint8_t b : kB) want.push_back(quantized((b - 5) * 0.02, 0.05, 128));
  expect_values<uint8_t, uint8_t>(q.model, {kA, kB}, want, 1, "QLinearUnary");
}

const std::vector<int8_t> kWeights{1, -2, 127, -128, 5, 0, 33, -7, 64, 9, -100, 2};  // 4x3

// A (2x4) by the weights, as reals of two scales.
std::vector<double> product(const std::vector<double>& b_scales) {
  std::vector<double> result;
  for (size_t i = 0; i < 2; ++i)
    for (size_t j = 0; j < 3; ++j) {
      double sum = 0;
      for (size_t k = 0; k < 4; ++k) sum += (kA[i * 4 + k] - 128) * 0.05 * kWeights[k * 3 + j] * b_scales[j];
      result.push_back(sum);
    }
  return result;
}

TEST(MicrosoftQuantized, Gemm) {
  const std::vector<float> scales{0.01f, 0.02f, 0.005f};
  const std::vector<int32_t> c{100, -2000, 30};
  const std::vector<double> reals = product({scales.begin(), scales.end()});
  const auto with_c = [&](size_t i) { return reals[i] + c[i % 3] * 0.05 * static_cast<double>(scales[i % 3]); };
  for (bool quantizes : {true, false}) {
    Quantized q("QGemm");
    q.input({2, 4}, kUint8).scale(0.05f).zero(128).integers(kInt8, {4, 3}, kWeights).floats({3}, scales);
    q.integers<int>(kInt8, {3}, {0, 0, 0}).integers(kInt32, {3}, c);
    if (quantizes) q.scale(0.3f).zero(90);
    std::vector<double> want;
    for (size_t i = 0; i < 6; ++i) want.push_back(quantizes ? quantized(with_c(i), 0.3, 90) : with_c(i));
    if (quantizes) expect_values<uint8_t, uint8_t>(q.model, {kA}, want, 1, "QLinearMatMul");
    else expect_values<uint8_t, float>(q.model, {kA}, want, 1e-4);
  }
}

TEST(MicrosoftQuantized, MatMulIntegerToFloat) {
  Quantized q("MatMulIntegerToFloat");
  q.input({2, 4}, kUint8).integers(kInt8, {4, 3}, kWeights).scale(0.05f).scale(0.01f).zero(128).absent();
  q.floats({3}, {1, 2, 3});
  std::vector<double> want = product({0.01, 0.01, 0.01});
  for (size_t i = 0; i < 6; ++i) want[i] += static_cast<double>(i % 3 + 1);
  expect_values<uint8_t, float>(q.model, {kA}, want, 1e-4, "MatMulInteger");
}

TEST(MicrosoftQuantized, DynamicQuantizeMatMul) {
  Quantized q("DynamicQuantizeMatMul");
  q.input({2, 4}, kFloat).integers(kInt8, {4, 3}, kWeights).scale(0.01f);
  std::vector<float> a;
  for (uint8_t x : kA) a.push_back(static_cast<float>((x - 128) * 0.05));
  expect_values<float, float>(q.model, {a}, product({0.01, 0.01, 0.01}), 0.2, "MatMulInteger");
}

TEST(MicrosoftQuantized, MissingInputsAreNamed) {
  Quantized q("QLinearAdd");
  q.input({8}, kUint8).scale(0.5f).absent();
  EXPECT_THROW(import(q.model), Error);
}

// ---- 4-bit integers

onnx::ModelProto one_node(const std::string& op, int input_type, int64_t n) {
  onnx::ModelProto model = new_model(21);
  add_value(*model.mutable_graph()->add_input(), "x", {n}, input_type);
  add_node(*model.mutable_graph(), op, {"x"}, {"y"});
  model.mutable_graph()->add_output()->set_name("y");
  return model;
}

TEST(FourBits, CastKeepsTheLowBits) {
  const std::vector<float> x{-9, -8, -1.9f, 0, 0.6f, 7, 8, 15, 16, 100};
  onnx::ModelProto model = one_node("Cast", kFloat, 10);
  set_attribute(*model.mutable_graph()->mutable_node(0), "to", kInt4);
  expect_values<float, int8_t>(model, {x}, {7, -8, -1, 0, 0, 7, -8, -1, 0, 4}, 0);
  onnx::ModelProto wide = one_node("Cast", kFloat, 10);
  set_attribute(*wide.mutable_graph()->mutable_node(0), "to", kUint4);
  expect_values<float, uint8_t>(wide, {x}, {7, 8, 15, 0, 0, 7, 8, 15, 0, 4}, 0);
}

TEST(FourBits, QuantizingSaturates) {
  onnx::ModelProto model = one_node("QuantizeLinear", kFloat, 6);
  onnx::GraphProto& graph = *model.mutable_graph();
  add_floats(graph, "scale", {}, {2});
  add_small<int>(graph, "zero", kInt4, {}, {0x0f});  // -1
  graph.mutable_node(0)->add_input("scale");
  graph.mutable_node(0)->add_input("zero");
  expect_values<float, int8_t>(model, {{-100, -14, -3, 0, 5, 100}}, {-8, -8, -3, -1, 1, 7}, 0);
}

TEST(FourBits, WeightsAreUnpackedAndTheirTypeFollows) {
  onnx::ModelProto model = new_model(21);
  onnx::GraphProto& graph = *model.mutable_graph();
  add_value(*graph.add_input(), "x", {3}, kInt8);
  add_small<int>(graph, "w", kInt4, {3}, {0xa7, 0x08});  // 7, -6, -8
  add_node(graph, "Identity", {"w"}, {"moved"});
  add_node(graph, "CastLike", {"x", "moved"}, {"y"});
  graph.add_output()->set_name("y");
  expect_values<int8_t, int8_t>(model, {{100, -9, 7}}, {4, 7, 7}, 0);
  graph.mutable_initializer(0)->add_int32_data(1);
  EXPECT_THROW(import(model), Error);
}

TEST(FourBits, WeightsHaveTheirSigns) {
  onnx::ModelProto model = one_node("Add", kInt8, 3);
  onnx::GraphProto& graph = *model.mutable_graph();
  add_small<int>(graph, "w", kInt4, {3}, {0xa7, 0x08});  // 7, -6, -8
  onnx::NodeProto& cast = add_node(graph, "Cast", {"w"}, {"wide"});
  set_attribute(cast, "to", kInt8);
  graph.mutable_node(0)->add_input("wide");
  expect_values<int8_t, int8_t>(model, {{100, 0, 1}}, {107, -6, -7}, 0);
}

}  // namespace
}  // namespace motley::test
