// Runs one node on the cpu plugin, in every instruction set that this machine has, and compares with the reference.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "difference.hpp"
#include "single_node.hpp"

namespace motley::test {

using schema::Op;

// The plugin under test, compiled into this program, and the one that is right.
const motley_plugin& cpu_plugin();
// Null where its library is not beside this program (build target motley_reference).
const motley_plugin* reference_plugin();

// Highway's targets that were compiled and run here.
std::vector<int64_t> simd_targets();
// Kernels prepared while it lives use that instruction set.
class WithTarget {
 public:
  explicit WithTarget(int64_t target);
  ~WithTarget();
  WithTarget(const WithTarget&) = delete;
  WithTarget& operator=(const WithTarget&) = delete;
};

// Every element of every output equals the reference's within the tolerance; NaN equals NaN. `configs`: the default
// where empty.
void expect_like_reference(const NodeCase& c, const Tolerance& tolerance = {},
                           const std::vector<std::string>& configs = {""});
// The same against outputs that are known.
void expect_outputs(const NodeCase& c, const std::vector<Value>& want, const Tolerance& tolerance = {},
                    const std::vector<std::string>& configs = {""});
// All combinations of the parameters' values that the plugin offers for the node, as configs.
std::vector<std::string> all_configs(const NodeCase& c);
// The plugin's reason for not taking the node.
std::string reason_of(const NodeCase& c);

// Small numbers, the same on every machine.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  // Within [low, high].
  int64_t between(int64_t low, int64_t high) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return low + static_cast<int64_t>((state_ >> 33) % static_cast<uint64_t>(high - low + 1));
  }
  template <class T>
  T one_of(std::initializer_list<T> list) {
    return list.begin()[between(0, static_cast<int64_t>(list.size()) - 1)];
  }

 private:
  uint64_t state_;
};

}  // namespace motley::test
