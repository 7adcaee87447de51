// Gives a target each file of some folders: replay_NAME [--mutate N] FOLDER…
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "target.hpp"

namespace {

std::vector<uint8_t> read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void give(const std::vector<uint8_t>& bytes) { LLVMFuzzerTestOneInput(bytes.data(), bytes.size()); }

// A few random bytes changed, removed or repeated. The same on every machine.
std::vector<uint8_t> mutate(std::vector<uint8_t> bytes, std::minstd_rand& random) {
  for (unsigned changes = 1 + random() % 4; changes > 0 && !bytes.empty(); --changes) {
    const size_t at = random() % bytes.size();
    const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    switch (random() % 5) {
      case 0: bytes[at] = static_cast<uint8_t>(random()); break;
      case 1: bytes[at] = static_cast<uint8_t>(bytes[at] ^ (1u << random() % 8)); break;
      case 2: bytes.erase(place); break;
      case 3: bytes.insert(place, bytes[random() % bytes.size()]); break;
      default: bytes[at] = 0xff; break;
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  size_t mutations = 0, files = 0;
  std::minstd_rand random(1);
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--mutate") == 0 && i + 1 < argc) {
      mutations = std::strtoul(argv[++i], nullptr, 10);
      continue;
    }
    if (!std::filesystem::is_directory(argv[i])) continue;
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i]))
      if (entry.is_regular_file() && entry.file_size() < (1u << 20)) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
      const std::vector<uint8_t> bytes = read(path);
      give(bytes);
      ++files;
      for (size_t m = 0; m < mutations; ++m) {
        const std::vector<uint8_t> changed = mutate(bytes, random);
        // A crash leaves the input that made it.
        if (mutations > 0)
          std::ofstream("replay_last_input.bin", std::ios::binary)
              .write(reinterpret_cast<const char*>(changed.data()), static_cast<std::streamsize>(changed.size()));
        give(changed);
      }
    }
  }
  std::printf("%zu files, %zu changes of each: every one was answered\n", files, mutations);
  return 0;
}
