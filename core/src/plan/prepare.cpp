// From a model to a graph with concrete shapes: cut, infer, fold, optimize, lower.
#include <algorithm>

#include "base/text.hpp"
#include "graph/lower.hpp"
#include "graph/steering.hpp"
#include "plan/plan.hpp"

namespace motley::plan {

using graph::Dim;
using graph::Graph;
using graph::kNone;
using graph::Node;
using graph::TensorId;

namespace {

std::string list_names(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < 8; ++i) text += base::text("%%\"", {(i ? ", \"" : "\""), names[i]});
  if (names.size() > 8) text += base::text(", and % more", {names.size() - 8});
  return text;
}

std::vector<std::string> names_of(const Graph& graph, const std::vector<TensorId>& ids) {
  std::vector<std::string> names;
  for (TensorId id : ids) names.push_back(graph.tensor(id).name);
  return names;
}

TensorId find(const Graph& graph, const std::string& name, const char* role) {
  const TensorId id = graph.find_tensor(name);
  if (id == kNone)
    base::fail(ErrorCode::not_found, "% \"%\" is no tensor of the model; its inputs are % and its outputs %",
               {role, name, list_names(names_of(graph, graph.inputs)), list_names(names_of(graph, graph.outputs))});
  return id;
}

// Takes the caller's shapes for the inputs, and 1 for what stays open.
void fix_input_shapes(Graph& graph, const InputShapes& shapes) {
  for (const auto& [name, shape] : shapes) {
    const TensorId id = graph.find_tensor(name);
    if (id == kNone || std::find(graph.inputs.begin(), graph.inputs.end(), id) == graph.inputs.end())
      base::fail(ErrorCode::not_found, "input \"%\" does not exist; the model has %",
                 {name, list_names(names_of(graph, graph.inputs))});
  }
  std::map<std::string, int64_t> symbols;
  for (TensorId id : graph.inputs) {
    graph::Tensor& tensor = graph.tensor(id);
    const auto wanted = shapes.find(tensor.name);
    if (!tensor.shape) {
      if (wanted == shapes.end())
        base::fail(ErrorCode::invalid_argument, "input \"%\" has no declared rank; give its shape in input_shapes",
                   {tensor.name});
      tensor.shape.emplace(wanted->second.begin(), wanted->second.end());
    }
    if (wanted == shapes.end()) continue;
    if (wanted->second.size() != tensor.shape->size())
      base::fail(ErrorCode::invalid_argument,
                 "input \"%\" got a shape of rank % (declared %); give one value per dimension",
                 {tensor.name, wanted->second.size(), graph::to_string(tensor.shape)});
    for (size_t i = 0; i < tensor.shape->size(); ++i) {
      Dim& dim = (*tensor.shape)[i];
      const int64_t value = wanted->second[i];
      if (value < 0)
        base::fail(ErrorCode::invalid_argument, "input \"%\" got a negative dimension (%)", {tensor.name, value});
      if (dim.known() && dim.value != value)
        base::fail(ErrorCode::invalid_argument,
                   "input \"%\" got % for dimension % (the model fixes it to %); convert the model with that shape",
                   {tensor.name, value, i, dim.value});
      if (!dim.known() && !dim.symbol.empty()) {
        const auto [it, fresh] = symbols.emplace(dim.symbol, value);
        if (!fresh && it->second != value)
          base::fail(ErrorCode::invalid_argument, "dimension \"%\" got % and % (input \"%\"); give it one value",
                     {dim.symbol.text(), it->second, value, tensor.name});
      }
      dim = Dim(value);
    }
  }
  for (TensorId id : graph.inputs)
    for (Dim& dim : *graph.tensor(id).shape)
      if (!dim.known()) {
        const auto it = symbols.find(dim.symbol);
        dim = Dim(dim.symbol.empty() || it == symbols.end() ? 1 : it->second);
      }
}

// What earlier inference or the file says of computed tensors is dropped: it is inferred again from the inputs.
void forget_computed_shapes(Graph& graph) {
  for (const Node& node : graph.nodes)
    for (TensorId id : node.outputs)
      if (id != kNone) graph.tensor(id).shape.reset();
}

// Makes the named tensors the graph's inputs and outputs; what they don't need goes.
void extract(Graph& graph, const Request& request) {
  std::vector<TensorId> inputs, outputs;
  for (const std::string& name : request.inputs) inputs.push_back(find(graph, name, "input"));
  for (const std::string& name : request.outputs) outputs.push_back(find(graph, name, "output"));
  if (!inputs.empty()) {
    std::erase_if(graph.nodes, [&](Node& node) {
      for (TensorId& id : node.outputs)
        if (std::find(inputs.begin(), inputs.end(), id) != inputs.end()) id = kNone;
      return std::all_of(node.outputs.begin(), node.outputs.end(), [](TensorId id) { return id == kNone; });
    });
  }
  if (!outputs.empty()) graph.outputs = outputs;
  // Inputs of the model that the part still needs stay inputs.
  const std::vector<TensorId> before = graph.inputs;
  if (!inputs.empty()) {
    graph.inputs = inputs;
    std::vector<bool> needed(graph.tensors.size());
    std::vector<TensorId> stack = graph.outputs;
    const std::vector<int32_t> producers = graph.producers();
    while (!stack.empty()) {
      const TensorId id = stack.back();
      stack.pop_back();
      if (id == kNone || needed[static_cast<size_t>(id)]) continue;
      needed[static_cast<size_t>(id)] = true;
      const int32_t producer = producers[static_cast<size_t>(id)];
      if (producer >= 0)
        for (TensorId input : graph.nodes[static_cast<size_t>(producer)].inputs) stack.push_back(input);
    }
    for (TensorId id : before)
      if (needed[static_cast<size_t>(id)] && std::find(inputs.begin(), inputs.end(), id) == inputs.end())
        graph.inputs.push_back(id);
  }
}

void check_sizes(const Graph& graph, const Limits& limits) {
  for (const graph::Tensor& tensor : graph.tensors) {
    if (tensor.shape_known() && tensor.bytes() > limits.max_tensor_bytes)
      base::fail(ErrorCode::limit, "tensor \"%\" needs % bytes (limit %); raise Limits::max_tensor_bytes",
                 {tensor.name, tensor.bytes(), limits.max_tensor_bytes});
  }
}

std::vector<TensorId> kept_tensors(const Graph& graph, const Request& request, std::set<std::string>& kept_nodes) {
  std::vector<TensorId> tensors;
  if (request.keep_all) {
    for (const Node& node : graph.nodes) {
      kept_nodes.insert(node.name);
      for (TensorId id : node.outputs)
        if (id != kNone) tensors.push_back(id);
    }
  }
  for (const std::string& name : request.keep) {
    bool found = false;
    for (const Node& node : graph.nodes) {
      if (node.name != name) continue;
      found = true;
      kept_nodes.insert(name);
      for (TensorId id : node.outputs)
        if (id != kNone) tensors.push_back(id);
    }
    const TensorId id = graph.find_tensor(name);
    if (id != kNone) {
      tensors.push_back(id);
      found = true;
    }
    if (!found)
      base::fail(ErrorCode::not_found, "keep names \"%\", which is neither a node nor a tensor of the model", {name});
  }
  return tensors;
}

// Weights that no pass wanted as integers become the reals they stand for, and the passes see those.
void fold_dequantized(graph::Module& work, graph::Evaluator* evaluator, const graph::PassContext& context,
                      std::vector<graph::PassReport>& reports) {
  Graph& graph = work.main();
  const auto remains = [&](const Node& node) {
    return node.op == graph::Op::DequantizeLinear && graph.tensor(node.input(0)).is_constant();
  };
  if (!evaluator || std::none_of(graph.nodes.begin(), graph.nodes.end(), remains)) return;
  graph::infer_shapes(work, {.evaluator = evaluator});
  const std::vector<graph::PassReport> again = graph::optimize(graph, context);
  for (size_t i = 0; i < reports.size(); ++i) reports[i].rewrites += again[i].rewrites;
}

bool wants_lowering(const Graph& graph, size_t index, const SupportTable& support, const DeviceList& devices) {
  if (graph::is_plain_primitive(graph.nodes[index])) return false;
  double fastest = 0;
  for (const auto& device : devices) fastest = std::max(fastest, device->info().peak_gflops);
  for (size_t d = 0; d < devices.size(); ++d)
    if (support.at(d, index).supported && devices[d]->info().peak_gflops * 10 >= fastest) return false;
  return true;
}

}  // namespace

Prepared prepare(const graph::Module& module, const Request& request, graph::Evaluator* evaluator) {
  graph::Module work = module;
  if (!request.inputs.empty() || !request.outputs.empty()) {
    extract(work.main(), request);
    work.main().remove_dead();
  }
  Prepared prepared;
  graph::PassContext context;
  Graph& graph = work.main();
  prepared.output_count = graph.outputs.size();
  // Kept tensors are outputs until the end: no pass may remove those.
  std::set<TensorId> listed(graph.outputs.begin(), graph.outputs.end());
  for (TensorId id : kept_tensors(graph, request, prepared.kept_nodes))
    if (listed.insert(id).second) graph.outputs.push_back(id);
  prepared.output_names = names_of(graph, graph.outputs);
  context.keep.assign(prepared.kept_nodes.begin(), prepared.kept_nodes.end());
  std::sort(context.keep.begin(), context.keep.end());

  fix_input_shapes(graph, request.shapes);
  forget_computed_shapes(graph);
  graph::infer_shapes(work, {.evaluator = evaluator, .keep_dequantize = request.optimize});
  check_sizes(graph, request.limits);
  if (std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& n) { return graph::blocked(graph, n); })) {
    if (!prepared.kept_nodes.empty() || graph.outputs.size() != prepared.output_count)
      base::fail(ErrorCode::unsupported,
                 "the shapes of this model depend on data, so its inner tensors and nodes cannot be kept; name them as "
                 "outputs instead");
    prepared.staged = std::move(work);
    return prepared;
  }
  if (request.optimize) {
    prepared.passes = graph::optimize(graph, context);
    fold_dequantized(work, evaluator, context, prepared.passes);
  }
  prepared.graph = std::move(graph);
  return prepared;
}

void lower_for(Graph& graph, const DeviceList& devices, const std::vector<std::string>& keep) {
  constexpr int kRounds = 16;  // composites of composites; Attention is the deepest with four
  for (int round = 0; round < kRounds; ++round) {
    const bool any = std::any_of(graph.nodes.begin(), graph.nodes.end(),
                                 [](const Node& n) { return !graph::is_plain_primitive(n); });
    if (!any) break;
    const SupportTable support = query_support(graph, devices);
    std::vector<Node> lowered;
    bool changed = false;
    const size_t count = graph.nodes.size();
    for (size_t i = 0; i < count; ++i) {
      if (!wants_lowering(graph, i, support, devices)) {
        lowered.push_back(std::move(graph.nodes[i]));
        continue;
      }
      const Node node = graph.nodes[i];
      try {
        for (Node& simple : graph::lower(graph, node)) lowered.push_back(std::move(simple));
        changed = true;
      } catch (const Error& e) {
        if (e.code() != ErrorCode::unsupported) throw;
        lowered.push_back(node);  // some device may still take it; if none does, assign() says so
      }
    }
    graph.nodes = std::move(lowered);
    if (!changed) break;
  }
  graph::merge_strided_copies(graph, keep);
  graph.remove_dead();
}

}  // namespace motley::plan
