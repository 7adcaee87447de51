// op_table: writes the tables of docs/ops.md, or compares them with what they should be.
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
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

int run(bool write, const std::string& source, const std::string& plugins) {
  using namespace motley::op_table;
  const std::string path = source + "/docs/ops.md", before = read(path);
  std::vector<Device> devices;
  for (const char* name : {"reference", "cpu"}) devices.push_back({name, ask(plugins + "/libmotley_" + name + ".so")});
  const std::string after = fill_in(before, read_fields(read(source + "/schema/model.fbs")), devices);
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
