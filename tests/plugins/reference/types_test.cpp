// The arithmetic below the kernels: 16-bit floats, conversions, integers at their ends.
#include "numeric.hpp"
#include "reference.hpp"

namespace motley::reference {
namespace {

TEST(ReferenceTypes, HalfRoundsToNearestEvenOverItsWholeRange) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto pattern = static_cast<uint16_t>(bits);
    const double exact = test::half_to_double(pattern);
    Half h;
    h.bits = pattern;
    if (std::isnan(exact)) {
      EXPECT_TRUE(std::isnan(real(h)));
      continue;
    }
    ASSERT_EQ(real(h), exact);
    ASSERT_EQ(Half(exact).bits, pattern);
    if ((pattern & 0x7fff) >= 0x7bff) continue;
    const double next = test::half_to_double(static_cast<uint16_t>(pattern + 1)), middle = (exact + next) / 2;
    ASSERT_EQ(Half(middle).bits, pattern & 1 ? pattern + 1 : pattern) << "tie above " << exact;
    ASSERT_EQ(Half(std::nextafter(middle, next)).bits, pattern + 1);
    ASSERT_EQ(Half(std::nextafter(middle, exact)).bits, pattern);
  }
}

TEST(ReferenceTypes, HalfOverflowsFromHalfwayToTheNextPower) {
  EXPECT_EQ(Half(65519.0).bits, 0x7bff);
  EXPECT_EQ(Half(65520.0).bits, 0x7c00);
  EXPECT_EQ(Half(-1e300).bits, 0xfc00);
  EXPECT_EQ(Half(1e-300).bits, 0);
  EXPECT_EQ(Half(-0.0).bits, 0x8000);
}

TEST(ReferenceTypes, BFloatRoundsAsTheSearchDoes) {
  for (double x : test::noise(2000, 7, -40, 40)) {
    const double v = std::copysign(std::exp2(x), x);
    ASSERT_EQ(BFloat(v).bits, test::nearest_pattern(v, test::bfloat_to_double, 0x7f80)) << v;
  }
  EXPECT_EQ(BFloat(1 + 1.0 / 256).bits, 0x3f80);  // a tie, to even
  EXPECT_EQ(BFloat(1 + 3.0 / 256).bits, 0x3f82);
  EXPECT_EQ(BFloat(3.4e38).bits, 0x7f80);
}

TEST(ReferenceTypes, ConversionsToIntegersTruncateAndSaturate) {
  EXPECT_EQ(convert<int8_t>(-1.9f), -1);
  EXPECT_EQ(convert<uint8_t>(-1.9f), 0);
  EXPECT_EQ(convert<int8_t>(300.0), 127);
  EXPECT_EQ(convert<int64_t>(1e30), INT64_MAX);
  EXPECT_EQ(convert<int64_t>(-1e30), INT64_MIN);
  EXPECT_EQ(convert<uint64_t>(18446744073709549568.0), 18446744073709549568u);
  EXPECT_EQ(convert<int32_t>(std::nan("")), 0);
  EXPECT_EQ(convert<int8_t>(int32_t{200}), -56);
  EXPECT_TRUE(bool(convert<Bool>(0.5f)));
  EXPECT_TRUE(bool(convert<Bool>(std::nan(""))));
}

TEST(ReferenceTypes, IntegerArithmeticIsDefinedEverywhere) {
  EXPECT_EQ(divide(7, 0), 0);
  EXPECT_EQ(divide(INT32_MIN, -1), INT32_MIN);
  EXPECT_EQ(divide(-7, 2), -3);
  EXPECT_EQ(modulo(-7, 3), 2);
  EXPECT_EQ(modulo(7, -3), -2);
  EXPECT_EQ(modulo(5, 0), 0);
  EXPECT_EQ(modulo(INT64_MIN, int64_t{-1}), 0);
  EXPECT_EQ(remainder(-7, 3), -1);
  EXPECT_EQ(wrap_mul(INT32_MAX, 2), -2);
  EXPECT_EQ(power(3, 4), 81);
  EXPECT_EQ(power(2, -1), 0);
  EXPECT_EQ(power(-1, -3), -1);
  EXPECT_EQ(power(0, -1), 0);
}

TEST(ReferenceTypes, RoundingHalvesGoesToEven) {
  EXPECT_EQ(round_half_even(0.5), 0);
  EXPECT_EQ(round_half_even(1.5), 2);
  EXPECT_EQ(round_half_even(-0.5), 0);
  EXPECT_EQ(round_half_even(-2.5), -2);
  EXPECT_EQ(round_half_even(2.500001), 3);
}

}  // namespace
}  // namespace motley::reference
