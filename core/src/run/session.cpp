// Session: naming tensors, running, re-planning.
#include <algorithm>
#include <cstring>
#include <optional>

#include "base/glob.hpp"
#include "base/text.hpp"
#include "run/evaluate.hpp"
#include "run/session_state.hpp"

namespace motley {

using detail::SessionState;
using graph::kNone;
using graph::TensorId;

namespace detail {

namespace {

// Keeps what a session shows up to date while stages run.
class SessionWatcher final : public run::Watcher {
 public:
  explicit SessionWatcher(SessionState& session) : session_(session) {
    calls = &session.callbacks;
    times = session.profiling ? &session.times : nullptr;
    trace = session.trace.get();
  }
  void show(const std::string& tensor, const run::Value& value) override {
    for (size_t i = session_.input_memory.size(); i < session_.visible.size(); ++i)
      if (session_.visible[i].name == tensor) session_.show(i, value);
  }

 private:
  SessionState& session_;
};

}  // namespace

SessionState::Planned SessionState::make_plan() {
  if (!evaluator) {
    plan::DeviceList devices;  // any but the denied ones
    for (const auto& device : runtime->devices)
      if (!base::matches_any(options.deny, device->name())) devices.push_back(device);
    evaluator = std::make_unique<run::DeviceEvaluator>(std::move(devices));
  }
  plan::Prepared prepared = plan::prepare(*module, request, evaluator.get());
  Planned made{request.shapes, nullptr, nullptr, {}, {}, nullptr};
  if (!prepared.staged) {
    made.plan = plan::build_plan(std::move(prepared), request);
    return made;
  }
  const graph::Graph& graph = prepared.staged->main();
  run::Values inputs;  // without data
  for (TensorId id : graph.inputs) {
    const graph::Tensor& tensor = graph.tensor(id);
    made.inputs.push_back({tensor.name, static_cast<DataType>(tensor.type), tensor.extents(), {}});
    inputs[tensor.name] = {tensor.type, tensor.extents(), {}};
  }
  for (size_t i = 0; i < prepared.output_count; ++i)
    made.outputs.push_back(
        {prepared.output_names[i], static_cast<DataType>(graph.tensor(graph.outputs[i]).type), {0}, {}});
  made.kept =
      std::make_shared<const plan::Kept>(plan::Kept{std::move(prepared.kept_nodes), std::move(prepared.kept_tensors)});
  made.staged = std::make_shared<run::DynamicRunner>(std::move(*prepared.staged), request, evaluator.get(), made.kept);
  made.staged->plan_first(inputs);
  return made;
}

void SessionState::plan_now() {
  const plan::DeviceList devices = request.devices;
  const size_t lost_before = lost.size();
  std::optional<plugin::DeviceFailure> first;
  while (true) {
    try {
      return plan_once();
    } catch (const plugin::DeviceFailure& failure) {
      if (!first) first = failure;
      if (drop(failure)) continue;
    } catch (const Error& error) {
      if (!first || error.code() != ErrorCode::unsupported) throw;
    }
    request.devices = devices;  // nothing is left that can do it: the first failure is what there is to say
    lost.resize(lost_before);
    plans.clear();
    throw *first;
  }
}

void SessionState::plan_once() {
  const auto cached =
      std::find_if(plans.begin(), plans.end(), [&](const Planned& p) { return p.shapes == request.shapes; });
  if (cached != plans.end()) {
    plans.splice(plans.begin(), plans, cached);
  } else {
    plans.push_front(make_plan());
    plans_made += plans.front().plan ? 1 : 0;
    if (plans.size() > kCachedPlans) plans.pop_back();
  }
  instance.reset();  // its memory goes before the next one's comes
  if (plans.front().staged) return enter_stages();
  instance = std::make_unique<run::Instance>(plans.front().plan);
  refresh_visible();
  hooks = run::hooks_of(instance->plan(), callbacks);
  if (profiling || trace) read_profile();
}

void SessionState::enter_stages() {
  visible.clear();
  input_memory.clear();
  results.clear();
  last_plans.clear();
  const auto add = [this](const TensorInfo& info, bool is_input) {
    Visible tensor;
    tensor.name = info.name;
    tensor.is_input = is_input;
    tensor.is_output = !is_input;
    tensor.type = info.type;
    tensor.shape = info.shape;
    tensor.bytes = is_input ? size_of(info.type) : 0;
    for (int64_t d : info.shape) tensor.bytes *= static_cast<uint64_t>(d);
    visible.push_back(std::move(tensor));
  };
  for (const TensorInfo& info : plans.front().inputs) {
    add(info, true);
    input_memory.push_back(std::make_unique<run::AlignedBlock>(visible.back().bytes));
    std::memset(input_memory.back()->data(), 0, input_memory.back()->bytes());
  }
  for (const TensorInfo& info : plans.front().outputs) add(info, false);
  for (const std::string& name : plans.front().kept->tensors) {
    if (std::any_of(visible.begin(), visible.end(), [&](const Visible& v) { return v.name == name; })) continue;
    add({name, DataType::undefined, {0}, {}}, false);
    visible.back().is_output = false;
  }
  results.resize(visible.size() - input_memory.size());
  run::Values inputs;
  for (const TensorInfo& info : plans.front().inputs)
    inputs[info.name] = {static_cast<schema::DataType>(info.type), info.shape, {}};
  if (const auto plan = plans.front().staged->plan_first(inputs)) last_plans = {plan};
}

void SessionState::show(size_t index, const run::Value& value) {
  Visible& v = visible[index];
  v.type = static_cast<DataType>(value.type);
  v.shape = value.shape;
  v.bytes = value.data.bytes;
  results[index - input_memory.size()] = value;
}

void SessionState::run_stages() {
  run::Values values;
  for (size_t i = 0; i < input_memory.size(); ++i) {
    const Visible& v = visible[i];
    values[v.name] = {static_cast<schema::DataType>(v.type), v.shape, graph::Constant{memory(v), v.bytes, nullptr}};
  }
  results.assign(results.size(), {});
  times.clear();
  SessionWatcher watcher(*this);
  run::StagedRun run{&cancel, &watcher};
  const std::vector<run::Value> outputs = plans.front().staged->run(std::move(values), run);
  last_plans = std::move(run.plans);
  for (size_t i = 0; i < plans.front().outputs.size(); ++i) {
    run::Value value = outputs[i];
    // An output that is an input must not change when the caller writes the next input.
    if (!value.data.owner) value.data = graph::Constant::copy_of(value.data.data, value.data.bytes);
    show(input_memory.size() + i, value);
  }
}

void* SessionState::memory(const Visible& v) const {
  if (instance) return instance->memory(v.id);
  if (v.bound) return v.bound;
  const auto index = static_cast<size_t>(&v - visible.data());
  if (index < input_memory.size()) return input_memory[index]->data();
  const size_t output = index - input_memory.size();
  return output < results.size() ? const_cast<void*>(results[output].data.data) : nullptr;
}

void SessionState::refresh_visible() {
  const plan::Plan& plan = instance->plan();
  const auto refer = [&](size_t index, const std::string& name, TensorId id, bool in, bool out) {
    if (index == visible.size()) visible.emplace_back();
    Visible& tensor = visible[index];
    const graph::Tensor& source = plan.graph.tensor(id);
    tensor.name = name;
    tensor.id = id;
    tensor.is_input = in;
    tensor.is_output = out;
    tensor.type = static_cast<DataType>(source.type);
    tensor.shape = source.extents();
    tensor.bytes = source.bytes();
    tensor.bound = nullptr;
  };
  size_t next = 0;
  for (TensorId id : plan.graph.inputs) refer(next++, plan.graph.tensor(id).name, id, true, false);
  for (size_t i = 0; i < plan.graph.outputs.size(); ++i)
    refer(next++, plan.output_names[i], plan.graph.outputs[i], false, i < plan.output_count);
}

void SessionState::run() {
  __atomic_store_n(&cancel, 0u, __ATOMIC_RELAXED);
  try {
    run_once();
  } catch (const plugin::DeviceFailure& failure) {
    recover(failure);
  }
}

void SessionState::run_once() {
  const uint64_t begin = trace ? run::Trace::now() : 0;
  if (is_staged()) {
    run_stages();
  } else {
    instance->run({&cancel, &hooks, trace.get()});
    if (profiling) read_profile();
  }
  if (trace) trace->add_event({TraceEvent::Kind::run, "run", "host", "", 0, 0, begin, run::Trace::now()});
}

void SessionState::read_profile() {
  times.clear();
  if (is_staged()) return;
  run::read_times(instance->plan(), times);
}

size_t SessionState::find(std::string_view name, bool (*role)(const Visible&), const char* what) const {
  std::string known;
  for (size_t i = 0; i < visible.size(); ++i) {
    if (!role(visible[i])) continue;
    if (visible[i].name == name) return i;
    known += base::text("%%\"", {(known.empty() ? "\"" : ", \""), visible[i].name});
  }
  base::fail(ErrorCode::not_found, "% \"%\" does not exist; the session has %",
             {what, name, (known.empty() ? "none" : known)});
}

}  // namespace detail

Session::Session(std::unique_ptr<SessionState> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

TensorRef Session::input(std::string_view name) {
  return {state_.get(),
          state_->find(
              name, [](const SessionState::Visible& v) { return v.is_input; }, "input"),
          true};
}
TensorRef Session::output(std::string_view name) {
  return {state_.get(),
          state_->find(
              name, [](const SessionState::Visible& v) { return v.is_output; }, "output"),
          false};
}
TensorRef Session::tensor(std::string_view name) {
  return {state_.get(),
          state_->find(
              name, [](const SessionState::Visible&) { return true; }, "tensor"),
          false};
}
std::vector<std::string> Session::input_names() const {
  std::vector<std::string> names;
  for (const auto& v : state_->visible)
    if (v.is_input) names.push_back(v.name);
  return names;
}
std::vector<std::string> Session::output_names() const {
  std::vector<std::string> names;
  for (const auto& v : state_->visible)
    if (v.is_output) names.push_back(v.name);
  return names;
}

void Session::run() { state_->run(); }
std::future<void> Session::run_async() {
  return std::async(std::launch::async, [state = state_.get()] { state->run(); });
}
void Session::cancel() noexcept { __atomic_store_n(&state_->cancel, 1u, __ATOMIC_RELAXED); }

void Session::resize(const InputShapes& shapes) {
  const InputShapes before = state_->request.shapes;
  for (const auto& [name, shape] : shapes) state_->request.shapes[name] = shape;
  try {
    state_->plan_now();
    state_->outlived.clear();
  } catch (...) {
    state_->request.shapes = before;
    if (!state_->instance && (state_->plans.empty() || !state_->plans.front().staged)) state_->plan_now();
    throw;
  }
}

namespace {

void add_callback(SessionState& state, std::string_view name, Session::NodeCallback callback, bool before) {
  const auto& kept = state.is_staged() ? state.plans.front().kept->nodes : state.instance->plan().kept_nodes;
  const graph::Graph* graph = nullptr;
  const graph::Node* node = nullptr;
  for (const graph::Graph& g : state.module->graphs)
    for (const graph::Node& n : g.nodes)
      if (!node && n.name == name) graph = &g, node = &n;
  if (!node) base::fail(ErrorCode::not_found, "node \"%\" does not exist in the model", {name});
  if (!kept.count(std::string(name)))
    base::fail(ErrorCode::not_found, "node \"%\" is not observable in this session; name it in CompileOptions::keep",
               {name});
  NodeInfo info;
  info.name = node->name;
  info.op = graph::describe_op(*node);
  const auto tensor_name = [&](TensorId id) { return id == kNone ? std::string() : graph->tensor(id).name; };
  for (TensorId id : node->inputs) info.inputs.push_back(tensor_name(id));
  for (TensorId id : node->outputs) info.outputs.push_back(tensor_name(id));
  state.callbacks.push_back({info.name, before, [info, callback = std::move(callback)] { callback(info); }});
  if (!state.is_staged()) state.hooks = run::hooks_of(state.instance->plan(), state.callbacks);
}

}  // namespace

void Session::before(std::string_view node, NodeCallback callback) {
  add_callback(*state_, node, std::move(callback), true);
}
void Session::after(std::string_view node, NodeCallback callback) {
  add_callback(*state_, node, std::move(callback), false);
}

void Session::set_profiling(bool on) {
  state_->profiling = on;
  if (on) state_->read_profile();  // the first reading turns it on in the plugins
  state_->times.clear();
}
void Session::set_tracing(bool on) {
  if (on == (state_->trace != nullptr)) return;
  state_->trace = on ? std::make_unique<run::Trace>() : nullptr;
  if (on) state_->read_profile();
  state_->times.clear();
}
std::vector<TraceEvent> Session::trace() const {
  return state_->trace ? state_->trace->sorted() : std::vector<TraceEvent>();
}
std::vector<NodeTime> Session::node_times() const { return state_->times; }
size_t Session::plans_made() const {
  size_t count = state_->plans_made;
  for (const auto& planned : state_->plans)
    if (planned.staged) count += planned.staged->planned();
  return count;
}

Explanation Session::explain() const {
  Explanation result;
  result.lost = state_->lost;
  result.table = state_->table_use;
  if (!state_->is_staged()) {
    detail::explain(state_->instance->plan(), state_->request, result, state_->instance.get());
  } else {
    for (const auto& plan : state_->last_plans)
      if (const auto alive = plan.lock()) detail::explain(*alive, state_->request, result, nullptr);
  }
  return result;
}

// ---- TensorRef ----

namespace {
SessionState::Visible& at(SessionState* session, size_t index) { return session->visible[index]; }
std::string role(const SessionState::Visible& v) {
  return base::text("%%\"", {(v.is_input ? "input \"" : v.is_output ? "output \"" : "tensor \""), v.name});
}
}  // namespace

const std::string& TensorRef::name() const { return at(session_, index_).name; }
DataType TensorRef::type() const { return at(session_, index_).type; }
std::span<const int64_t> TensorRef::shape() const { return at(session_, index_).shape; }
int64_t TensorRef::elements() const {
  int64_t n = 1;
  for (int64_t d : shape()) n *= d;
  return n;
}
size_t TensorRef::bytes() const { return at(session_, index_).bytes; }
const void* TensorRef::data() const { return session_->memory(at(session_, index_)); }

void TensorRef::check_type(DataType type) const {
  const auto& v = at(session_, index_);
  if (v.type != type)
    base::fail(ErrorCode::invalid_argument, "% has type % (asked for %)",
               {role(v), motley::to_string(v.type), motley::to_string(type)});
}

void TensorRef::write(const void* values, size_t count, DataType type) {
  check_type(type);
  const auto& v = at(session_, index_);
  if (count != static_cast<size_t>(elements()))
    base::fail(ErrorCode::invalid_argument, "% takes % elements (got %); resize the session or the data",
               {role(v), elements(), count});
  copy_from_bytes({static_cast<const std::byte*>(values), v.bytes});
}

void TensorRef::copy_from_bytes(std::span<const std::byte> source) {
  const auto& v = at(session_, index_);
  if (!writable_) base::fail(ErrorCode::invalid_argument, "% cannot be written; only inputs can", {role(v)});
  if (source.size() != v.bytes)
    base::fail(ErrorCode::invalid_argument, "% takes % bytes (got %)", {role(v), v.bytes, source.size()});
  if (v.bytes) std::memcpy(session_->memory(v), source.data(), v.bytes);
}

void TensorRef::bind(std::span<std::byte> memory) {
  auto& v = at(session_, index_);
  if (!v.is_input && !v.is_output)
    base::fail(ErrorCode::invalid_argument, "% cannot be bound; only inputs and outputs can", {role(v)});
  if (session_->is_staged()) {
    if (v.is_output)
      base::fail(ErrorCode::unsupported, "% has a size that depends on data and cannot be bound; copy it", {role(v)});
  } else {
    const plan::Slot::Kind kind = session_->instance->plan().slots.at(v.id).kind;
    if (kind == plan::Slot::Kind::constant || (kind == plan::Slot::Kind::input && v.is_output))
      base::fail(ErrorCode::unsupported, "% equals a constant or an input of the network and cannot be bound; copy it",
                 {role(v)});
  }
  if (!memory.empty()) {
    if (memory.size() < v.bytes)
      base::fail(ErrorCode::invalid_argument, "% needs % bytes (bound memory has %)",
                 {role(v), v.bytes, memory.size()});
    if (reinterpret_cast<uintptr_t>(memory.data()) % 64 != 0)
      base::fail(ErrorCode::invalid_argument,
                 "% is bound to memory that is not aligned to 64 bytes; use aligned memory or copy_from", {role(v)});
  }
  v.bound = memory.empty() ? nullptr : memory.data();
  if (!session_->is_staged()) session_->instance->bind(v.id, v.bound);
}

}  // namespace motley
