// Initializers: how they are stored, and external data.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "io/tensor_pb.hpp"
#include "model_builder.hpp"

namespace motley::test {
namespace {

onnx::TensorProto tensor(int type, const std::vector<int64_t>& shape) {
  onnx::TensorProto proto;
  proto.set_name("t");
  proto.set_data_type(type);
  for (int64_t d : shape) proto.add_dims(d);
  return proto;
}

template <class T>
std::vector<T> elements(const io::DecodedTensor& decoded) {
  std::vector<T> values(decoded.bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), decoded.bytes.data(), decoded.bytes.size());
  return values;
}

TEST(TensorProtos, TypedFields) {
  auto bytes = tensor(3, {2});
  bytes.add_int32_data(-128);
  bytes.add_int32_data(127);
  EXPECT_EQ(elements<int8_t>(io::decode(bytes, "t")), (std::vector<int8_t>{-128, 127}));
  auto halves = tensor(10, {1});
  halves.add_int32_data(0x3c00);
  EXPECT_EQ(elements<uint16_t>(io::decode(halves, "t")), std::vector<uint16_t>{0x3c00});
  auto words = tensor(12, {1});
  words.add_uint64_data(4000000000u);
  EXPECT_EQ(elements<uint32_t>(io::decode(words, "t")), std::vector<uint32_t>{4000000000u});
  auto flags = tensor(9, {2});
  flags.add_int32_data(7);
  flags.add_int32_data(0);
  EXPECT_EQ(elements<uint8_t>(io::decode(flags, "t")), (std::vector<uint8_t>{1, 0}));
  auto doubles = tensor(11, {});
  doubles.add_double_data(0.5);
  EXPECT_EQ(elements<double>(io::decode(doubles, "t")), std::vector<double>{0.5});
}

TEST(TensorProtos, RawData) {
  auto proto = tensor(9, {3});
  proto.set_raw_data(std::string("\x00\x02\xff", 3));
  EXPECT_EQ(elements<uint8_t>(io::decode(proto, "t")), (std::vector<uint8_t>{0, 1, 1}));
  proto.set_raw_data("ab");
  EXPECT_THROW(io::decode(proto, "t"), Error);
  auto empty = tensor(1, {0, 5});
  EXPECT_EQ(io::decode(empty, "t").bytes.size(), 0u);
}

TEST(TensorProtos, SizesAreNotBelieved) {
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{1 << 20, 1 << 20}, {-1}, {INT64_MAX, INT64_MAX}, {INT64_MAX / 2}, {3}}) {
    EXPECT_THROW(io::decode(tensor(1, shape), "t"), Error);
    auto raw = tensor(1, shape);
    raw.set_raw_data("abcd");
    EXPECT_THROW(io::decode(raw, "t"), Error);
  }
  for (int type : {0, 8, 14, 17, 22, 99, -1}) EXPECT_THROW(io::decode(tensor(type, {}), "t"), Error);
}

// A folder of its own, removed at the end.
class ExternalDataTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/motley_convert_XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    std::filesystem::create_directory(folder_ / "model");
    const std::vector<float> values(64, 1.5f);
    std::ofstream(folder_ / "model" / "weights.bin", std::ios::binary)
        .write(reinterpret_cast<const char*>(values.data()), 256);
    std::ofstream(folder_ / "secret.bin", std::ios::binary).write(reinterpret_cast<const char*>(values.data()), 256);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // An Add whose second input lies in a file.
  graph::Module import(const std::vector<std::pair<std::string, std::string>>& entries, int64_t count = 4) {
    OneNode add("Add", 13, {{count}});
    auto* proto = add.graph().add_initializer();
    *proto = tensor(1, {count});
    proto->set_data_location(onnx::TensorProto::EXTERNAL);
    for (const auto& [key, value] : entries) {
      auto* entry = proto->add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
    add.node().add_input("t");
    const std::string path = folder_ / "model" / "net.onnx";
    std::ofstream(path, std::ios::binary) << add.model.SerializeAsString();
    return convert::import_onnx(std::filesystem::path(path));
  }
  std::string refusal(const std::vector<std::pair<std::string, std::string>>& entries, int64_t count = 4) {
    try {
      import(entries, count);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }

  std::filesystem::path folder_;
};

TEST_F(ExternalDataTest, IsReadFromTheModelsFolder) {
  const auto module = import({{"location", "weights.bin"}, {"offset", "16"}, {"length", "16"}});
  EXPECT_EQ(constant_values<float>(module, last_node(module).input(1)), std::vector<float>(4, 1.5f));
  EXPECT_EQ(refusal({{"location", "./weights.bin"}, {"offset", "2"}}), "");  // badly aligned: copied
}

TEST_F(ExternalDataTest, StaysInTheModelsFolder) {
  std::filesystem::create_symlink(folder_ / "secret.bin", folder_ / "model" / "link.bin");
  std::filesystem::create_directory_symlink(folder_, folder_ / "model" / "up");
  for (const std::string location :
       {"../secret.bin", "a/../../secret.bin", "link.bin", "up/secret.bin", "/etc/passwd", ""})
    EXPECT_NE(refusal({{"location", location}}), "") << location;
  EXPECT_NE(refusal({{"location", (folder_ / "model" / "weights.bin").string()}}), "");
  EXPECT_NE(refusal({{"location", "."}}), "");
  EXPECT_NE(refusal({{"location", "missing.bin"}}).find("missing.bin"), std::string::npos);
}

TEST_F(ExternalDataTest, OffsetsAndLengthsAreChecked) {
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{{"offset", "-1"},
                                                                                   {"offset", "241"},
                                                                                   {"offset", "18446744073709551615"},
                                                                                   {"offset", "99999999999999999999"},
                                                                                   {"offset", "1x"},
                                                                                   {"offset", ""},
                                                                                   {"length", "15"},
                                                                                   {"length", "x"}})
    EXPECT_NE(refusal({{"location", "weights.bin"}, {key, value}}), "") << key << " " << value;
  EXPECT_NE(refusal({{"location", "weights.bin"}}, 65), "");
  EXPECT_NE(refusal({{"location", "weights.bin"}}, INT64_MAX / 2), "");
}

TEST_F(ExternalDataTest, NeedsAFolder) {
  OneNode add("Add", 13, {{1}});
  auto* proto = add.graph().add_initializer();
  *proto = tensor(1, {1});
  proto->set_data_location(onnx::TensorProto::EXTERNAL);
  auto* entry = proto->add_external_data();
  entry->set_key("location");
  entry->set_value("weights.bin");
  add.node().add_input("t");
  EXPECT_NE(error_of(add.model, ErrorCode::invalid_model), "");
}

}  // namespace
}  // namespace motley::test
