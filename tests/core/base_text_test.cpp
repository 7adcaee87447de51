// Sentences with values put in.
#include "base/text.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace motley::base {
namespace {

TEST(Text, joins_all_kinds_of_pieces) {
  const std::string name = "conv1";
  const std::string_view kind = std::string_view("inputs, outputs").substr(0, 6);
  EXPECT_EQ(text("node \"%\" has % %%", {name, 3, kind, std::string(" (at most ") + "2)"}),
            "node \"conv1\" has 3 inputs (at most 2)");
}

TEST(Text, writes_the_extremes_of_numbers) {
  EXPECT_EQ(text("% %", {std::numeric_limits<int64_t>::min(), std::numeric_limits<uint64_t>::max()}),
            "-9223372036854775808 18446744073709551615");
  EXPECT_EQ(text("% % %", {int8_t{-1}, uint8_t{255}, uint16_t{7}}), "-1 255 7");
}

TEST(Text, of_nothing_is_empty) {
  EXPECT_EQ(text(""), "");
  EXPECT_EQ(text("%%", {std::string(), std::string_view()}), "");
}

TEST(Text, percent_without_a_value_stays) {
  EXPECT_EQ(text("100%"), "100%");
  EXPECT_EQ(text("% of 100%", {3}), "3 of 100%");
  EXPECT_EQ(text("%", {"a % in a value"}), "a % in a value");
}

TEST(Text, failing_throws_the_code_and_the_sentence) {
  try {
    fail(ErrorCode::limit, "too many (%)", {size_t{4}});
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::limit);
    EXPECT_STREQ(error.what(), "too many (4)");
    return;
  }
  FAIL();
}

}  // namespace
}  // namespace motley::base
