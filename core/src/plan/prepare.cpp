// From a model to a graph with concrete shapes: cut, infer, fold, optimize, lower.
#include <algorithm>

#include "base/text.hpp"
#include "graph/lower.hpp"
#include "graph/nested.hpp"
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

// Takes the caller's shapes for the inputs, and 1 for what stays open. Gives the first input of which something does.
std::string fix_input_shapes(Graph& graph, const InputShapes& shapes) {
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
  std::string open;
  for (TensorId id : graph.inputs)
    for (Dim& dim : *graph.tensor(id).shape)
      if (!dim.known()) {
        const auto it = symbols.find(dim.symbol);
        const bool is_open = dim.symbol.empty() || it == symbols.end();
        if (is_open && open.empty()) open = graph.tensor(id).name;
        dim = Dim(is_open ? 1 : it->second);
      }
  return open;
}

// What goes wrong with shapes may come of a dimension that nobody gave.
void infer(graph::Module& module, const graph::InferOptions& options, const std::string& open) {
  try {
    graph::infer_shapes(module, options);
  } catch (const Error& e) {
    if (open.empty() || e.code() == ErrorCode::out_of_memory) throw;
    base::fail(e.code(),
               "% (dimensions that input \"%\" leaves open count as 1: give its shape in input_shapes, or by --shape)",
               {e.what(), open});
  }
}

// Ops that passes and lowering make, which say by their output's shape what they do.
bool is_told_by_output(const Node& node) {
  return node.op == graph::Op::StridedCopy || (node.op == graph::Op::Reshape && node.input(1) == kNone);
}

// What earlier inference or the file says of other computed tensors is dropped: it is inferred again from the inputs.
void forget_computed_shapes(Graph& graph) {
  for (const Node& node : graph.nodes) {
    if (is_told_by_output(node)) continue;
    for (TensorId id : node.outputs)
      if (id != kNone) graph.tensor(id).shape.reset();
  }
}

// Per tensor: the outputs need it, also where only a graph within a node reads it.
std::vector<bool> needed_tensors(const graph::Module& module) {
  const Graph& graph = module.main();
  std::vector<bool> needed(graph.tensors.size());
  std::vector<TensorId> stack = graph.outputs;
  const std::vector<int32_t> producers = graph.producers();
  while (!stack.empty()) {
    const TensorId id = stack.back();
    stack.pop_back();
    if (id == kNone || needed[static_cast<size_t>(id)]) continue;
    needed[static_cast<size_t>(id)] = true;
    const int32_t producer = producers[static_cast<size_t>(id)];
    if (producer < 0) continue;
    const Node& node = graph.nodes[static_cast<size_t>(producer)];
    stack.insert(stack.end(), node.inputs.begin(), node.inputs.end());
    for (const std::string& name : graph::captured_names(module, node)) stack.push_back(graph.find_tensor(name));
  }
  return needed;
}

// Makes the named tensors the graph's inputs and outputs; what they don't need goes.
void extract(graph::Module& module, const Request& request) {
  Graph& graph = module.main();
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
  const std::vector<bool> needed = needed_tensors(module);
  std::erase_if(graph.nodes, [&](const Node& node) {
    return std::none_of(node.outputs.begin(), node.outputs.end(),
                        [&](TensorId id) { return id != kNone && needed[static_cast<size_t>(id)]; });
  });
  if (!inputs.empty()) {
    graph.inputs = inputs;
    for (TensorId id : before)
      if (needed[static_cast<size_t>(id)] && std::find(inputs.begin(), inputs.end(), id) == inputs.end())
        graph.inputs.push_back(id);
  }
  graph.remove_dead();
}

void check_sizes(const Graph& graph, const Limits& limits) {
  for (const graph::Tensor& tensor : graph.tensors) {
    if (tensor.shape_known() && tensor.bytes() > limits.max_tensor_bytes)
      base::fail(ErrorCode::limit, "tensor \"%\" needs % bytes (limit %); raise Limits::max_tensor_bytes",
                 {tensor.name, tensor.bytes(), limits.max_tensor_bytes});
  }
}

// The tensors of the main graph that are kept, and by name those and the nodes of all graphs. `inner` gets a name that
// is only in a nested graph, if the caller gave one.
std::vector<TensorId> find_kept(const graph::Module& module, const Request& request, Prepared& prepared,
                                std::string& inner) {
  std::vector<TensorId> tensors;
  std::set<std::string> missing(request.keep.begin(), request.keep.end());
  const std::set<std::string> asked = missing;
  std::set<std::string> found_in_main;
  for (const Graph& graph : module.graphs) {
    const bool main = &graph == &module.main();
    const auto keep = [&](const std::string& name, TensorId id) {
      missing.erase(name);
      if (main) found_in_main.insert(name);
      if (id == kNone) return;
      prepared.kept_tensors.insert(graph.tensor(id).name);
      if (main) tensors.push_back(id);
    };
    for (const Node& node : graph.nodes) {
      if (!request.keep_all && !asked.count(node.name)) continue;
      prepared.kept_nodes.insert(node.name);
      keep(node.name, kNone);
      for (TensorId id : node.outputs) keep(node.name, id);
    }
    for (const std::string& name : asked)
      if (const TensorId id = graph.find_tensor(name); id != kNone) keep(name, id);
  }
  if (!missing.empty())
    base::fail(ErrorCode::not_found, "keep names \"%\", which is neither a node nor a tensor of the model",
               {*missing.begin()});
  for (const std::string& name : asked)
    if (!found_in_main.count(name)) inner = name;
  return tensors;
}

// Compress with a computed condition: the places that are true, then those elements. So only their number steers what
// follows, and not each bit of the condition.
void gather_compressed(graph::Module& module) {
  for (Graph& graph : module.graphs) {
    std::vector<Node> nodes;
    for (Node& node : graph.nodes) {
      if (node.op != graph::Op::Compress || graph.tensor(node.input(1)).is_constant()) {
        nodes.push_back(std::move(node));
        continue;
      }
      const auto a = graph::attributes<schema::CompressAttributesT>(node);
      const auto add = [&](const char* suffix, graph::Op op, std::vector<TensorId> in, graph::DataType type,
                           auto attributes) {
        graph::Tensor tensor;
        tensor.name = base::text("%/%", {node.name, suffix});
        tensor.type = type;
        Node& made = nodes.emplace_back();
        made.name = tensor.name;
        made.op = op;
        made.inputs = std::move(in);
        made.outputs = {graph.add_tensor(std::move(tensor))};
        made.attributes.Set(std::move(attributes));
        made.origins = node.origins;
        return made.outputs[0];
      };
      const TensorId flat = graph.add_int64(base::text("%/flat", {node.name}), {-1});
      TensorId x = node.input(0);
      if (!a.has_axis)
        x = add("elements", graph::Op::Reshape, {x, flat}, graph.tensor(x).type, schema::ReshapeAttributesT());
      const TensorId found =
          add("found", graph::Op::NonZero, {node.input(1)}, graph::DataType::int64, schema::NoAttributesT());
      const TensorId places =
          add("places", graph::Op::Reshape, {found, flat}, graph::DataType::int64, schema::ReshapeAttributesT());
      schema::AxisAttributesT axis;
      axis.axis = a.has_axis ? a.axis : 0;
      node.op = graph::Op::Gather;
      node.inputs = {x, places};
      node.attributes.Set(axis);
      nodes.push_back(std::move(node));
    }
    graph.nodes = std::move(nodes);
  }
}

// Weights that no pass wanted as integers become the reals they stand for, and the passes see those.
void fold_dequantized(Graph& graph, graph::Evaluator* evaluator, const graph::PassContext& context,
                      std::vector<graph::PassReport>& reports) {
  const auto remains = [&](const Node& node) {
    return node.op == graph::Op::DequantizeLinear && graph.tensor(node.input(0)).is_constant();
  };
  if (!evaluator || std::none_of(graph.nodes.begin(), graph.nodes.end(), remains)) return;
  graph::Module work;
  work.graphs.push_back(std::move(graph));
  graph::infer_shapes(work, {.evaluator = evaluator});
  graph = std::move(work.main());
  const std::vector<graph::PassReport> again = graph::optimize(graph, context);
  for (size_t i = 0; i < reports.size(); ++i) reports[i].rewrites += again[i].rewrites;
}

bool wants_lowering(const Graph& graph, size_t index, const SupportTable& support, const Request& request) {
  if (graph::is_plain_primitive(graph.nodes[index])) return false;
  const DeviceList& devices = request.devices;
  const int32_t pin = request.pins.empty() ? -1 : pinned_device(graph.nodes[index], request);
  if (pin >= 0) return !support.at(static_cast<size_t>(pin), index).supported;
  double fastest = 0;
  for (const auto& device : devices) fastest = std::max(fastest, device->info().peak_gflops);
  for (size_t d = 0; d < devices.size(); ++d)
    if (support.at(d, index).supported && devices[d]->info().peak_gflops * 10 >= fastest) return false;
  return true;
}

}  // namespace

void optimize(Prepared& prepared, graph::Evaluator* evaluator) {
  graph::PassContext context;
  context.keep.assign(prepared.kept_nodes.begin(), prepared.kept_nodes.end());  // sorted, as a set is
  prepared.passes = graph::optimize(prepared.graph, context);
  fold_dequantized(prepared.graph, evaluator, context, prepared.passes);
}

Prepared prepare(const graph::Module& module, const Request& request, graph::Evaluator* evaluator) {
  graph::Module work = module;
  if (!request.inputs.empty() || !request.outputs.empty()) extract(work, request);
  Prepared prepared;
  Graph& graph = work.main();
  prepared.output_count = graph.outputs.size();
  // Kept tensors are outputs until the end: no pass may remove those.
  std::set<TensorId> listed(graph.outputs.begin(), graph.outputs.end());
  std::string inner;
  for (TensorId id : find_kept(work, request, prepared, inner))
    if (listed.insert(id).second) graph.outputs.push_back(id);
  prepared.output_names = names_of(graph, graph.outputs);

  const std::string open = fix_input_shapes(graph, request.shapes);
  forget_computed_shapes(graph);
  infer(work, {.evaluator = evaluator, .keep_dequantize = request.optimize}, open);
  check_sizes(graph, request.limits);
  if (std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& n) { return graph::blocked(graph, n); })) {
    gather_compressed(work);
    prepared.staged = std::move(work);
    return prepared;
  }
  if (!inner.empty())
    base::fail(ErrorCode::not_found, "keep names \"%\", which is in a graph that became part of the main one", {inner});
  prepared.graph = std::move(graph);
  if (request.optimize) optimize(prepared, evaluator);
  return prepared;
}

void lower_for(Graph& graph, const Request& request, const std::vector<std::string>& keep) {
  constexpr int kRounds = 16;  // composites of composites; Attention is the deepest with four
  for (int round = 0; round < kRounds; ++round) {
    const bool any = std::any_of(graph.nodes.begin(), graph.nodes.end(),
                                 [](const Node& n) { return !graph::is_plain_primitive(n); });
    if (!any) break;
    const SupportTable support = query_support(graph, request.devices);
    std::vector<Node> lowered;
    bool changed = false;
    const size_t count = graph.nodes.size();
    for (size_t i = 0; i < count; ++i) {
      if (!wants_lowering(graph, i, support, request)) {
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
