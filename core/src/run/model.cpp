// Model: loading and describing a network.
#include <cstring>

#include "model/model_file.hpp"
#include "motley/motley.hpp"
#include "run/instance.hpp"

namespace motley {

const char* to_string(DataType type) noexcept { return graph::to_string(static_cast<graph::DataType>(type)); }
size_t size_of(DataType type) noexcept { return graph::element_bytes(static_cast<graph::DataType>(type)); }
const char* to_string(DeviceKind kind) noexcept {
  switch (kind) {
    case DeviceKind::cpu: return "cpu";
    case DeviceKind::gpu: return "gpu";
    case DeviceKind::dsp: return "dsp";
    case DeviceKind::npu: return "npu";
    default: return "other";
  }
}

namespace {

std::vector<TensorInfo> describe(const graph::Graph& graph, const std::vector<graph::TensorId>& ids) {
  std::vector<TensorInfo> list;
  for (graph::TensorId id : ids) {
    const graph::Tensor& tensor = graph.tensor(id);
    TensorInfo info{tensor.name, static_cast<DataType>(tensor.type), {}, {}, tensor.shape.has_value()};
    if (tensor.shape) {
      for (const graph::Dim& dim : *tensor.shape) {
        info.shape.push_back(dim.known() ? dim.value : -1);
        info.symbols.push_back(dim.symbol);
      }
    }
    list.push_back(std::move(info));
  }
  return list;
}

}  // namespace

Model Model::load(const std::filesystem::path& path, const Limits& limits) {
  return Model(std::make_shared<const graph::Module>(model::read_model(path, limits)));
}

Model Model::from_bytes(std::span<const std::byte> bytes, const Limits& limits) {
  auto block = std::make_shared<run::AlignedBlock>(
      bytes.size());  // constants want alignment, the caller's memory has none to promise
  if (!bytes.empty()) std::memcpy(block->data(), bytes.data(), bytes.size());
  const std::span<const uint8_t> view(reinterpret_cast<const uint8_t*>(block->data()), bytes.size());
  return Model(std::make_shared<const graph::Module>(model::read_model(view, block, limits)));
}

Model Model::from_module(graph::Module module) {
  return Model(std::make_shared<const graph::Module>(std::move(module)));
}

std::vector<TensorInfo> Model::inputs() const { return describe(module_->main(), module_->main().inputs); }
std::vector<TensorInfo> Model::outputs() const { return describe(module_->main(), module_->main().outputs); }

std::vector<NodeInfo> Model::nodes() const {
  const graph::Graph& graph = module_->main();
  std::vector<NodeInfo> list;
  const auto names = [&graph](const std::vector<graph::TensorId>& ids) {
    std::vector<std::string> result;
    for (graph::TensorId id : ids) result.push_back(id == graph::kNone ? "" : graph.tensor(id).name);
    return result;
  };
  for (const graph::Node& node : graph.nodes)
    list.push_back({node.name, graph::describe_op(node), names(node.inputs), names(node.outputs)});
  return list;
}

const std::map<std::string, std::string>& Model::metadata() const noexcept { return module_->metadata; }

}  // namespace motley
