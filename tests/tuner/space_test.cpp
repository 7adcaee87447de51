// Spaces: values, constraint expressions, enumeration, neighbours, canonical texts.
#include "space/space.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "motley/error.hpp"

namespace motley::tuner {
namespace {

Value evaluate(const std::string& text, int64_t a = 6, int64_t b = 4) {
  const Value x(a), y(b);
  return Expression(text, {"a", "b"}).value({&x, &y});
}

TEST(Expression, FollowsPython) {
  const std::vector<std::pair<const char*, const char*>> cases = {{"a + b * 2", "14"},
                                                                  {"(a + b) * 2", "20"},
                                                                  {"a // b", "1"},
                                                                  {"-a // b", "-2"},
                                                                  {"-a % b", "2"},
                                                                  {"a / b", "1.5"},
                                                                  {"2 ** 3 ** 2", "512"},
                                                                  {"-2 ** 2", "-4"},
                                                                  {"a % b == 2", "true"},
                                                                  {"1 < a < 6", "false"},
                                                                  {"1 < a <= 6", "true"},
                                                                  {"a in [1, 6]", "true"},
                                                                  {"a not in (1, 2)", "true"},
                                                                  {"not a == 6", "false"},
                                                                  {"a == 6 or b / 0", "true"},
                                                                  {"max(a, b, 9)", "9"},
                                                                  {"min(a, b)", "4"},
                                                                  {"max(a)", "6"},
                                                                  {"abs(-a)", "6"},
                                                                  {"True and b != 4", "false"},
                                                                  {"12*1024", "12288"},
                                                                  {"a == 6.0", "true"},
                                                                  {"1e2 + .5", "100.5"},
                                                                  {"not not a > b and a > 1", "true"}};
  for (const auto& [text, wanted] : cases) EXPECT_EQ(evaluate(text).text(), wanted) << text;
}

TEST(Expression, SaysWhatIsWrong) {
  for (const char* text : {"", "a +", "a b", "(a", "a)", "c > 1", "a ==", "[1, 2", "'open", "a @ b", "max()", "1..2",
                           "not", "a in", "__import__('os')", "1 <= <= 2"})
    EXPECT_THROW(Expression(text, {"a", "b"}), Error) << text;
  for (const char* text : {"a / 0", "a % 0", "'x' * 2", "2 ** 9999", "9223372036854775807 + a", "[1] + 1"})
    EXPECT_THROW(evaluate(text), Error) << text;
  EXPECT_THROW(Expression(std::string(300, '(') + "a" + std::string(300, ')'), {"a"}), Error);
  EXPECT_THROW(Expression(std::string(300, '-') + "a", {"a"}), Error);
}

Space small_space() {
  return Space({{"x", {1, 2, 4, 8}, 1}, {"y", {1, 2, 4}, 0}, {"mode", {"fast", "safe"}, 0}, {"flag", {false, true}, 0}},
               {"x * y <= 8", "flag == 0 or x > 1"});
}

// A range loop over *space.enumerate() would outlive its vector.
std::vector<Config> all_of(const Space& space) { return space.enumerate(1000).value(); }

TEST(Space, EnumeratesExactlyTheValidOnes) {
  const Space space = small_space();
  EXPECT_EQ(space.combinations(), 48u);
  const auto configs = space.enumerate(1000);
  ASSERT_TRUE(configs);
  size_t wanted = 0;
  for (uint16_t x = 0; x < 4; ++x)
    for (uint16_t y = 0; y < 3; ++y)
      for (uint16_t flag = 0; flag < 2; ++flag) wanted += 2 * ((1 << x) * (1 << y) <= 8 && (flag == 0 || x > 0));
  EXPECT_EQ(configs->size(), wanted);
  EXPECT_TRUE(std::all_of(configs->begin(), configs->end(), [&](const Config& c) { return space.valid(c); }));
  EXPECT_EQ(std::set<Config>(configs->begin(), configs->end()).size(), wanted);
  EXPECT_FALSE(space.enumerate(wanted - 1));
  EXPECT_TRUE(space.enumerate(wanted));
}

TEST(Space, TextIsCanonical) {
  const Space space = small_space();
  const Space turned(
      {{"flag", {false, true}, 0}, {"mode", {"fast", "safe"}, 0}, {"y", {1, 2, 4}, 0}, {"x", {1, 2, 4, 8}, 1}}, {});
  EXPECT_EQ(space.text(space.default_config()), "flag=false,mode=fast,x=2,y=1");
  EXPECT_EQ(turned.text(turned.default_config()), space.text(space.default_config()));
  for (const Config& config : all_of(space)) EXPECT_EQ(space.parse(space.text(config)), config);
  EXPECT_EQ(space.parse("x=8"), (Config{3, 0, 0, 0}));
  EXPECT_EQ(space.parse(""), space.default_config());
  for (const char* text : {"x", "z=1", "x=3", "x=1,x=1", "x=1,", "=1", "mode=other"})
    EXPECT_THROW(space.parse(text), Error) << text;
  EXPECT_NE(config_hash("x=1"), config_hash("x=2"));
}

TEST(Space, NeighboursDifferInOneParameter) {
  const Space space = small_space();
  for (const Config& config : all_of(space))
    for (const Config& other : space.neighbours(config)) {
      size_t differences = 0;
      for (size_t p = 0; p < config.size(); ++p) differences += config[p] != other[p];
      EXPECT_EQ(differences, 1u);
      EXPECT_TRUE(space.valid(other));
      const auto back = space.neighbours(other);
      EXPECT_NE(std::find(back.begin(), back.end(), config), back.end());
    }
}

TEST(Space, SamplesWithASeed) {
  const Space space = small_space();
  std::mt19937_64 first(3), second(3), other(4);
  const auto sample = space.sample(10, first);
  EXPECT_EQ(sample.size(), 10u);
  EXPECT_EQ(sample, space.sample(10, second));
  EXPECT_NE(sample, space.sample(10, other));
  for (const Config& config : sample) EXPECT_TRUE(space.valid(config));
  EXPECT_EQ(space.sample(1000, other).size(), space.enumerate(1000)->size());
}

TEST(Space, AsksThePluginsCheck) {
  const Space space({{"x", {1, 2}, 0}}, {}, [](const std::string& config) { return config == "x=2"; });
  EXPECT_FALSE(space.valid({0}));
  EXPECT_EQ(space.enumerate(10)->size(), 1u);
}

TEST(Space, TakesThePluginsParameters) {
  const Parameter p = Space::plugin_parameter("tile", "8|16|32", "16");
  EXPECT_EQ(p.values.size(), 3u);
  EXPECT_EQ(p.default_index, 1u);
  EXPECT_EQ(p.values[2], Value(32));
  EXPECT_THROW(Space::plugin_parameter("tile", "8|16", "64"), Error);
  EXPECT_TRUE(Space::plugin_parameter("algorithm", "direct|winograd", "direct").values[1].is_word());
}

TEST(Space, RefusesWhatHasNoText) {
  EXPECT_THROW(Space({{"a", {}, 0}}, {}), Error);
  EXPECT_THROW(Space({{"a", {1}, 1}}, {}), Error);
  EXPECT_THROW(Space({{"a", {1, 1}, 0}}, {}), Error);
  EXPECT_THROW(Space({{"a", {1}, 0}, {"a", {1}, 0}}, {}), Error);
  EXPECT_THROW(Space({{"a=b", {1}, 0}}, {}), Error);
  EXPECT_THROW(Space({{"a", {"x,y"}, 0}}, {}), Error);
  EXPECT_THROW(Space({{"a", {1}, 0}}, {"b > 1"}), Error);
}

}  // namespace
}  // namespace motley::tuner
