// Small networks for tests of the runtime, made in memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/graph.hpp"
#include "motley/motley.hpp"

namespace motley::test {

// x → relu "act" → add with y "sum" → relu "last" → z; float32, shape (batch, 4) with a symbolic batch.
Model relu_add_relu();

// image (N,3,8,8) → conv "conv1" (4 filters) → batch norm "bn1" → relu "relu1" → conv "conv2" → add with relu1's output
// "res" → relu "relu2" → global average pool "pool" → flatten "flat" → gemm "fc" → softmax "prob".
Model small_cnn();

// x (n) → relu → nonzero → gather the kept values → neg → y: how many are kept is known once relu has run.
Model keep_positive();

// A runtime with the build's reference and cpu plugins, and more libraries by file name from the test plugins.
Runtime runtime_with(const std::vector<std::string>& test_plugins = {}, std::vector<std::string> select = {});

// Seeded values in [-1, 1).
std::vector<float> noise(size_t count, unsigned seed);

}  // namespace motley::test
