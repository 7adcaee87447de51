// NumPy files.
#include <gtest/gtest.h>

#include <cstring>

#include "io/half.hpp"
#include "io/npy.hpp"

namespace motley::io {
namespace {

std::vector<std::byte> file(const std::string& header, const std::string& data, char version = 1) {
  std::string text = std::string("\x93NUMPY") + version + '\0';
  text += static_cast<char>(header.size() & 255);
  text += static_cast<char>(header.size() >> 8);
  if (version > 1) text += std::string(2, '\0');
  text += header + data;
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

TEST(Npy, RoundTripOfEveryType) {
  for (const DataType type :
       {DataType::float32, DataType::float16, DataType::float64, DataType::int8, DataType::uint8, DataType::int16,
        DataType::uint16, DataType::int32, DataType::uint32, DataType::int64, DataType::uint64, DataType::bool_}) {
    for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {3}, {2, 3}, {2, 0}}) {
      Tensor tensor;
      tensor.type = type;
      tensor.shape = shape;
      tensor.bytes.resize(checked_bytes(type, shape, "it"), std::byte{1});
      const std::vector<std::byte> bytes = format_npy(tensor);
      EXPECT_EQ((bytes.size() - tensor.bytes.size()) % 64, 0u);
      const Tensor back = parse_npy(bytes, "it");
      EXPECT_EQ(back.type, type);
      EXPECT_EQ(back.shape, shape);
      EXPECT_EQ(back.bytes, tensor.bytes);
    }
  }
}

TEST(Npy, FortranOrderIsReordered) {
  const Tensor t = parse_npy(
      file("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n", std::string("\0\1\2\3\4\5", 6)), "it");
  const uint8_t expected[] = {0, 2, 4, 1, 3, 5};
  EXPECT_EQ(std::memcmp(t.bytes.data(), expected, 6), 0);
}

TEST(Npy, OtherVersionsAndSpacing) {
  EXPECT_EQ(parse_npy(file("{'shape':(1,),'fortran_order':False,\"descr\":'<f4'}", "abcd", 2), "it").shape,
            std::vector<int64_t>{1});
  EXPECT_EQ(parse_npy(file("{'descr': '|b1', 'fortran_order': False, 'shape': (1,)}", "\x05"), "it").bytes[0],
            std::byte{1});
}

TEST(Npy, DamageIsSaid) {
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }";
  EXPECT_THROW(parse_npy({}, "it"), Error);
  EXPECT_THROW(parse_npy(file(good, "abc"), "it"), Error);
  EXPECT_THROW(parse_npy(file(good, "abcde"), "it"), Error);
  EXPECT_THROW(parse_npy(file(good, "abcd", 9), "it"), Error);
  for (const char* header : {"", "{", "{}", "{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}",
                             "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}",
                             "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
                             "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 4)}",
                             "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
                             "{'descr': '<c8', 'fortran_order': False, 'shape': ()}",
                             "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}", "{'descr': '<f4"})
    EXPECT_THROW(parse_npy(file(header, "abcd"), "it"), Error) << header;
  const auto whole = file(good, "abcd");
  for (size_t n = 0; n < whole.size(); ++n) EXPECT_THROW(parse_npy(std::span(whole).first(n), "it"), Error);
}

TEST(Half, EveryPatternComesBack) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = half_to_float(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value))));
    } else {
      EXPECT_EQ(float_to_half(value), half);
    }
    const float wide = bfloat_to_float(half);
    if (!std::isnan(wide)) {
      EXPECT_EQ(float_to_bfloat(wide), half);
    }
  }
}

TEST(Half, RoundsToNearestEven) {
  EXPECT_EQ(float_to_half(1.0f + 1.0f / 2048), 0x3c00);
  EXPECT_EQ(float_to_half(1.0f + 3.0f / 2048), 0x3c02);
  EXPECT_EQ(float_to_half(65519.0f), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);
  EXPECT_EQ(float_to_half(std::ldexp(1.0f, -25)), 0);
  EXPECT_EQ(float_to_half(std::ldexp(1.5f, -25)), 1);
}

}  // namespace
}  // namespace motley::io
