// What the build packs comes out as it went in.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "motley/sdk/kernel.hpp"
#include "sources.hpp"
#include "unpack.hpp"

namespace motley::gpu {
namespace {

std::vector<uint8_t> content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(GpuPacked, TextsAreThoseOfTheFiles) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(GPU_KERNEL_TEXTS "/flat")) {
    const std::vector<uint8_t> expected = content(entry.path());
    const std::string_view text = text_of(entry.path().stem().string());
    EXPECT_EQ(text, std::string_view(reinterpret_cast<const char*>(expected.data()), expected.size())) << entry.path();
    ++count;
  }
  EXPECT_GT(count, 50u);
  EXPECT_TRUE(text_of("no_such_kernel").empty());
}

TEST(GpuPacked, EveryVariantHasItsKernel) {
  for (const Variant& v : variants())
    EXPECT_NE(text_of(v.kernel).find("KERNEL(" + std::string(v.kernel) + ","), std::string_view::npos) << v.name;
}

TEST(GpuPacked, WhatCannotBeCompressedIsStored) {
  // By `xz --check=crc32`, of 24 random bytes.
  const std::vector<uint8_t> packed{
      0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x01, 0x69, 0x22, 0xde, 0x36, 0x02, 0x00, 0x21, 0x01, 0x16, 0x00, 0x00,
      0x00, 0x74, 0x2f, 0xe5, 0xa3, 0x01, 0x00, 0x17, 0x79, 0x42, 0xbd, 0xf2, 0x21, 0x06, 0xf0, 0x84, 0x77, 0x62, 0xf0,
      0xf3, 0xcb, 0x4d, 0x76, 0x4d, 0xc7, 0x07, 0x20, 0x51, 0x15, 0x9a, 0x0f, 0x89, 0x00, 0x04, 0xb3, 0x4a, 0x4c, 0x00,
      0x01, 0x2c, 0x18, 0xd3, 0x46, 0xdb, 0x0a, 0x90, 0x42, 0x99, 0x0d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x01, 0x59, 0x5a};
  const std::vector<uint8_t> expected{0x79, 0x42, 0xbd, 0xf2, 0x21, 0x06, 0xf0, 0x84, 0x77, 0x62, 0xf0, 0xf3,
                                      0xcb, 0x4d, 0x76, 0x4d, 0xc7, 0x07, 0x20, 0x51, 0x15, 0x9a, 0x0f, 0x89};
  EXPECT_EQ(unpack(packed, expected.size()), expected);
}

TEST(GpuPacked, DamageIsAnError) {
  const std::vector<uint8_t> packed = content(GPU_KERNEL_TEXTS "/texts.cpp.xz");
  const size_t bytes = content(GPU_KERNEL_TEXTS "/texts.cpp.txt").size();
  ASSERT_EQ(unpack(packed, bytes).size(), bytes);
  EXPECT_THROW(unpack(packed, bytes + 1), sdk::StatusError);
  EXPECT_THROW(unpack(packed, bytes - 1), sdk::StatusError);
  EXPECT_THROW(unpack({}, bytes), sdk::StatusError);
  for (size_t length = 1; length < packed.size() - 100; length += packed.size() / 17)
    EXPECT_THROW(unpack(std::span(packed).first(length), bytes), sdk::StatusError) << length;
  for (size_t at = 0; at < packed.size(); at += packed.size() / 61) {
    std::vector<uint8_t> damaged = packed;
    damaged[at] ^= static_cast<uint8_t>(1u << (at % 8));
    EXPECT_THROW(unpack(damaged, bytes), sdk::StatusError) << at;
  }
}

}  // namespace
}  // namespace motley::gpu
