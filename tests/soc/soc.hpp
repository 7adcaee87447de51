// Simulated phones for tests: their table, and networks that give them something to decide.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ir_builder.hpp"
#include "motley/motley.hpp"

namespace motley::test {

// The reference and cpu plugins and all phones.
const Runtime& soc_runtime();

// "flagship", "midrange", "budget": their devices offer one kernel for each node. Those of "tablet" offer fused kernels
// and float16 too. "twins" has a GPU and an NPU of nearly the same speed, "integrated" a GPU
// that works on the host's memory by import.
std::vector<std::string> phones();

// While it lives, no device offers candidates.
struct WithoutCandidates {
  WithoutCandidates();
  ~WithoutCandidates();
};

// x (1, channels, side, side) → `branches` rows of `length` convolutions with relus → concatenated → a product.
Model branching_network(int branches, int length, int channels, int side);

// A dispatch table as a tuner would have measured it on the phone: each node of the model on each device that runs it,
// and the phone's transfers. The folder belongs to the process.
// `more` are rows of candidates.
struct MeasuredKernel {
  std::string problem, device, config;  // "npu"
  double ns = 0, error = 0;
};
std::filesystem::path table_for(const std::string& phone, const Model& model,
                                const std::vector<MeasuredKernel>& more = {}, double slower = 1);

// On this phone alone, with its table, where kernels are that many times slower than the phone's.
CompileOptions on(const std::string& phone, const Model& model, double slower = 1);

// What a network makes of noise at its input "x": its output "out".
std::vector<float> run(Session& session);
// As the reference plugin computes it.
std::vector<float> by_reference(const Model& model);
// Fails the test where a value is off by more than 1e-3, of itself or of 1.
void expect_near(const std::vector<float>& got, const std::vector<float>& want);
// A constant of small noise, the same for names of the same length.
TensorId weights(Graph& g, const std::string& name, std::vector<int64_t> shape);

}  // namespace motley::test
