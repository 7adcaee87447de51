// Conformance cases on disk: a model, and tensors that go in and come out.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/tensor.hpp"

namespace motley::conformance {

struct TensorFile {
  std::string name;  // "" where only its position tells which input or output it is
  std::filesystem::path path;
};

struct DataSet {
  std::vector<TensorFile> inputs, outputs;
};

enum class Judge { elements, network };

struct Case {
  std::string name;
  std::string op;  // the one under test; "network" where there are several
  std::filesystem::path model;
  std::vector<DataSet> sets;
  Judge judge = Judge::elements;
};

// A folder is a case (model.onnx in it) or holds cases, at any depth of two. Layouts: test_data_set_*/input_*.pb;
// case.json with inputs and outputs or with datasets; input_*.npy and output_*.npy. Sorted by name.
// Throws Error(io) where the folder is missing, Error(invalid_argument) for a case.json that cannot be read.
std::vector<Case> find_cases(const std::filesystem::path& folder);

io::Tensor load(const TensorFile& file);

}  // namespace motley::conformance
