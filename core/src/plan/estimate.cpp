// What nodes are thought to cost where nothing was measured.
#include <algorithm>

#include "model/serialize.hpp"
#include "plan/cost.hpp"

namespace motley::plan {

using graph::Graph;
using graph::Node;
using graph::Op;

namespace {

double elements_of(const Graph& graph, graph::TensorId id) {
  if (id == graph::kNone || !graph.tensor(id).shape_known()) return 0;
  return static_cast<double>(graph.tensor(id).elements());
}

}  // namespace

Work work_of(const Graph& graph, const Node& node) {
  Work work;
  double out = 0;
  for (graph::TensorId id : node.inputs)
    if (id != graph::kNone && graph.tensor(id).shape_known())
      work.bytes += static_cast<double>(graph.tensor(id).bytes());
  for (graph::TensorId id : node.outputs) {
    if (id == graph::kNone || !graph.tensor(id).shape_known()) continue;
    work.bytes += static_cast<double>(graph.tensor(id).bytes());
    out += elements_of(graph, id);
  }
  switch (node.op) {
    case Op::Conv:
    case Op::QLinearConv:
    case Op::ConvInteger: {
      const auto weights = graph.tensor(node.input(node.op == Op::QLinearConv ? 3 : 1)).extents();
      double per_output = 1;
      for (size_t i = 1; i < weights.size(); ++i) per_output *= static_cast<double>(weights[i]);
      work.flops = 2 * out * per_output;
      break;
    }
    case Op::ConvTranspose: {
      const auto weights = graph.tensor(node.input(1)).extents();
      double per_input = 1;
      for (size_t i = 1; i < weights.size(); ++i) per_input *= static_cast<double>(weights[i]);
      work.flops = 2 * elements_of(graph, node.input(0)) * per_input;
      break;
    }
    case Op::MatMul:
    case Op::Gemm: {
      const auto a = graph.tensor(node.input(0)).extents();
      const auto& attributes = graph::attributes<schema::MatMulAttributesT>(node);
      const bool transposed = attributes.transpose_a && a.size() > 1;
      work.flops = a.empty() ? 0 : 2 * out * static_cast<double>(transposed ? a[a.size() - 2] : a.back());
      break;
    }
    case Op::LSTM:
    case Op::GRU:
    case Op::RNN: {
      const auto x = graph.tensor(node.input(0)).extents();
      const double steps = x.size() < 2 ? 1 : static_cast<double>(x[0]) * static_cast<double>(x[1]);
      work.flops = 2 * steps * (elements_of(graph, node.input(1)) + elements_of(graph, node.input(2)));
      break;
    }
    case Op::Reshape: break;
    default: work.flops = out; break;
  }
  return work;
}

namespace {

// What the peak rate that a device states is a bound for.
bool is_float(const Graph& graph, const Node& node) {
  return !node.outputs.empty() && node.outputs[0] != graph::kNone &&
         graph.tensor(node.outputs[0]).type == graph::DataType::float32;
}

}  // namespace

double estimate_cost(const Graph& graph, size_t index, plugin::Device& device) {
  const Node& node = graph.nodes[index];
  const motley_device_info& info = device.info();
  const Work work = work_of(graph, node);
  // GFLOP/s are FLOP/ns and GB/s are bytes/ns.
  const double compute = info.peak_gflops > 0 ? work.flops / info.peak_gflops : 0;
  if (device.api().estimate_cost && device.is_open()) {
    const model::SerializedGraph one = model::serialize_node(graph, static_cast<uint32_t>(index));
    double cost = 0;
    const motley_graph view = one.view();
    if (device.api().estimate_cost(device.handle(), &view, 0, &cost) == MOTLEY_OK && cost > 0)
      return is_float(graph, node) ? std::max(cost, compute) : cost;
  }
  if (node.op == Op::Reshape) return 0;
  const double memory = info.bandwidth_gbps > 0 ? work.bytes / info.bandwidth_gbps : 0;
  // A device that says neither is not taken for infinitely fast.
  const bool says_nothing = !(info.peak_gflops > 0) && !(info.bandwidth_gbps > 0);
  return std::max(says_nothing ? work.flops : compute, memory) + info.dispatch_ns;
}

}  // namespace motley::plan
