// Attention against its definition in double: blocks and what is left of them, shared heads, masks, past steps.
#include <cmath>
#include <limits>

#include "against_reference.hpp"

namespace motley::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Sizes {
  int64_t batch, queries, keys, heads, groups, size, value_size, past = 0;
};

struct Options {
  bool flat = false, causal = false;
  float scale = 0, softcap = 0;
  Value mask = none();
};

NodeCase attention(const Sizes& s, const Options& o) {
  schema::AttentionAttributesT a;
  a.is_causal = o.causal;
  a.scale = o.scale;
  a.softcap = o.softcap;
  a.q_num_heads = o.flat ? s.heads : 0;
  a.kv_num_heads = o.flat ? s.groups : 0;
  const auto shape = [&](int64_t heads, int64_t steps, int64_t size) {
    return o.flat ? std::vector<int64_t>{s.batch, steps, heads * size}
                  : std::vector<int64_t>{s.batch, heads, steps, size};
  };
  NodeCase c = node_case(Op::Attention, a,
                         {random_value(shape(s.heads, s.queries, s.size), 1, -2, 2),
                          random_value(shape(s.groups, s.keys, s.size), 2, -2, 2),
                          random_value(shape(s.groups, s.keys, s.value_size), 3), o.mask},
                         {output_of<float>(shape(s.heads, s.queries, s.value_size))});
  if (s.past == 0) return c;
  for (int64_t size : {s.size, s.value_size}) {
    c.inputs.push_back(random_value({s.batch, s.groups, s.past, size}, 4 + static_cast<uint64_t>(size)));
    c.outputs.push_back(output_of<float>({s.batch, s.groups, s.past + s.keys, size}));
  }
  return c;
}

// (batch, head, step, element) of an operand of either layout.
double at(const Value& v, bool flat, int64_t heads, int64_t b, int64_t h, int64_t t, int64_t i) {
  const int64_t steps = v.shape[flat ? 1 : 2], size = flat ? v.shape[2] / heads : v.shape[3];
  const int64_t index = flat ? ((b * steps + t) * heads + h) * size + i : ((b * heads + h) * steps + t) * size + i;
  return static_cast<double>(reinterpret_cast<const float*>(v.bytes.data())[index]);
}

// What the mask adds to a score.
double mask_at(const Value& m, int64_t b, int64_t h, int64_t q, int64_t k) {
  if (m.absent()) return 0;
  const int64_t index[4] = {b, h, q, k};
  int64_t offset = 0;
  const size_t rank = m.shape.size();
  if (m.shape.back() != 1 && k >= m.shape.back()) return -kInfinity;
  for (size_t i = 0; i < rank; ++i) offset = offset * m.shape[i] + (m.shape[i] == 1 ? 0 : index[4 - rank + i]);
  if (m.type == schema::DataType::bool_) return m.bytes[static_cast<size_t>(offset)] != 0 ? 0 : -kInfinity;
  return static_cast<double>(reinterpret_cast<const float*>(m.bytes.data())[offset]);
}

// Key or value of a step, counted from the start of the past.
double step_at(const NodeCase& c, const Sizes& s, const Options& o, size_t input, int64_t b, int64_t g, int64_t t,
               int64_t i) {
  return t < s.past ? at(c.inputs[input + 3], false, s.groups, b, g, t, i)
                    : at(c.inputs[input], o.flat, s.groups, b, g, t - s.past, i);
}

std::vector<double> expected_row(const NodeCase& c, const Sizes& s, const Options& o, int64_t b, int64_t h, int64_t q) {
  const int64_t g = h / (s.heads / s.groups), keys = s.past + s.keys;
  const double scale = o.scale != 0 ? static_cast<double>(o.scale) : 1 / std::sqrt(static_cast<double>(s.size));
  std::vector<double> scores(static_cast<size_t>(keys)), row(static_cast<size_t>(s.value_size));
  double largest = -kInfinity, sum = 0;
  for (int64_t t = 0; t < keys; ++t) {
    double x = 0;
    for (int64_t i = 0; i < s.size; ++i)
      x += at(c.inputs[0], o.flat, s.heads, b, h, q, i) * step_at(c, s, o, 1, b, g, t, i);
    x *= scale;
    if (o.softcap != 0) x = static_cast<double>(o.softcap) * std::tanh(x / static_cast<double>(o.softcap));
    x += mask_at(o.mask, b, h, q, t);
    if (o.causal && t > q + s.past) x = -kInfinity;
    scores[static_cast<size_t>(t)] = x;
    largest = std::max(largest, x);
  }
  for (double& x : scores) sum += x = std::exp(x - largest);
  for (int64_t i = 0; i < s.value_size; ++i)
    for (int64_t t = 0; t < keys; ++t)
      row[static_cast<size_t>(i)] += scores[static_cast<size_t>(t)] / sum * step_at(c, s, o, 2, b, g, t, i);
  return row;
}

void expect_present(const NodeCase& c, const Sizes& s, const Options& o, const NodeResult& got) {
  for (size_t output = 1; output < c.outputs.size(); ++output) {
    const int64_t size = c.outputs[output].shape[3];
    for (int64_t b = 0; b < s.batch; ++b)
      for (int64_t g = 0; g < s.groups; ++g)
        for (int64_t t = 0; t < s.past + s.keys; ++t)
          for (int64_t i = 0; i < size; ++i)
            ASSERT_EQ(at(got.outputs[output], false, s.groups, b, g, t, i), step_at(c, s, o, output, b, g, t, i));
  }
}

void expect_definition(const Sizes& s, const Options& o) {
  const NodeCase c = attention(s, o);
  for (int64_t target : simd_targets()) {
    const WithTarget use(target);
    const NodeResult got = run_node(cpu_plugin(), c);
    ASSERT_EQ(got.status, MOTLEY_OK) << got.step << ": " << got.text;
    for (int64_t b = 0; b < s.batch; ++b)
      for (int64_t h = 0; h < s.heads; ++h)
        for (int64_t q = 0; q < s.queries; ++q) {
          const std::vector<double> row = expected_row(c, s, o, b, h, q);
          for (int64_t i = 0; i < s.value_size; ++i) {
            const double x = at(got.outputs[0], o.flat, s.heads, b, h, q, i), y = row[static_cast<size_t>(i)];
            ASSERT_EQ(std::isnan(x), std::isnan(y)) << b << " " << h << " " << q << " " << i;
            if (std::isnan(y)) continue;
            ASSERT_NEAR(x, y, 3e-5) << b << " " << h << " " << q << " " << i;
          }
        }
    expect_present(c, s, o, got);
  }
}

Value bool_mask(std::vector<int64_t> shape, uint64_t seed) {
  Dice dice(seed);
  std::vector<uint8_t> bits(static_cast<size_t>(sdk::Shape(shape).elements()));
  for (uint8_t& bit : bits) bit = static_cast<uint8_t>(dice.between(0, 1));
  Value mask = value<uint8_t>(std::move(shape), bits);
  mask.type = schema::DataType::bool_;
  return mask;
}

TEST(Attention, GridOfSizes) {
  int turn = 0;
  for (int64_t queries : {1, 3, 17, 65})
    for (int64_t keys : {1, 17, 65, 300})
      for (int64_t size : {1, 5, 16, 64})
        for (int64_t groups : {1, 2}) {
          const Sizes s{1, queries, keys, groups * (turn % 3 + 1), groups, size, turn % 4 == 0 ? 33 : size};
          Options o;
          o.flat = turn % 2 == 0;
          o.causal = ++turn % 5 == 0;
          SCOPED_TRACE(testing::Message() << queries << " " << keys << " " << s.heads << "/" << groups << " " << size);
          expect_definition(s, o);
        }
}

TEST(Attention, EveryOption) {
  Dice dice(11);
  for (int option = 0; option < 32; ++option)
    for (int64_t queries : {1, 6}) {
      const int64_t past = option & 8 ? dice.one_of<int64_t>({1, 7, 260}) : 0;
      const Sizes s{2, queries, dice.between(queries, 40), 6, dice.one_of<int64_t>({1, 2}), 16, 8, past};
      Options o;
      o.flat = option & 1;
      o.causal = option & 2;
      o.softcap = option & 4 ? 1.5f : 0;
      o.scale = option & 4 ? 0.4f : 0;
      if (option & 16) o.mask = random_value({2, 1, queries, past + s.keys}, 9);
      SCOPED_TRACE(testing::Message() << "option " << option << ", " << queries << " queries, past " << past);
      expect_definition(s, o);
    }
}

TEST(Attention, MasksAreBroadcast) {
  const Sizes s{2, 5, 9, 4, 2, 8, 8};
  for (const std::vector<int64_t>& shape : std::vector<std::vector<int64_t>>{
           {9}, {1}, {5, 9}, {5, 1}, {1, 9}, {4, 5, 9}, {4, 1, 1}, {2, 1, 1, 9}, {2, 4, 5, 9}, {5, 6}, {2, 1, 5, 2}})
    for (bool boolean : {false, true}) {
      Options o;
      o.mask = boolean ? bool_mask(shape, 3) : random_value(shape, 3, -4, 4);
      SCOPED_TRACE(testing::Message() << "mask " << testing::PrintToString(shape) << " bool " << boolean);
      expect_definition(s, o);
    }
}

// As a softmax over nothing but minus infinity: not a number. Rows beside it are not touched.
TEST(Attention, RowWithoutKeysIsNaN) {
  for (int64_t queries : {2, 50}) {
    Options o;
    std::vector<uint8_t> bits(static_cast<size_t>(queries * 300), 1);
    std::fill_n(bits.begin() + 300, 300, uint8_t{0});
    std::fill_n(bits.begin(), 290, uint8_t{0});  // the first block shows nothing to the first row
    o.mask = value<uint8_t>({queries, 300}, bits);
    o.mask.type = schema::DataType::bool_;
    expect_definition({1, queries, 300, 2, 1, 8, 8}, o);
  }
}

TEST(Attention, NaNStaysInItsRow) {
  for (int64_t queries : {2, 50}) {
    NodeCase c = attention({1, queries, 300, 1, 1, 8, 8}, {});
    reinterpret_cast<float*>(c.inputs[0].bytes.data())[3] = std::numeric_limits<float>::quiet_NaN();
    const NodeResult got = run_node(cpu_plugin(), c);
    ASSERT_EQ(got.status, MOTLEY_OK) << got.text;
    const std::vector<double> y = as_doubles(got.outputs[0]);
    for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i < 8) << i;
  }
}

TEST(Attention, SaysWhyNot) {
  NodeCase scores = attention({1, 3, 4, 2, 1, 8, 8}, {});
  scores.outputs = {scores.outputs[0], none(), none(), output_of<float>({1, 2, 3, 4})};
  EXPECT_NE(reason_of(scores).find("output 3"), std::string::npos) << reason_of(scores);
  NodeCase lengths = attention({1, 3, 4, 2, 1, 8, 8}, {});
  lengths.inputs.resize(6, none());
  lengths.inputs.push_back(value<int64_t>({1}, {2}));
  EXPECT_NE(reason_of(lengths).find("input 6"), std::string::npos) << reason_of(lengths);
  NodeCase half = attention({1, 3, 4, 2, 1, 8, 8}, {});
  half.inputs[3] = value<int64_t>({3, 4}, std::vector<int64_t>(12));
  EXPECT_NE(reason_of(half).find("mask of type"), std::string::npos) << reason_of(half);
  NodeCase empty = attention({1, 3, 0, 2, 1, 8, 8}, {});
  EXPECT_FALSE(reason_of(empty).empty());
}

}  // namespace
}  // namespace motley::test
