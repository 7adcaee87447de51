// NumPy's .npy files.
#pragma once

#include <filesystem>
#include <span>

#include "io/tensor.hpp"

namespace motley::io {

// Reads versions 1 to 3, little-endian; arrays in Fortran order are reordered. The name is the file's, without ".npy".
// Throws Error(io), Error(invalid_argument) for damaged files, Error(unsupported) for element types that tensors don't
// have.
Tensor read_npy(const std::filesystem::path& path);
Tensor parse_npy(std::span<const std::byte> bytes, const std::string& what);

// Version 1.0. bfloat16, which NumPy lacks, is written as float32. Throws Error(io).
void write_npy(const std::filesystem::path& path, const Tensor& tensor);
std::vector<std::byte> format_npy(const Tensor& tensor);

}  // namespace motley::io
