// Nodes with the same op, attributes and inputs compute the same: the first one's results serve all.
#include <algorithm>
#include <map>

#include "graph/passes/all.hpp"

namespace motley::graph {
namespace {

constexpr uint64_t kSmallConstantBytes = 4096;

void append_number(std::string& key, int64_t number) {
  key.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// Small constants with equal content count as one tensor.
std::vector<TensorId> unify_constants(const Graph& graph) {
  std::vector<TensorId> same(graph.tensors.size());
  std::map<std::string, TensorId> seen;
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    const Tensor& tensor = graph.tensors[i];
    same[i] = static_cast<TensorId>(i);
    if (!tensor.constant || !tensor.shape_known() || !tensor.quantization.empty()) continue;
    if (tensor.constant->bytes > kSmallConstantBytes) continue;
    std::string key(1, static_cast<char>(tensor.type));
    for (int64_t extent : tensor.extents()) append_number(key, extent);
    append_number(key, -1);
    key.append(static_cast<const char*>(tensor.constant->data), static_cast<size_t>(tensor.constant->bytes));
    same[i] = seen.emplace(std::move(key), static_cast<TensorId>(i)).first->second;
  }
  return same;
}

std::string key_of(const Node& node, const std::vector<TensorId>& same) {
  flatbuffers::FlatBufferBuilder builder;
  const auto offset = node.attributes.Pack(builder);
  builder.Finish(offset);
  std::string key;
  append_number(key, static_cast<int64_t>(node.op));
  append_number(key, static_cast<int64_t>(node.outputs.size()));
  // Tensors that this pass adds none of lie within `same`.
  for (TensorId id : node.inputs) append_number(key, id == kNone ? kNone : same[static_cast<size_t>(id)]);
  key.append(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
  return key;
}

bool serves(const Rewriter& r, const Node& first, const Node& other) {
  for (size_t o = 0; o < other.outputs.size(); ++o) {
    if (other.outputs[o] == kNone) continue;
    if (first.output(o) == kNone || !r.may_vanish(other.outputs[o])) return false;
    if (r.tensor(first.output(o)).quantization.scales != r.tensor(other.outputs[o]).quantization.scales) return false;
  }
  return true;
}

}  // namespace

size_t share_common_subexpressions(Graph& graph, const PassContext& context) {
  const std::vector<TensorId> same = unify_constants(graph);
  Rewriter r(graph, context);
  std::map<std::string, size_t> seen;
  size_t count = 0;
  for (size_t i = 0; i < r.size(); ++i) {
    const Node& node = r.node(i);
    if (node.op >= Op::If || node.attributes.value == nullptr) continue;
    const auto [entry, is_new] = seen.emplace(key_of(node, same), i);
    if (is_new || !serves(r, r.node(entry->second), node)) continue;
    Node& first = r.node(entry->second);
    append_origins(first, node);
    const std::vector<TensorId> outputs = node.outputs;
    for (size_t o = 0; o < outputs.size(); ++o)
      if (outputs[o] != kNone) r.read_instead(outputs[o], first.outputs[o]);
    r.remove(i);
    ++count;
  }
  return count;
}

}  // namespace motley::graph
