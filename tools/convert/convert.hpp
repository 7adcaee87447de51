// Import of model files into the core's IR. No runtime, no plugin: it needs protobuf and libmotley's insides only.
//
//     graph::Module module = convert::import_onnx("net.onnx");
//     model::write_model(module, "net.motley");
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.hpp"
#include "io/tensor.hpp"
#include "motley/limits.hpp"

namespace motley::convert {

struct ImportOptions {
  Limits limits = {};
  // Shapes of inputs, in place of what the model leaves open. Throws Error(not_found) for a name that is no input, and
  // Error(invalid_argument) where the model says otherwise.
  std::map<std::string, std::vector<int64_t>> input_shapes = {};
  // Inputs that become constants: what follows from them is folded away, shapes above all.
  std::map<std::string, io::Tensor> input_values = {};
  // Called now and then with a stage ("read", "import", "infer") and how much of it is done, 0 to 1.
  std::function<void(std::string_view stage, double fraction)> progress = {};
};

// One reason why some nodes cannot be imported.
struct UnsupportedOp {
  std::string op;
  std::string domain;
  int64_t version = 0;             // of the domain's operator set
  std::vector<std::string> nodes;  // their names
  std::string reason;
};

// Every unsupported node of the model at once.
class UnsupportedOps : public Error {
 public:
  explicit UnsupportedOps(std::vector<UnsupportedOp> ops);
  const std::vector<UnsupportedOp>& ops() const noexcept { return ops_; }

 private:
  std::vector<UnsupportedOp> ops_;
};

// Reads an ONNX model with opset 1 to kNewestOpset, with types and shapes inferred and shape arithmetic folded away.
// Throws UnsupportedOps; Error(io | invalid_model | limit | unsupported), each naming the object.
graph::Module import_onnx(const std::filesystem::path& path, const ImportOptions& options = {});
// The same from memory. External data is looked for in `folder`; with an empty one it is an error.
graph::Module import_onnx(std::span<const std::byte> bytes, const std::filesystem::path& folder,
                          const ImportOptions& options = {}, const std::string& what = "the model");

inline constexpr int64_t kNewestOpset = 27;

// What the importer knows, for documentation and hints.
struct SupportedOp {
  std::string domain, op;
  std::vector<int> since;  // operator set versions from which its form changed
};
std::vector<SupportedOp> supported_onnx_ops();
// Operators that are refused for a reason of their own.
struct RefusedOp {
  std::string domain, op, why;
};
std::vector<RefusedOp> refused_onnx_ops();

}  // namespace motley::convert
