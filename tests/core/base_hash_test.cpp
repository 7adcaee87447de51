// SHA-256 and CRC-32C against published vectors.
#include <gtest/gtest.h>

#include <string>

#include "base/crc32c.hpp"
#include "base/sha256.hpp"

namespace motley::base {
namespace {

std::string sha(const std::string& text) { return sha256_hex(text.data(), text.size()); }

TEST(Sha256, GivesTheExamplesOfTheStandard) {
  EXPECT_EQ(sha(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnHowTheMessageIsCut) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 7);
  for (size_t length : {size_t{55}, size_t{56}, size_t{57}, size_t{63}, size_t{64}, size_t{65}, size_t{119}, size_t{120}, text.size()}) {
    const Sha256::Digest whole = [&] {
      Sha256 hash;
      hash.update(text.data(), length);
      return hash.finish();
    }();
    for (size_t step : {size_t{1}, size_t{13}, size_t{64}}) {
      Sha256 hash;
      for (size_t i = 0; i < length; i += step) hash.update(text.data() + i, std::min(step, length - i));
      EXPECT_EQ(hash.finish(), whole) << length << " bytes in steps of " << step;
    }
  }
}

TEST(Crc32c, GivesTheExamplesOfRfc3720) {
  EXPECT_EQ(crc32c("123456789", 9), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0').data(), 32), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff').data(), 32), 0x62a8ab43u);
  EXPECT_EQ(crc32c(nullptr, 0), 0u);
}

TEST(Crc32c, ContinuesOverParts) {
  const std::string text = "the quick brown fox jumps over the lazy dog";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(crc32c(text.data() + cut, text.size() - cut, crc32c(text.data(), cut)), crc32c(text.data(), text.size()));
  }
}

}  // namespace
}  // namespace motley::base
