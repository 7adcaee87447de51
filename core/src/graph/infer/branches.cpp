// If: inlining the branch of a known condition.
#include "graph/infer/branches.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "graph/infer/context.hpp"
#include "motley/limits.hpp"

namespace motley::graph::infer {

Scopes::Scopes(const Graph& main) {
  scopes_.push_back({0, {}});
  for (size_t i = 0; i < main.tensors.size(); ++i) add(0, main.tensors[i].name, static_cast<TensorId>(i));
}

size_t Scopes::open(size_t parent) {
  scopes_.push_back({parent, {}});
  return scopes_.size() - 1;
}

void Scopes::add(size_t scope, const std::string& name, TensorId id) { scopes_[scope].names.emplace(name, id); }

TensorId Scopes::find(size_t scope, const std::string& name) const {
  while (true) {
    const auto it = scopes_[scope].names.find(name);
    if (it != scopes_[scope].names.end()) return it->second;
    if (scope == 0) return kNone;
    scope = scopes_[scope].parent;
  }
}

std::optional<bool> known_condition(const Graph& graph, const Node& node) {
  const Context c(const_cast<Graph&>(graph), node, nullptr);  // only reads
  c.require_type_is(0, DataType::bool_, "the condition");
  const Tensor& condition = c.input(0);
  if (!condition.is_constant()) return std::nullopt;
  if (condition.elements() != 1) c.fail("the condition has % elements (expected 1)", {condition.elements()});
  return condition.values<uint8_t>()[0] != 0;
}

void check_tensor_ids(const Graph& graph) {
  const auto check = [&](const std::vector<TensorId>& ids, TensorId lowest, const std::string& where) {
    for (TensorId id : ids)
      if (id < lowest || id >= static_cast<TensorId>(graph.tensors.size()))
        base::fail(ErrorCode::invalid_model, "% names tensor %, and there are %", {where, id, graph.tensors.size()});
  };
  check(graph.inputs, 0, "the list of graph inputs");
  check(graph.outputs, 0, "the list of graph outputs");
  for (const Node& node : graph.nodes) {
    check(node.inputs, kNone, base::text("node \"%\"", {node.name}));
    check(node.outputs, kNone, base::text("node \"%\"", {node.name}));
  }
}

namespace {

const Graph& branch_of(Module& module, const Node& node, bool condition) {
  const Context c(module.main(), node, nullptr);
  const auto& a = c.attributes<schema::IfAttributesT>();
  const int32_t index = condition ? a.then_graph : a.else_graph;
  if (index < 1 || static_cast<size_t>(index) >= module.graphs.size())
    c.fail("its branch is graph %, and there are %", {index, module.graphs.size()});
  const Graph& body = module.graphs[static_cast<size_t>(index)];
  if (!body.inputs.empty()) c.fail("its branch \"%\" has inputs (expected none)", {body.name});
  if (body.outputs.size() != node.outputs.size())
    c.fail("its branch \"%\" has % outputs (expected %)", {body.name, body.outputs.size(), node.outputs.size()});
  return body;
}

// Where each tensor of the body is in the main graph: captured ones by name, others as new tensors.
std::vector<TensorId> place_tensors(Graph& main, Scopes& scopes, const Graph& body, size_t scope, const Node& node) {
  const std::vector<int32_t> producers = body.producers();
  std::vector<TensorId> placed;
  for (size_t i = 0; i < body.tensors.size(); ++i) {
    const Tensor& tensor = body.tensors[i];
    if (producers[i] >= 0 || tensor.is_constant()) {
      placed.push_back(kNone);
      continue;
    }
    placed.push_back(scopes.find(scope, tensor.name));
    if (placed.back() == kNone)
      Context(main, node, nullptr)
          .fail("its branch \"%\" reads tensor \"%\", which nothing around it has", {body.name, tensor.name});
  }
  // Only now, so that no captured name is found among the branch's own.
  for (size_t i = 0; i < body.tensors.size(); ++i) {
    if (placed[i] != kNone) continue;
    Tensor tensor = body.tensors[i];
    const std::string name = tensor.name;
    if (scopes.find(scope, name) != kNone) tensor.name = node.name + '/' + name;  // a branch may repeat names
    placed[i] = main.add_tensor(std::move(tensor));
    scopes.add(scope, name, placed[i]);
  }
  return placed;
}

}  // namespace

std::vector<PendingNode> inline_branch(Module& module, Scopes& scopes, const PendingNode& branch, bool condition) {
  if (branch.depth >= Limits().max_nesting)
    base::fail(ErrorCode::limit, "node \"%\" (If) is nested deeper than %", {branch.node.name, Limits().max_nesting});
  Graph body = branch_of(module, branch.node, condition);
  check_tensor_ids(body);
  body.sort_nodes();
  const size_t scope = scopes.open(branch.scope);
  const std::vector<TensorId> placed = place_tensors(module.main(), scopes, body, scope, branch.node);
  const auto place = [&](std::vector<TensorId>& ids) {
    for (TensorId& id : ids)
      if (id != kNone) id = placed[static_cast<size_t>(id)];
  };
  std::vector<PendingNode> nodes;
  for (Node& node : body.nodes) {
    place(node.inputs);
    place(node.outputs);
    nodes.push_back({std::move(node), scope, branch.depth + 1});
  }
  for (size_t i = 0; i < branch.node.outputs.size(); ++i) {
    if (branch.node.outputs[i] == kNone) continue;
    Node copy;
    copy.name = i == 0 ? branch.node.name : branch.node.name + '/' + std::to_string(i);
    copy.op = Op::Identity;
    copy.inputs = {placed[static_cast<size_t>(body.outputs[i])]};
    copy.outputs = {branch.node.outputs[i]};
    copy.attributes.Set(schema::NoAttributesT());
    copy.origins = branch.node.origins;
    nodes.push_back({std::move(copy), scope, branch.depth + 1});
  }
  return nodes;
}

void infer_undecided(Module& module, const Scopes& scopes, const PendingNode& pending) {
  const Node& node = pending.node;
  for (bool condition : {true, false}) check_tensor_ids(branch_of(module, node, condition));
  const auto& a = attributes<schema::IfAttributesT>(node);
  std::vector<DataType> types = branch_types(module, scopes, pending.scope, a.then_graph);
  const std::vector<DataType> others = branch_types(module, scopes, pending.scope, a.else_graph);
  types.resize(node.outputs.size(), DataType::undefined);
  Context c(module.main(), node, nullptr);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (!c.writes(i)) continue;
    DataType type = types[i];
    if (type == DataType::undefined && i < others.size()) type = others[i];
    if (type == DataType::undefined) type = c.output(i).type;
    if (type == DataType::undefined)
      c.unsupported("the condition is computed at run time, and the type of output % is not known before", {i});
    // The branches may differ in shape, so nothing is said of it.
    c.set(i, type, std::nullopt);
  }
}

void infer_loop(Module& module, const Scopes& scopes, const PendingNode& pending) {
  const Node& node = pending.node;
  const bool loop = node.op == Op::Loop;
  const int32_t number = loop ? attributes<schema::LoopAttributesT>(node).body_graph
                              : attributes<schema::ScanAttributesT>(node).body_graph;
  Context c(module.main(), node, nullptr);
  if (number <= 0 || static_cast<size_t>(number) >= module.graphs.size())
    c.unsupported("it names graph %, which does not exist", {number});
  const Graph& body = module.graphs[static_cast<size_t>(number)];
  check_tensor_ids(body);
  const size_t first = loop ? 1 : 0;  // a Loop's body gives its condition first
  const std::vector<DataType> types = branch_types(module, scopes, pending.scope, number);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (!c.writes(i)) continue;
    if (first + i >= body.outputs.size()) c.unsupported("its body has too few outputs");
    DataType type = body.tensor(body.outputs[first + i]).type;
    if (type == DataType::undefined && first + i < types.size()) type = types[first + i];
    if (type == DataType::undefined) type = c.output(i).type;
    const size_t carried = loop ? i + 2 : i;
    if (type == DataType::undefined && carried < node.inputs.size() && node.inputs[carried] != kNone)
      type = module.main().tensor(node.inputs[carried]).type;
    if (type == DataType::undefined) c.unsupported("the type of output % is not known before it runs", {i});
    c.set(i, type, std::nullopt);
  }
}

}  // namespace motley::graph::infer
