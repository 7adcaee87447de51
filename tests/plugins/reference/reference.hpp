// What the tests of the reference plugin share: the plugin, statically linked, and short forms of run and expect.
#pragma once

#include <gtest/gtest.h>

#include "single_node.hpp"

namespace motley::test {

using schema::Op;

inline const motley_plugin& reference() {
  static const motley_plugin& plugin = *motley_plugin_entry(MOTLEY_ABI_VERSION, &test_host());
  return plugin;
}

// Runs the case; a failure of any step fails the test.
inline std::vector<Value> run(const NodeCase& c) {
  NodeResult r = run_node(reference(), c);
  EXPECT_EQ(r.status, MOTLEY_OK) << r.step << ": " << r.text;
  if (r.status != MOTLEY_OK) return std::vector<Value>(c.outputs.size());
  return std::move(r.outputs);
}

inline bool is_integer_type(DataType type) { return type >= DataType::int8 && type <= DataType::uint64; }

// Runs the case; outputs must be as given, exactly or within a tolerance. NaN equals NaN.
inline void expect(NodeCase c, const std::vector<Value>& wanted, double tolerance = 0) {
  if (c.outputs.empty())
    for (const Value& v : wanted) c.outputs.push_back(output_of(v.type, v.shape));
  const std::vector<Value> got = run(c);
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].absent() || got[i].bytes.empty()) continue;
    const auto w = as_doubles(wanted[i]), g = as_doubles(got[i]);
    for (size_t k = 0; k < w.size(); ++k) {
      if (std::isnan(w[k]) || std::isinf(w[k]) || tolerance == 0) {
        EXPECT_TRUE(w[k] == g[k] || (std::isnan(w[k]) && std::isnan(g[k])))
            << "output " << i << " element " << k << ": " << g[k] << ", not " << w[k];
      } else {
        EXPECT_NEAR(w[k], g[k], tolerance) << "output " << i << " element " << k;
      }
    }
    // 64-bit integers do not fit a double.
    if (tolerance == 0 && is_integer_type(wanted[i].type)) {
      EXPECT_EQ(wanted[i].bytes, got[i].bytes);
    }
  }
}

// The reason why the node is refused; "" where it is not.
inline std::string refusal(const NodeCase& c) {
  const OpenDevice device(reference());
  const NodeGraph node(c);
  const NodeResult r = query_node(reference(), device.get(), node);
  if (r.status == MOTLEY_OK) return "";
  EXPECT_EQ(r.status, MOTLEY_UNSUPPORTED);
  EXPECT_FALSE(r.text.empty());
  return r.text;
}

// The message with which the run, not the query, refuses.
inline std::string run_error(const NodeCase& c) {
  const NodeResult r = run_node(reference(), c);
  EXPECT_EQ(r.status, MOTLEY_INVALID_ARGUMENT);
  EXPECT_EQ(r.step, "submit");
  return r.text;
}

inline Value floats(std::vector<int64_t> shape, std::initializer_list<float> items) {
  return value<float>(std::move(shape), items);
}
inline Value longs(std::vector<int64_t> shape, std::initializer_list<int64_t> items) {
  return value<int64_t>(std::move(shape), items);
}
inline Value bools(std::vector<int64_t> shape, std::initializer_list<bool> items) {
  return value<bool>(std::move(shape), items);
}
// 0, 1, 2 … as float32.
inline Value counting(std::vector<int64_t> shape, float first = 0) {
  std::vector<float> items(static_cast<size_t>(sdk::Shape(shape).elements()));
  for (size_t i = 0; i < items.size(); ++i) items[i] = first + static_cast<float>(i);
  return value<float>(std::move(shape), items);
}

inline constexpr DataType kNumberTypes[] = {DataType::float32, DataType::float64, DataType::float16, DataType::bfloat16,
                                            DataType::int8,    DataType::uint8,   DataType::int16,   DataType::uint16,
                                            DataType::int32,   DataType::uint32,  DataType::int64,   DataType::uint64};

}  // namespace motley::test
