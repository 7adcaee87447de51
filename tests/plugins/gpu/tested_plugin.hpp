// Runs one node on a GPU plugin and compares with the reference. The same tests are built for every GPU plugin, as <plugin>_tests;
// without a driver they skip.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "difference.hpp"
#include "single_node.hpp"

namespace motley::test {

using schema::Op;

// The plugin named by MOTLEY_TESTED_PLUGIN, from its library; null where it does not start or has no device here.
const motley_plugin* tested_plugin();
// Null where its library is not beside this program (build target motley_reference).
const motley_plugin* reference_plugin();
// The first device, opened once: compiled kernels are shared by all tests.
motley_device* tested_device();

#define SKIP_WITHOUT_DEVICE() \
  if (!tested_plugin() || !reference_plugin()) GTEST_SKIP() << "no driver for this plugin here, or the reference is not built"

// Every element of every output equals the reference's within the tolerance; NaN equals NaN.
void expect_like_reference(const NodeCase& c, const Tolerance& tolerance = {}, const std::string& config = "");
// The plugin's reason for not taking the node; "" where it takes it.
std::string reason_of(const NodeCase& c);
// Whether the plugin's config_check takes the config.
bool admits(const NodeCase& c, const std::string& config);
// Configs that differ from the default in one parameter, as the plugin offers them, without those it rejects.
std::vector<std::string> single_changes(const NodeCase& c);

template <class T>
Value random_integers(std::vector<int64_t> shape, uint64_t seed, double low, double high) {
  const auto count = static_cast<size_t>(sdk::Shape(shape).elements());
  std::vector<T> items;
  for (double v : noise(count, seed, low, high)) items.push_back(static_cast<T>(v));
  return value<T, T>(std::move(shape), items);
}

}  // namespace motley::test
