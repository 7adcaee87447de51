// Networks whose shapes depend on data.
#include "run/dynamic.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"
#include "graph/nested.hpp"
#include "graph/steering.hpp"
#include "run/loops.hpp"
#include "run/rest.hpp"
#include "run/single_ops.hpp"

namespace motley::run {

using graph::Graph;
using graph::kNone;
using graph::Module;
using graph::Node;
using graph::Op;
using graph::TensorId;

namespace {

bool is_loop(const Node& node) { return node.op == Op::Loop || node.op == Op::Scan; }

// A loop's body as a network of its own, and the values of what it captures.
class Body final : public LoopBody {
 public:
  Body(const Graph& graph, DynamicRunner& runner, Values captured, StagedRun& run)
      : LoopBody(graph), runner_(runner), captured_(std::move(captured)), run_(run) {}

  std::vector<Value> run(Values inputs) override {
    inputs.insert(captured_.begin(), captured_.end());
    return runner_.run(std::move(inputs), run_);
  }
  std::vector<Value> describe_outputs(const Values& inputs) override {
    Values values = inputs;
    values.insert(captured_.begin(), captured_.end());
    return runner_.describe_outputs(values);
  }

 private:
  DynamicRunner& runner_;
  Values captured_;
  StagedRun& run_;
};

}  // namespace

void StagedRun::add(const std::shared_ptr<const plan::Plan>& plan) {
  constexpr size_t kMostPlans = 256;
  const auto same = [&](const auto& seen) { return !seen.owner_before(plan) && !plan.owner_before(seen); };
  if (plans.size() < kMostPlans && std::none_of(plans.begin(), plans.end(), same)) plans.push_back(plan);
}

class Stage {
 public:
  // `rest` is what remains, with its inputs fixed; it is inferred, split and planned here.
  Stage(DynamicRunner& runner, Module rest) : runner_(runner), module_(std::move(rest)) {
    graph::infer_shapes(module_, {.evaluator = runner.evaluator_, .keep_dequantize = runner.request_.optimize});
    find_captured();
    split();
    find_wanted();
    plan_ready();
    make_rest();
  }

  size_t nodes_left() const { return rest_.main().nodes.size(); }
  bool finished() const { return rest_.main().nodes.empty(); }
  const Module& rest() const { return rest_; }
  std::shared_ptr<const plan::Plan> plan() const { return instance_ ? instance_->share_plan() : nullptr; }
  Stages& children() { return children_; }

  // Computes what is ready and puts it into `values`.
  void run(Values& values, StagedRun& run) {
    const Graph& graph = module_.main();
    for (size_t i = 0; i < graph.tensors.size(); ++i)
      if (graph.tensors[i].is_constant() && wanted_[i])
        put(values, graph.tensors[i].name,
            {graph.tensors[i].type, graph.tensors[i].extents(), *graph.tensors[i].constant}, run);
    if (instance_) run_ready(values, run);
    for (size_t n : alone_) run_alone(graph.nodes[n], values, run);
  }

 private:
  // Tensors that the graphs of each node read.
  void find_captured() {
    const Graph& graph = module_.main();
    captured_.resize(graph.nodes.size());
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      const std::set<std::string> names = graph::captured_names(module_, graph.nodes[n]);
      for (size_t i = 0; !names.empty() && i < graph.tensors.size(); ++i)
        if (names.count(graph.tensors[i].name)) captured_[n].push_back(static_cast<TensorId>(i));
    }
  }

  // Which nodes can be planned now, and which can run alone right after those.
  void split() {
    const Graph& graph = module_.main();
    std::vector<bool> there(graph.tensors.size(), false);
    for (size_t i = 0; i < there.size(); ++i) there[i] = graph.tensors[i].is_constant();
    for (TensorId id : graph.inputs) there[static_cast<size_t>(id)] = true;
    const auto has_inputs = [&](size_t n) {
      const auto is_there = [&](TensorId id) { return id == kNone || there[static_cast<size_t>(id)]; };
      const std::vector<TensorId>& inputs = graph.nodes[n].inputs;
      return std::all_of(inputs.begin(), inputs.end(), is_there) &&
             std::all_of(captured_[n].begin(), captured_[n].end(), is_there);
    };
    done_.assign(graph.nodes.size(), false);
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      const Node& node = graph.nodes[i];
      if (graph::blocked(graph, node) || !has_inputs(i)) continue;
      ready_.push_back(i);
      done_[i] = true;
      for (TensorId id : node.outputs)
        if (id != kNone) there[static_cast<size_t>(id)] = true;
    }
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      if (done_[i] || !graph::size_depends_on_data(graph.nodes[i].op) || !has_inputs(i)) continue;
      alone_.push_back(i);
      done_[i] = true;
    }
  }

  // Tensors that somebody wants after this stage: nodes that remain, the caller.
  void find_wanted() {
    const Graph& graph = module_.main();
    wanted_.assign(graph.tensors.size(), false);
    const auto want = [&](const std::vector<TensorId>& ids) {
      for (TensorId id : ids)
        if (id != kNone) wanted_[static_cast<size_t>(id)] = true;
    };
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      if (done_[i]) continue;
      want(graph.nodes[i].inputs);
      want(captured_[i]);
    }
    want(graph.outputs);
    needed_ = wanted_;
    for (size_t i : alone_) {
      want(graph.nodes[i].inputs);
      want(captured_[i]);
    }
    for (size_t i = 0; i < wanted_.size(); ++i)
      if (runner_.kept_->tensors.count(graph.tensors[i].name)) wanted_[i] = true;
  }

  void plan_ready() {
    if (ready_.empty()) return;
    const Graph& graph = module_.main();
    plan::Prepared prepared;
    Graph& part = prepared.graph;
    part.name = graph.name;
    part.tensors = graph.tensors;
    std::vector<bool> made(graph.tensors.size(), false), read(graph.tensors.size(), false);
    for (size_t n : ready_) {
      part.nodes.push_back(graph.nodes[n]);
      if (runner_.kept_->nodes.count(graph.nodes[n].name)) prepared.kept_nodes.insert(graph.nodes[n].name);
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
    if (runner_.request_.optimize) plan::optimize(prepared, runner_.evaluator_);
    instance_ = std::make_unique<Instance>(plan::build_plan(std::move(prepared), runner_.request_));
    ++runner_.planned_;
  }

  // What remains: nodes that are not done; everything that they or the caller still need is an input of it.
  void make_rest() {
    rest_ = module_;
    Graph& graph = rest_.main();
    std::vector<Node> nodes;
    std::vector<bool> known(graph.tensors.size(), false);
    for (TensorId id : graph.inputs) known[static_cast<size_t>(id)] = true;
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      if (!done_[i]) {
        nodes.push_back(std::move(graph.nodes[i]));
        continue;
      }
      for (TensorId id : graph.nodes[i].outputs)
        if (id != kNone) known[static_cast<size_t>(id)] = true;
    }
    graph.nodes = std::move(nodes);
    graph.inputs.clear();
    for (size_t i = 0; i < known.size(); ++i)
      if (known[i] && needed_[i]) graph.inputs.push_back(static_cast<TensorId>(i));
  }

  void put(Values& values, const std::string& name, Value value, StagedRun& run) const {
    if (run.watcher && runner_.kept_->tensors.count(name)) run.watcher->show(name, value);
    values[name] = std::move(value);
  }

  void run_ready(Values& values, StagedRun& run) {
    const plan::Plan& plan = instance_->plan();
    for (TensorId id : plan.graph.inputs) {
      const graph::Tensor& tensor = plan.graph.tensor(id);
      const Value& value = values.at(tensor.name);
      if (tensor.bytes()) std::memcpy(instance_->memory(id), value.data.data, tensor.bytes());
    }
    run_instance(*instance_, run, [this](StagedRun& r) { show_outputs(r); });
    for (size_t i = 0; i < plan.graph.outputs.size(); ++i) {
      const TensorId id = plan.graph.outputs[i];
      const graph::Tensor& tensor = plan.graph.tensor(id);
      put(values, output_names_[i],
          {tensor.type, tensor.extents(), graph::Constant::copy_of(instance_->memory(id), tensor.bytes())}, run);
    }
  }
  // For a call between segments: kept tensors as they are at that moment.
  void show_outputs(StagedRun& run) const {
    const Graph& graph = instance_->plan().graph;
    for (size_t i = 0; i < graph.outputs.size(); ++i) {
      if (!runner_.kept_->tensors.count(output_names_[i])) continue;
      const graph::Tensor& tensor = graph.tensor(graph.outputs[i]);
      run.watcher->show(
          output_names_[i],
          {tensor.type, tensor.extents(), {instance_->memory(graph.outputs[i]), tensor.bytes(), nullptr}});
    }
  }

  // With the watcher's calls in their places; `before_call` is for what a call may want to look at.
  template <class BeforeCall>
  static void run_instance(Instance& instance, StagedRun& run, BeforeCall before_call) {
    run.add(instance.share_plan());
    if (!run.watcher) return instance.run({run.cancel});
    std::vector<Hook> hooks = hooks_of(instance.plan(), *run.watcher->calls);
    std::list<std::function<void()>> calls;  // hooks point to them
    for (Hook& hook : hooks) {
      calls.push_back([&run, &before_call, call = hook.call] { before_call(run), (*call)(); });
      hook.call = &calls.back();
    }
    std::vector<NodeTime> before;  // the first reading turns timing on
    if (run.watcher->times || run.watcher->trace) read_times(instance.plan(), before);
    instance.run({run.cancel, &hooks, run.watcher->trace});
    if (run.watcher->times) read_times(instance.plan(), *run.watcher->times);
  }

  // Calls around a node that is in no plan.
  static void call_around(const Node& node, bool before, StagedRun& run) {
    if (!run.watcher) return;
    for (NodeCall& call : *run.watcher->calls)
      if (call.before == before && std::find(node.origins.begin(), node.origins.end(), call.node) != node.origins.end())
        call.call();
  }

  void run_alone(const Node& node, Values& values, StagedRun& run) {
    const Graph& graph = module_.main();
    std::vector<const Value*> inputs;
    for (TensorId id : node.inputs) inputs.push_back(id == kNone ? nullptr : &values.at(graph.tensor(id).name));
    call_around(node, true, run);
    std::vector<Value> outputs;
    if (is_loop(node)) {
      outputs = run_body(node, inputs, values, run);
    } else {
      const size_t before = runner_.single_.size();
      Instance& instance = single_instance(node, inputs, runner_.request_, runner_.single_);
      runner_.planned_ += runner_.single_.size() != before ? 1 : 0;
      run.add(instance.share_plan());
      std::vector<NodeTime> untimed;
      Trace* trace = run.watcher ? run.watcher->trace : nullptr;
      if (run.watcher && (run.watcher->times || trace)) read_times(instance.plan(), untimed);
      outputs = run_single(node, inputs, instance, run.cancel, trace);
      if (run.watcher && run.watcher->times) read_times(instance.plan(), *run.watcher->times);
    }
    for (size_t i = 0; i < node.outputs.size(); ++i)
      if (node.outputs[i] != kNone) put(values, graph.tensor(node.outputs[i]).name, std::move(outputs[i]), run);
    call_around(node, false, run);
  }

  std::vector<Value> run_body(const Node& node, const std::vector<const Value*>& inputs, const Values& around,
                              StagedRun& run) {
    const int32_t number = graph::nested_graphs(node).front();  // inference has checked it
    const Graph& graph = module_.graphs[static_cast<size_t>(number)];
    std::unique_ptr<DynamicRunner>& body = runner_.bodies_[number];
    if (!body)
      body = std::make_unique<DynamicRunner>(body_module(module_, runner_.module_.main(), number), runner_.request_,
                                             runner_.evaluator_, runner_.kept_);
    Values captured;
    const Graph& whole = body->module().main();
    for (size_t i = graph.inputs.size(); i < whole.inputs.size(); ++i) {
      const std::string& name = whole.tensor(whole.inputs[i]).name;
      const auto it = around.find(name);
      if (it == around.end())
        base::fail(ErrorCode::invalid_model, "the body of node \"%\" reads tensor \"%\", which nothing around it has",
                   {node.name, name});
      captured.insert(*it);
    }
    Body call(graph, *body, std::move(captured), run);
    return (node.op == Op::Loop ? run_loop : run_scan)(node, inputs, runner_.request_.limits, call);
  }

  DynamicRunner& runner_;
  Module module_, rest_;
  std::vector<std::vector<TensorId>> captured_;  // per node
  std::vector<size_t> ready_, alone_;            // indices of nodes
  std::vector<bool> done_;
  std::vector<bool> wanted_, needed_;  // in or after this stage; after it
  std::vector<std::string> output_names_;
  std::unique_ptr<Instance> instance_;
  Stages children_;
};

DynamicRunner::DynamicRunner(Module module, plan::Request request, graph::Evaluator* evaluator,
                             std::shared_ptr<const plan::Kept> kept)
    : module_(std::move(module)), request_(std::move(request)), evaluator_(evaluator), kept_(std::move(kept)) {}
DynamicRunner::~DynamicRunner() = default;

size_t DynamicRunner::planned() const {
  size_t count = planned_;
  for (const auto& [number, body] : bodies_) count += body->planned();
  return count;
}

// Values and shapes that never repeat must not fill the memory with plans. Roots, which hold most of the weights, go
// last.
void DynamicRunner::forget_old() {
  constexpr size_t kMostStages = 64, kMostRoots = 16;
  if (stages_ <= kMostStages) return;
  if (roots_.size() > kMostRoots) roots_.clear();
  for (const auto& [key, root] : roots_) root->children().clear();
  stages_ = roots_.size();
}

Stage& DynamicRunner::child(Stages& stages, const Module& rest, const Values& values, size_t parent_nodes,
                            Steering steering) {
  std::vector<bool> fixed = steering_tensors(rest.main());
  if (steering == Steering::open) fixed.assign(fixed.size(), false);
  const std::string key = key_of(rest.main(), values, fixed);
  const auto it = stages.find(key);
  if (it != stages.end()) return *it->second;
  Module next = rest;
  const size_t inputs_before = next.main().inputs.size();
  fix_inputs(next.main(), values, fixed);
  const bool embedded = next.main().inputs.size() < inputs_before;
  auto stage = std::make_unique<Stage>(*this, std::move(next));
  if (!embedded && stage->nodes_left() >= parent_nodes && !stage->finished())
    base::fail(ErrorCode::unsupported, "the shapes of % nodes cannot be found even while running: %",
               {stage->nodes_left(), list_nodes(stage->rest().main().nodes)});
  ++stages_;
  return *(stages[key] = std::move(stage));
}

std::shared_ptr<const plan::Plan> DynamicRunner::plan_first(const Values& inputs) {
  return child(roots_, module_, inputs, SIZE_MAX, Steering::open).plan();
}

std::vector<Value> DynamicRunner::describe_outputs(const Values& inputs) const {
  Module module = module_;
  try {
    fix_inputs(module.main(), inputs, std::vector<bool>(module.main().tensors.size()));
    graph::infer_shapes(module, {.evaluator = evaluator_});
  } catch (const Error&) {
    module = module_;  // it never runs, so what is wrong with it is no error; it says what it declares
  }
  std::vector<Value> described;
  for (TensorId id : module.main().outputs) {
    const graph::Tensor& tensor = module.main().tensor(id);
    Value& value = described.emplace_back(Value{tensor.type, {}, {}});
    if (tensor.shape)
      for (const graph::Dim& d : *tensor.shape) value.shape.push_back(d.known() ? d.value : 0);
  }
  return described;
}

std::vector<Value> DynamicRunner::run(Values values, StagedRun& run) {
  forget_old();
  Stages* stages = &roots_;
  const Module* rest = &module_;
  size_t parent_nodes = SIZE_MAX;
  Steering steering = Steering::open;
  while (true) {
    if (run.cancel && __atomic_load_n(run.cancel, __ATOMIC_RELAXED))
      base::fail(ErrorCode::cancelled, "the run was cancelled");
    Stage& stage = child(*stages, *rest, values, parent_nodes, steering);
    stage.run(values, run);
    rest = &stage.rest();
    parent_nodes = stage.nodes_left();
    stages = &stage.children();
    steering = Steering::fixed;
    if (stage.finished()) break;
  }
  std::vector<Value> results;
  for (TensorId id : rest->main().outputs) {
    const graph::Tensor& tensor = rest->main().tensor(id);
    const auto it = values.find(tensor.name);
    if (it != values.end()) results.push_back(it->second);
    else if (tensor.is_constant()) results.push_back({tensor.type, tensor.extents(), *tensor.constant});
    else base::fail(ErrorCode::internal, "output \"%\" was not computed", {tensor.name});
  }
  return results;
}

}  // namespace motley::run
