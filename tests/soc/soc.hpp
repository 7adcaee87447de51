// Simulated phones for tests: their table, and networks that give them something to decide.
#pragma once

#include <filesystem>
#include <string>

#include "motley/motley.hpp"

namespace motley::test {

// The reference and cpu plugins and all phones.
const Runtime& soc_runtime();

// "flagship", "midrange", "budget"
std::vector<std::string> phones();

// x (1, channels, side, side) → `branches` rows of `length` convolutions with relus → concatenated → a product.
Model branching_network(int branches, int length, int channels, int side);

// A dispatch table as a tuner would have measured it on the phone: each node of the model on each device that runs it,
// and the phone's transfers. The folder belongs to the process.
std::filesystem::path table_for(const std::string& phone, const Model& model);

// On this phone alone, with its table.
CompileOptions on(const std::string& phone, const Model& model);

}  // namespace motley::test
