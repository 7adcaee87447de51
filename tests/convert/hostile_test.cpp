// Damaged models of operators that compute with sizes while importing: each must give a model or a clean error.
#include <limits>

#include "network.hpp"

namespace motley::test {
namespace {

constexpr const char* kDomain = "com.microsoft";

void expect_answer(const std::string& data) {
  try {
    convert::import_onnx(std::as_bytes(std::span(data)), {});
  } catch (const Error& e) {
    EXPECT_NE(e.code(), ErrorCode::internal) << e.what();
  }
}

// Every bit flipped, then every integer attribute, list entry, dimension and integer constant at the ends of its range.
void expect_answers(const onnx::ModelProto& model) {
  const std::string bytes = model.SerializeAsString();
  EXPECT_NO_THROW(import(model));
  for (size_t i = 0; i < bytes.size() * 8; ++i) {
    std::string flipped = bytes;
    flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << i % 8));
    expect_answer(flipped);
  }
  for (const int64_t extreme :
       {std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min(),
        std::numeric_limits<int64_t>::max() / 2 + 1, int64_t{0}, int64_t{-1}, int64_t{1} << 33}) {
    const auto with = [&](auto&& change) {
      onnx::ModelProto changed = model;
      change(*changed.mutable_graph());
      expect_answer(changed.SerializeAsString());
    };
    for (int a = 0; a < model.graph().node(0).attribute_size(); ++a) {
      with([&](onnx::GraphProto& g) { g.mutable_node(0)->mutable_attribute(a)->set_i(extreme); });
      for (int k = 0; k < model.graph().node(0).attribute(a).ints_size(); ++k)
        with([&](onnx::GraphProto& g) { g.mutable_node(0)->mutable_attribute(a)->set_ints(k, extreme); });
    }
    for (int i = 0; i < model.graph().input_size(); ++i)
      for (int d = 0; d < model.graph().input(i).type().tensor_type().shape().dim_size(); ++d)
        with([&](onnx::GraphProto& g) {
          g.mutable_input(i)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(d)->set_dim_value(
              extreme);
        });
    for (int i = 0; i < model.graph().initializer_size(); ++i)
      for (int k = 0; k < model.graph().initializer(i).int64_data_size(); ++k)
        with([&](onnx::GraphProto& g) { g.mutable_initializer(i)->set_int64_data(k, extreme); });
  }
}

using Shape = std::vector<int64_t>;

Network network(const std::string& op, int64_t opset, const std::string& domain, const std::vector<Shape>& inputs) {
  Network result(op, opset, domain);
  for (const Shape& shape : inputs)
    shape.empty() ? result.absent() : result.input(shape, some_values(count_of(shape), 1));
  return result;
}

TEST(Hostile, Attention) {
  expect_answers(network("Attention", 17, kDomain, {{1, 2, 2}, {2, 6}, {6}})
                     .input({2}, std::vector<int32_t>{2, 0})
                     .with("num_heads", 1)
                     .with("qkv_hidden_sizes", Shape{2, 2, 2})
                     .outputs(2)
                     .model());
  expect_answers(network("MultiHeadAttention", 17, kDomain, {{1, 2, 4}, {1, 3, 4}, {1, 3, 4}, {12}})
                     .input({1}, std::vector<int32_t>{2})
                     .with("num_heads", 2)
                     .outputs(1)
                     .model());
  expect_answers(network("GroupQueryAttention", 17, kDomain, {{1, 1, 16}, {}, {}, {1, 1, 2, 4}, {1, 1, 2, 4}})
                     .input({1}, std::vector<int32_t>{2})
                     .constant({3}, true)
                     .with("num_heads", 2)
                     .with("kv_num_heads", 1)
                     .with("local_window_size", 2)
                     .outputs(3)
                     .model());
  expect_answers(network("LinearAttention", 27, "", {{1, 2, 4}, {1, 2, 2}, {1, 2, 2}})
                     .with("q_num_heads", 2)
                     .with("kv_num_heads", 1)
                     .with("update_rule", "linear")
                     .outputs(2)
                     .model());
}

TEST(Hostile, Weights) {
  expect_answers(network("MatMulNBits", 17, kDomain, {{1, 16}})
                     .constant_bytes({1, 1, 8}, std::vector<uint8_t>(8, 7))
                     .constant({1, 1}, std::vector<float>{1})
                     .with("N", 1)
                     .with("K", 16)
                     .with("bits", 4)
                     .with("block_size", 16)
                     .outputs(1)
                     .model());
  expect_answers(network("NhwcConv", 17, kDomain, {{1, 3, 3, 1}, {1, 2, 2, 1}})
                     .with("kernel_shape", Shape{2, 2})
                     .outputs(1)
                     .model());
}

TEST(Hostile, Signals) {
  expect_answers(network("DFT", 20, "", {{1, 3, 1}}).constant({4}, true).constant({1}, true).outputs(1).model());
  expect_answers(
      network("STFT", 17, "", {{1, 6, 1}}).constant({2}, true).absent().constant({3}, true).outputs(1).model());
  expect_answers(Network("MelWeightMatrix", 17)
                     .constant({2}, true)
                     .constant({8}, true)
                     .constant({100}, true)
                     .constant({0}, true)
                     .constant({50}, true)
                     .outputs(1)
                     .model());
  expect_answers(Network("HannWindow", 17).constant({4}, true).outputs(1).model());
}

TEST(Hostile, Matrices) {
  expect_answers(network("Det", 11, "", {{2, 2}}).outputs(1).model());
  expect_answers(network("CumProd", 26, "", {{3, 2}}).constant({0}, true).outputs(1).model());
  expect_answers(network("Unique", 11, "", {{3, 2}}).with("axis", 0).outputs(4).model());
  expect_answers(network("MaxUnpool", 11, "", {{1, 1, 2, 2}})
                     .input({1, 1, 2, 2}, Shape{0, 2, 8, 10})
                     .constant({1, 1, 4, 4})
                     .with("kernel_shape", Shape{2, 2})
                     .with("strides", Shape{2, 2})
                     .with("pads", Shape{0, 0, 0, 0})
                     .outputs(1)
                     .model());
  expect_answers(network("Crop", 8, "", {{1, 1, 4, 4}})
                     .with("border", Shape{1, 1, 1, 1})
                     .with("scale", Shape{2, 2})
                     .outputs(1)
                     .model());
}

TEST(Hostile, Sequences) {
  Network split = network("SplitToSequence", 13, "", {{4}});
  split.constant({2}, true).with("axis", 0).node().add_output("s");
  add_ints(split.graph(), "at", {1}, true);
  add_node(split.graph(), "SequenceAt", {"s", "at"}, {"y"});
  split.graph().add_output()->set_name("y");
  expect_answers(split.model());
}

}  // namespace
}  // namespace motley::test
