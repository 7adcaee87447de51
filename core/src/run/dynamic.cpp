// Networks whose shapes depend on data.
#include "run/dynamic.hpp"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/text.hpp"
#include "graph/passes.hpp"
#include "graph/steering.hpp"
#include "run/single_ops.hpp"

namespace motley::run {

using graph::Graph;
using graph::kNone;
using graph::Module;
using graph::Node;
using graph::TensorId;

namespace {

std::string list_nodes(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < 8; ++i) text += base::text("%%\"", {(i ? ", \"" : "\""), names[i]});
  if (names.size() > 8) text += base::text(", and % more", {names.size() - 8});
  return text;
}

// Names that nested graphs take from around them.
std::set<std::string> captured_names(const Module& module) {
  std::set<std::string> names;
  for (size_t i = 1; i < module.graphs.size(); ++i) {
    const Graph& graph = module.graphs[i];
    std::vector<bool> sourced(graph.tensors.size());
    for (TensorId id : graph.inputs) sourced[static_cast<size_t>(id)] = true;
    for (const Node& node : graph.nodes)
      for (TensorId id : node.outputs)
        if (id != kNone) sourced[static_cast<size_t>(id)] = true;
    for (size_t t = 0; t < sourced.size(); ++t)
      if (!sourced[t] && !graph.tensors[t].is_constant()) names.insert(graph.tensors[t].name);
  }
  return names;
}

std::vector<bool> steering_tensors(const Graph& graph) {
  std::vector<bool> steering(graph.tensors.size());
  for (const Node& node : graph.nodes)
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (node.inputs[i] != kNone && graph::steers(node.op, i)) steering[static_cast<size_t>(node.inputs[i])] = true;
  return steering;
}

// Everything about the values that the plan of what remains depends on.
std::string key_of(const Graph& rest, const Values& values) {
  const std::vector<bool> steering = steering_tensors(rest);
  std::string key;
  for (TensorId id : rest.inputs) {
    const graph::Tensor& tensor = rest.tensor(id);
    const Value& value = values.at(tensor.name);
    key += base::text("%:", {tensor.name});
    for (int64_t d : value.shape) key += base::text("%x", {d});
    if (steering[static_cast<size_t>(id)]) key.append(static_cast<const char*>(value.data.data), value.data.bytes);
    key += ";";
  }
  return key;
}

// Inputs get the shapes of their values; those that steer become constants.
void fix_inputs(Graph& rest, const Values& values) {
  const std::vector<bool> steering = steering_tensors(rest);
  std::vector<TensorId> inputs;
  for (TensorId id : rest.inputs) {
    graph::Tensor& tensor = rest.tensor(id);
    const Value& value = values.at(tensor.name);
    tensor.type = value.type;
    tensor.shape.emplace(value.shape.begin(), value.shape.end());
    // Copied: the value's memory may be the caller's, who changes it before the next run.
    if (steering[static_cast<size_t>(id)])
      tensor.constant = graph::Constant::copy_of(value.data.data, value.data.bytes);
    else inputs.push_back(id);
  }
  rest.inputs = std::move(inputs);
  for (const Node& node : rest.nodes)
    for (TensorId id : node.outputs)
      if (id != kNone) rest.tensor(id).shape.reset();
}

}  // namespace

class Stage {
 public:
  // `rest` is what remains, with its inputs fixed; it is inferred, split and planned here.
  Stage(DynamicRunner& runner, Module rest) : runner_(runner), module_(std::move(rest)) {
    graph::infer_shapes(module_, {.evaluator = runner.evaluator_});
    split();
    plan_ready();
    make_rest();
  }

  size_t nodes_left() const { return rest_.main().nodes.size(); }
  bool finished() const { return rest_.main().nodes.empty(); }
  const Module& rest() const { return rest_; }
  const plan::Plan* plan() const { return instance_ ? &instance_->plan() : nullptr; }
  std::map<std::string, std::unique_ptr<Stage>>& children() { return children_; }

  // Computes what is ready and puts it into `values`.
  void run(Values& values, const uint32_t* cancel) {
    const Graph& graph = module_.main();
    for (TensorId id = 0; id < static_cast<TensorId>(graph.tensors.size()); ++id)
      if (graph.tensor(id).is_constant() && wanted_[static_cast<size_t>(id)])
        values[graph.tensor(id).name] = {graph.tensor(id).type, graph.tensor(id).extents(), *graph.tensor(id).constant};
    if (instance_) run_ready(values, cancel);
    for (size_t n : alone_) run_alone(graph.nodes[n], values, cancel);
  }

 private:
  // Which nodes can be planned now, and which can run alone right after those.
  void split() {
    const Graph& graph = module_.main();
    std::vector<bool> there(graph.tensors.size(), false);
    for (size_t i = 0; i < there.size(); ++i) there[i] = graph.tensors[i].is_constant();
    for (TensorId id : graph.inputs) there[static_cast<size_t>(id)] = true;
    const auto has_inputs = [&](const Node& node) {
      return std::all_of(node.inputs.begin(), node.inputs.end(),
                         [&](TensorId id) { return id == kNone || there[static_cast<size_t>(id)]; });
    };
    done_.assign(graph.nodes.size(), false);
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      const Node& node = graph.nodes[i];
      if (graph::blocked(graph, node) || !has_inputs(node)) continue;
      ready_.push_back(i);
      done_[i] = true;
      for (TensorId id : node.outputs)
        if (id != kNone) there[static_cast<size_t>(id)] = true;
    }
    captured_ = captured_names(module_);
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      const Node& node = graph.nodes[i];
      if (done_[i] || !graph::size_depends_on_data(node.op) || !has_inputs(node)) continue;
      if (node.op == graph::Op::Loop && !captures_there(there)) continue;
      alone_.push_back(i);
      done_[i] = true;
    }
  }

  // A loop's body may read any tensor around it, so those must have been computed.
  bool captures_there(const std::vector<bool>& there) const {
    const Graph& graph = module_.main();
    for (size_t i = 0; i < there.size(); ++i)
      if (!there[i] && captured_.count(graph.tensors[i].name) && made_by_plain_node(static_cast<TensorId>(i)))
        return false;
    return true;
  }
  bool made_by_plain_node(TensorId id) const {
    for (const Node& node : module_.main().nodes)
      if (std::find(node.outputs.begin(), node.outputs.end(), id) != node.outputs.end())
        return !graph::size_depends_on_data(node.op);
    return false;
  }

  // Tensors that somebody wants after this stage: nodes that remain, nested graphs, the caller.
  void find_wanted() {
    const Graph& graph = module_.main();
    wanted_.assign(graph.tensors.size(), false);
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      if (done_[i] && std::find(alone_.begin(), alone_.end(), i) == alone_.end()) continue;
      for (TensorId id : graph.nodes[i].inputs)
        if (id != kNone) wanted_[static_cast<size_t>(id)] = true;
    }
    for (TensorId id : graph.outputs) wanted_[static_cast<size_t>(id)] = true;
    for (size_t i = 0; i < wanted_.size(); ++i)
      if (captured_.count(graph.tensors[i].name)) wanted_[i] = true;
  }

  void plan_ready() {
    find_wanted();
    if (ready_.empty()) return;
    const Graph& graph = module_.main();
    plan::Prepared prepared;
    Graph& part = prepared.graph;
    part.name = graph.name;
    part.tensors = graph.tensors;
    std::vector<bool> made(graph.tensors.size(), false), read(graph.tensors.size(), false);
    for (size_t n : ready_) {
      part.nodes.push_back(graph.nodes[n]);
      for (TensorId id : graph.nodes[n].inputs)
        if (id != kNone && !graph.tensor(id).is_constant()) read[static_cast<size_t>(id)] = true;
      for (TensorId id : graph.nodes[n].outputs)
        if (id != kNone) made[static_cast<size_t>(id)] = true;
    }
    for (size_t i = 0; i < made.size(); ++i) {
      if (made[i] && wanted_[i]) part.outputs.push_back(static_cast<TensorId>(i));
      if (read[i] && !made[i]) part.inputs.push_back(static_cast<TensorId>(i));
    }
    if (part.outputs.empty()) return;  // nobody wants anything of it
    for (TensorId id : part.outputs) output_names_.push_back(graph.tensor(id).name);
    prepared.output_count = part.outputs.size();
    prepared.output_names = output_names_;
    part.remove_dead();
    if (runner_.request_.optimize) prepared.passes = graph::optimize(part, {});
    instance_ = std::make_unique<Instance>(plan::build_plan(std::move(prepared), runner_.request_));
    ++runner_.planned_;
  }

  // What remains: nodes that are not done; everything computed that they or the caller want is an input of it.
  void make_rest() {
    rest_ = module_;
    Graph& graph = rest_.main();
    std::vector<Node> nodes;
    std::vector<bool> made(graph.tensors.size(), false);
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      if (!done_[i]) {
        nodes.push_back(std::move(graph.nodes[i]));
        continue;
      }
      for (TensorId id : graph.nodes[i].outputs)
        if (id != kNone) made[static_cast<size_t>(id)] = true;
    }
    graph.nodes = std::move(nodes);
    for (size_t i = 0; i < made.size(); ++i)
      if (made[i] && wanted_[i]) graph.inputs.push_back(static_cast<TensorId>(i));
  }

  void run_ready(Values& values, const uint32_t* cancel) {
    const plan::Plan& plan = instance_->plan();
    for (TensorId id : plan.graph.inputs) {
      const graph::Tensor& tensor = plan.graph.tensor(id);
      const Value& value = values.at(tensor.name);
      if (tensor.bytes()) std::memcpy(instance_->memory(id), value.data.data, tensor.bytes());
    }
    instance_->run(cancel, {});
    runner_.last_plans_.push_back(&plan);
    for (size_t i = 0; i < plan.graph.outputs.size(); ++i) {
      const TensorId id = plan.graph.outputs[i];
      const graph::Tensor& tensor = plan.graph.tensor(id);
      values[output_names_[i]] = {tensor.type, tensor.extents(),
                                  graph::Constant::copy_of(instance_->memory(id), tensor.bytes())};
    }
  }

  void run_alone(const Node& node, Values& values, const uint32_t* cancel) {
    const Graph& graph = module_.main();
    std::vector<const Value*> inputs;
    for (TensorId id : node.inputs) inputs.push_back(id == kNone ? nullptr : &values.at(graph.tensor(id).name));
    std::vector<Value> outputs;
    if (node.op == graph::Op::Loop) {
      outputs = run_loop(node, inputs, values, cancel);
    } else {
      outputs = run_single(node, inputs, runner_.request_, runner_.single_);
    }
    for (size_t i = 0; i < node.outputs.size(); ++i)
      if (node.outputs[i] != kNone) values[graph.tensor(node.outputs[i]).name] = std::move(outputs[i]);
  }

  // The module in which a loop's body is the main graph, with what it captures as further inputs.
  Module body_module(int32_t number) const {
    Module body = module_;
    Graph& graph = body.main();
    graph = body.graphs[static_cast<size_t>(number)];
    std::vector<bool> sourced(graph.tensors.size());
    for (TensorId id : graph.inputs) sourced[static_cast<size_t>(id)] = true;
    for (const Node& node : graph.nodes)
      for (TensorId id : node.outputs)
        if (id != kNone) sourced[static_cast<size_t>(id)] = true;
    for (size_t i = 0; i < sourced.size(); ++i)
      if (!sourced[i] && !graph.tensors[i].is_constant()) graph.inputs.push_back(static_cast<TensorId>(i));
    return body;
  }

  std::vector<Value> run_loop(const Node& node, const std::vector<const Value*>& inputs, const Values& around,
                              const uint32_t* cancel) {
    const int32_t number = graph::attributes<schema::LoopAttributesT>(node).body_graph;
    if (number <= 0 || static_cast<size_t>(number) >= module_.graphs.size())
      base::fail(ErrorCode::invalid_model, "node \"%\" (Loop) names graph %, which does not exist",
                 {node.name, number});
    std::unique_ptr<DynamicRunner>& body = runner_.bodies_[number];
    if (!body) body = std::make_unique<DynamicRunner>(body_module(number), runner_.request_, runner_.evaluator_);
    Values captured;
    for (const std::string& name : captured_) {
      const auto it = around.find(name);
      if (it != around.end()) captured.insert(*it);
    }
    LoopBody call = [&](Values values) {
      for (const auto& [name, value] : captured) values.emplace(name, value);
      std::vector<Value> outputs = body->run(std::move(values), cancel);
      runner_.last_plans_.insert(runner_.last_plans_.end(), body->last_plans().begin(), body->last_plans().end());
      return outputs;
    };
    return motley::run::run_loop(node, module_.graphs[static_cast<size_t>(number)], inputs, runner_.request_.limits,
                                 call);
  }

  DynamicRunner& runner_;
  Module module_, rest_;
  std::set<std::string> captured_;
  std::vector<size_t> ready_, alone_;  // indices of nodes
  std::vector<bool> done_, wanted_;
  std::vector<std::string> output_names_;
  std::unique_ptr<Instance> instance_;
  std::map<std::string, std::unique_ptr<Stage>> children_;
};

DynamicRunner::DynamicRunner(Module module, plan::Request request, graph::Evaluator* evaluator)
    : module_(std::move(module)), request_(std::move(request)), evaluator_(evaluator) {}
DynamicRunner::~DynamicRunner() = default;

Stage& DynamicRunner::child(std::map<std::string, std::unique_ptr<Stage>>& children, const Module& rest,
                            const Values& values, size_t parent_nodes) {
  constexpr size_t kMaxChildren = 64;  // values that never repeat must not fill the memory with plans
  const std::string key = key_of(rest.main(), values);
  const auto it = children.find(key);
  if (it != children.end()) return *it->second;
  if (children.size() >= kMaxChildren) children.clear();
  Module next = rest;
  const size_t inputs_before = next.main().inputs.size();
  fix_inputs(next.main(), values);
  const bool embedded = next.main().inputs.size() < inputs_before;
  auto stage = std::make_unique<Stage>(*this, std::move(next));
  if (!embedded && stage->nodes_left() >= parent_nodes && !stage->finished()) {
    std::vector<std::string> names;
    for (const Node& node : stage->rest().main().nodes) names.push_back(node.name);
    base::fail(ErrorCode::unsupported, "the shapes of % nodes cannot be found even while running: %",
               {names.size(), list_nodes(names)});
  }
  return *(children[key] = std::move(stage));
}

std::vector<Value> DynamicRunner::run(Values values, const uint32_t* cancel) {
  last_plans_.clear();
  const std::vector<TensorId> outputs = module_.main().outputs;
  std::vector<std::string> names;
  for (TensorId id : outputs) names.push_back(module_.main().tensor(id).name);
  auto* children = &roots_;
  const Module* rest = &module_;
  size_t parent_nodes = SIZE_MAX;
  while (true) {
    if (cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED)) base::fail(ErrorCode::cancelled, "the run was cancelled");
    Stage& stage = child(*children, *rest, values, parent_nodes);
    stage.run(values, cancel);
    rest = &stage.rest();
    parent_nodes = stage.nodes_left();
    children = &stage.children();
    if (stage.finished()) break;
  }
  std::vector<Value> results;
  for (size_t i = 0; i < names.size(); ++i) {
    const graph::Tensor& tensor = rest->main().tensor(rest->main().outputs[i]);
    const auto it = values.find(tensor.name);
    if (it != values.end()) results.push_back(it->second);
    else if (tensor.is_constant()) results.push_back({tensor.type, tensor.extents(), *tensor.constant});
    else base::fail(ErrorCode::internal, "output \"%\" was not computed", {names[i]});
  }
  return results;
}

}  // namespace motley::run
