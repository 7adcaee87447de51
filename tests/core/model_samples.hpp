// Modules that the model tests store, read and damage.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "graph/graph.hpp"
#include "model/op_attributes.hpp"

namespace motley::model {

// A folder that goes with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// relu(x · w + b), x of batch × 3; two constants of equal content, one quantized; metadata.
graph::Module small_module();

// One node of each op there is, with values other than the defaults in its attributes.
graph::Module module_of_every_op();

// Sets lists, enums and numbers of the kind of attributes that the op carries.
graph::AttributesUnion attributes_for(schema::Op op);

std::vector<uint8_t> bytes_of_file(const std::filesystem::path& path);
// As the file would be.
std::vector<uint8_t> stored(const graph::Module& module);

}  // namespace motley::model
