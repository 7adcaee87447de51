// Where the published test material is.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace motley::conformance {

// A code that CTest reads as "skipped".
inline constexpr int kNoData = 77;

// "@/onnx/node" → that folder of the test material (MOTLEY_TEST_DATA, else ../shared/data beside the source tree);
// other paths as they are. Nothing where the material is not there.
std::optional<std::filesystem::path> resolve(const std::string& folder);

}  // namespace motley::conformance
