// op_table: writes the tables of docs/ops.md, or compares them with what they should be.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

#include "table.hpp"

namespace {

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw std::runtime_error("the file \"" + path + "\" cannot be read; give the folder of the sources");
  return text.str();
}

std::string first_difference(const std::string& a, const std::string& b) {
  std::istringstream left(a), right(b);
  std::string x, y;
  while (std::getline(left, x) && std::getline(right, y))
    if (x != y) return "is        " + x + "\nshould be " + y;
  return "one is longer than the other";
}

// The document's columns in its order, then those of further plugins by name. What is built here is asked; a plugin
// that is not, or has no device on this machine, keeps the column that it has.
std::vector<motley::op_table::Device> columns(const std::string& document, const std::string& folder) {
  using namespace motley::op_table;
  std::vector<Device> devices = columns_of(document);
  std::set<std::string> built;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string(), prefix = "libmotley_";
    if (name.rfind(prefix, 0) == 0 && entry.path().extension() == ".so")
      built.insert(name.substr(prefix.size(), name.size() - prefix.size() - 3));
  }
  for (const std::string& name : built) {
    auto device = std::find_if(devices.begin(), devices.end(), [&](const Device& d) { return d.name == name; });
    try {
      Device asked{name, ask(folder + "/libmotley_" + name + ".so"), {}};
      if (device == devices.end()) devices.push_back(std::move(asked));
      else *device = std::move(asked);
    } catch (const std::runtime_error& e) {
      std::fprintf(stderr, "op_table: the column of %s is left as it is: %s\n", name.c_str(), e.what());
    }
  }
  return devices;
}

int run(bool write, const std::string& source, const std::string& plugins) {
  using namespace motley::op_table;
  const std::string path = source + "/docs/ops.md", before = read(path);
  const std::string after = fill_in(before, read_fields(read(source + "/schema/model.fbs")), columns(before, plugins));
  if (after == before) return 0;
  if (write) {
    std::ofstream(path, std::ios::binary) << after;
    return 0;
  }
  std::fprintf(stderr,
               "op_table: docs/ops.md is not what the source says; run: build/dev/bin/op_table --write %s %s\n%s\n",
               source.c_str(), plugins.c_str(), first_difference(before, after).c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const bool write = argc > 1 && std::strcmp(argv[1], "--write") == 0;
  if (argc != (write ? 4 : 3)) {
    std::fputs("usage: op_table [--write] SOURCE_FOLDER PLUGIN_FOLDER\n", stderr);
    return 2;
  }
  try {
    return run(write, argv[argc - 2], argv[argc - 1]);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "op_table: %s\n", e.what());
    return 1;
  }
}
