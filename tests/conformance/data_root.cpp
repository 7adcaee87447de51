// Where the published test material is.
#include "data_root.hpp"

#include <cstdlib>

namespace motley::conformance {

std::optional<std::filesystem::path> resolve(const std::string& folder) {
  if (folder.empty() || folder[0] != '@') return folder;
  const char* given = std::getenv("MOTLEY_TEST_DATA");
  const std::filesystem::path root = given && *given
                                         ? std::filesystem::path(given)
                                         : std::filesystem::path(MOTLEY_SOURCE_DIR) / ".." / "shared" / "data";
  std::string rest = folder.substr(1);
  if (!rest.empty() && rest[0] == '/') rest.erase(0, 1);
  if (!std::filesystem::exists(root / rest)) return std::nullopt;
  return root / rest;
}

}  // namespace motley::conformance
