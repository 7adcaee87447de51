// Types of what a branch gives, found without running or splicing it.
#include <functional>
#include <map>

#include "graph/infer.hpp"
#include "graph/infer/branches.hpp"
#include "graph/nested.hpp"
#include "motley/limits.hpp"

namespace motley::graph::infer {

namespace {

// A branch may hold further Ifs, each with two branches: enough for real models, and an end for hostile ones.
constexpr int kMaxVisits = 1000;

using Lookup = std::function<const Tensor*(const std::string&)>;

class BranchTypes {
 public:
  explicit BranchTypes(const Module& module) : module_(module) {}

  // One per output of the branch, undefined where it is not known. `around` finds captured tensors.
  std::vector<DataType> outputs_of(int32_t index, const Lookup& around, uint32_t depth) {
    if (index < 1 || static_cast<size_t>(index) >= module_.graphs.size()) return {};
    if (depth > Limits().max_nesting || ++visits_ > kMaxVisits) return {};
    Graph body = module_.graphs[static_cast<size_t>(index)];
    check_tensor_ids(body);
    capture(body, around);
    std::map<std::string, TensorId> names;
    for (size_t i = 0; i < body.tensors.size(); ++i) names.emplace(body.tensors[i].name, static_cast<TensorId>(i));
    const Lookup inside = [&](const std::string& name) {
      const auto it = names.find(name);
      return it == names.end() ? around(name) : &body.tensor(it->second);
    };
    for (const Node& node : body.nodes) infer_in(body, node, inside, depth);
    std::vector<DataType> types;
    for (TensorId id : body.outputs) types.push_back(body.tensor(id).type);
    return types;
  }

 private:
  static void capture(Graph& body, const Lookup& around) {
    const std::vector<int32_t> producers = body.producers();
    for (size_t i = 0; i < body.tensors.size(); ++i) {
      Tensor& tensor = body.tensors[i];
      if (producers[i] >= 0 || tensor.is_constant()) continue;
      const Tensor* source = around(tensor.name);
      if (!source) continue;
      tensor.type = source->type;
      tensor.shape = source->shape;
      tensor.constant = source->constant;
    }
  }

  void infer_in(Graph& body, const Node& node, const Lookup& inside, uint32_t depth) {
    const std::vector<int32_t> graphs = nested_graphs(node);
    if (graphs.empty()) {
      try {
        infer_node(body, node);
      } catch (const Error&) {
        // A branch that is not taken may be wrong for these shapes; then its types stay unknown.
      }
      return;
    }
    const size_t first = node.op == Op::Loop ? 1 : 0;  // a Loop's body gives its condition first
    for (int32_t graph : graphs) {
      const std::vector<DataType> types = outputs_of(graph, inside, depth + 1);
      for (size_t i = 0; i < node.outputs.size() && first + i < types.size(); ++i)
        if (node.outputs[i] != kNone && types[first + i] != DataType::undefined)
          body.tensor(node.outputs[i]).type = types[first + i];
    }
  }

  const Module& module_;
  int visits_ = 0;
};

}  // namespace

std::vector<DataType> branch_types(const Module& module, const Scopes& scopes, size_t scope, int32_t branch) {
  const Lookup around = [&](const std::string& name) {
    const TensorId id = scopes.find(scope, name);
    return id == kNone ? nullptr : &module.main().tensor(id);
  };
  return BranchTypes(module).outputs_of(branch, around, 0);
}

}  // namespace motley::graph::infer
