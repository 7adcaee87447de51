// Shape inference over a whole graph: checks, rule by rule inference, folding.
#include "graph/infer.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "graph/infer/branches.hpp"
#include "graph/infer/fold.hpp"
#include "graph/infer/rules.hpp"
#include "motley/limits.hpp"

namespace motley::graph {

namespace {

std::string quoted(const Graph& graph, TensorId id) { return '"' + graph.tensor(id).name + '"'; }

void check_constant(const Tensor& tensor) {
  const std::string where = base::text("constant \"%\"", {tensor.name});
  if (!tensor.shape_known())
    base::fail(ErrorCode::invalid_model, "% has an unknown shape (%)", {where, to_string(tensor.shape)});
  infer::check_shape(where, tensor.type, *tensor.shape);
  if (tensor.constant->bytes < tensor.bytes())
    base::fail(ErrorCode::invalid_model, "% has % bytes (expected %)", {where, tensor.constant->bytes, tensor.bytes()});
}

// Each tensor has exactly one source: an input, a constant, or a node; and what comes from outside has a type.
void check_sources(const Graph& graph) {
  std::vector<bool> has_source(graph.tensors.size(), false);
  for (TensorId id : graph.inputs) {
    const Tensor& tensor = graph.tensor(id);
    if (has_source[static_cast<size_t>(id)])
      base::fail(ErrorCode::invalid_model, "graph input % is listed twice", {quoted(graph, id)});
    if (tensor.is_constant())
      base::fail(ErrorCode::invalid_model, "graph input % is a constant too", {quoted(graph, id)});
    if (element_bytes(tensor.type) == 0)
      base::fail(ErrorCode::invalid_model, "graph input % has no type", {quoted(graph, id)});
    if (tensor.shape) infer::check_shape(base::text("graph input %", {quoted(graph, id)}), tensor.type, *tensor.shape);
    has_source[static_cast<size_t>(id)] = true;
  }
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    if (!graph.tensors[i].is_constant()) continue;
    check_constant(graph.tensors[i]);
    has_source[i] = true;
  }
  for (const Node& node : graph.nodes)
    for (TensorId id : node.outputs) {
      if (id == kNone) continue;
      if (has_source[static_cast<size_t>(id)])
        base::fail(ErrorCode::invalid_model, "node \"%\" writes tensor %, which is an input or constant",
                   {node.name, quoted(graph, id)});
    }
  for (const Node& node : graph.nodes)
    for (TensorId id : node.outputs)
      if (id != kNone) has_source[static_cast<size_t>(id)] = true;
  for (const Node& node : graph.nodes)
    for (TensorId id : node.inputs)
      if (id != kNone && !has_source[static_cast<size_t>(id)])
        base::fail(ErrorCode::invalid_model, "node \"%\" (%) reads tensor %, which nothing writes",
                   {node.name, describe_op(node), quoted(graph, id)});
  for (TensorId id : graph.outputs)
    if (!has_source[static_cast<size_t>(id)])
      base::fail(ErrorCode::invalid_model, "graph output % is written by no node", {quoted(graph, id)});
}

// Goes through the nodes of the main graph in order. Branches of known conditions are spliced in on the way.
class Inference {
 public:
  Inference(Module& module, const InferOptions& options) : module_(module), options_(options), scopes_(module.main()) {}

  void run() {
    Graph& graph = module_.main();
    std::vector<infer::PendingNode> pending;  // the next one last
    for (size_t i = graph.nodes.size(); i-- > 0;) pending.push_back({std::move(graph.nodes[i]), 0, 0});
    graph.nodes.clear();
    bool spliced = false;
    while (!pending.empty()) {
      infer::PendingNode next = std::move(pending.back());
      pending.pop_back();
      if (std::optional<bool> condition = decided(next.node)) {
        std::vector<infer::PendingNode> branch = infer::inline_branch(module_, scopes_, next, *condition);
        spliced_nodes_ += branch.size();
        if (spliced_nodes_ > Limits().max_nodes)
          base::fail(ErrorCode::limit, "the branches of the model's Ifs have more nodes than the limit (%)",
                     {Limits().max_nodes});
        std::move(branch.rbegin(), branch.rend(), std::back_inserter(pending));
        spliced = true;
      } else {
        visit(std::move(next));
      }
    }
    if (spliced) finish_splicing();
  }

 private:
  std::optional<bool> decided(const Node& node) const {
    if (node.op != Op::If) return std::nullopt;
    return infer::known_condition(module_.main(), node);
  }

  void visit(infer::PendingNode pending) {
    Graph& graph = module_.main();
    Node& node = pending.node;
    if (node.op == Op::If) {
      infer::infer_undecided(module_, scopes_, pending);
    } else if (node.op == Op::Loop || node.op == Op::Scan) {
      infer::infer_loop(module_, scopes_, pending);
    } else {
      infer::Context context(graph, node, &values_);
      infer::apply_rule(context);
      if (infer::fold(graph, node, values_, options_)) return;
    }
    graph.nodes.push_back(std::move(node));
  }

  void finish_splicing() {
    Graph& graph = module_.main();
    check_sources(graph);
    graph.sort_nodes();
    const bool nested = std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) {
      return node.op == Op::If || node.op == Op::Loop || node.op == Op::Scan;
    });
    if (!nested) module_.graphs.resize(1);
  }

  Module& module_;
  const InferOptions& options_;
  infer::Scopes scopes_;
  infer::ValueTable values_;
  uint64_t spliced_nodes_ = 0;
};

}  // namespace

void infer_node(Graph& graph, const Node& node) {
  infer::Context context(graph, node, nullptr);
  infer::apply_rule(context);
}

void infer_shapes(Module& module, const InferOptions& options) {
  if (module.graphs.empty()) base::fail(ErrorCode::invalid_model, "the model has no graph");
  infer::check_tensor_ids(module.main());
  check_sources(module.main());
  module.main().sort_nodes();  // also refuses cycles and second writers
  Inference(module, options).run();
  module.main().remove_dead();
}

}  // namespace motley::graph
