// Tensor data that a model keeps in files beside it.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "graph/graph.hpp"
#include "io/file.hpp"

namespace onnx {
class TensorProto;
}

namespace motley::convert {

// Files are mapped once each. Only plain files inside the model's folder are read: a location that is absolute, climbs
// with "..", or leads elsewhere by a link is refused.
class ExternalData {
 public:
  explicit ExternalData(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // `bytes` bytes as the tensor's location, offset and length say; a view of the file where alignment allows.
  // Throws Error(invalid_model | io | unsupported), beginning with `what`.
  graph::Constant read(const onnx::TensorProto& proto, uint64_t bytes, const std::string& what);

 private:
  std::shared_ptr<io::MappedFile> open(const std::string& location, const std::string& what);

  std::filesystem::path folder_;
  std::map<std::string, std::shared_ptr<io::MappedFile>> files_;
};

}  // namespace motley::convert
