// Importing with a progress bar and a list of everything that is unsupported.
#pragma once

#include <filesystem>

#include "convert/convert.hpp"

namespace motley::cli {

// By the file's extension; .onnx so far. Throws Error; before an Error for unsupported ops, lists them on stderr.
graph::Module import_model(const std::filesystem::path& path, convert::ImportOptions options = {});

}  // namespace motley::cli
