// Compiling and running small graphs on a plugin.
#include "runner.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace motley::check {

namespace {

constexpr uint64_t kPatience = 60'000'000'000;  // ns; a group's own time limit is shorter or hardly longer
constexpr uint64_t kConstantAlignment = 64;
constexpr uint64_t kModelAlignment = 16;

// A copy that ends where the page ends, as far as alignment lets it.
std::pair<std::unique_ptr<GuardedPages>, motley_bytes> at_page_end(const void* data, uint64_t size, uint64_t alignment,
                                                                   const std::string& label) {
  auto pages = std::make_unique<GuardedPages>(size, label);
  std::fill(pages->begin(), pages->end(), std::byte{0xff});
  std::byte* begin = pages->begin() + (pages->size() - size) / alignment * alignment;
  if (size) std::memcpy(begin, data, size);
  return {std::move(pages), motley_bytes{begin, size}};
}

}  // namespace

OpenDevice::OpenDevice(const motley_plugin& api, const motley_device_info& info) : api_(api), info_(info) {
  ErrorBuffer message;
  succeed("device_open", message, [&] { return api_.device_open(info.index, &handle_, &message.error); });
  if (!handle_) throw std::runtime_error("device_open returned OK and no device");
}
OpenDevice::~OpenDevice() { api_.device_close(handle_); }

Answers ask(OpenDevice& device, const motley_graph& graph) {
  struct Context {
    Answers answers;
    std::vector<int> seen;
    bool odd = false;
  } context;
  const auto* model = schema::GetModel(graph.model.data);
  const size_t nodes = model->graphs()->Get(0)->nodes() ? model->graphs()->Get(0)->nodes()->size() : 0;
  context.answers.reasons.resize(nodes);
  context.seen.resize(nodes);
  motley_support_sink sink{};
  sink.struct_size = sizeof sink;
  sink.context = &context;
  sink.node = [](void* pointer, uint32_t node, motley_status verdict, const char* reason) {
    auto& c = *static_cast<Context*>(pointer);
    if (node >= c.seen.size()) {
      c.odd = true;
      return;
    }
    ++c.seen[node];
    if (verdict != MOTLEY_OK) c.answers.reasons[node] = reason && *reason ? reason : "(no reason given)";
  };
  sink.candidate = [](void* pointer, const motley_candidate* candidate) {
    motley_candidate c{};
    std::memcpy(&c, candidate, std::min<size_t>(candidate->struct_size, sizeof c));
    static_cast<Context*>(pointer)->answers.offers.push_back(
        {{c.nodes, c.nodes + c.node_count}, c.layout, c.precision, c.cost_ns, c.config ? c.config : ""});
  };
  ErrorBuffer message;
  const motley_status status =
      call("query_support", [&] { return device.api().query_support(device.handle(), &graph, &sink, &message.error); });
  if (status != MOTLEY_OK)
    throw std::runtime_error(std::string("query_support failed on a valid graph: ") + message.text);
  if (context.odd) throw std::runtime_error("query_support answers for a node that the graph does not have");
  for (int times : context.seen)
    if (times != 1)
      throw std::runtime_error("query_support answered " + std::to_string(times) + " times for a node (once is right)");
  return std::move(context.answers);
}

std::vector<std::string> query(OpenDevice& device, const motley_graph& graph) { return ask(device, graph).reasons; }

SharedGraph::SharedGraph(model::SerializedGraph serialized) : serialized_(std::move(serialized)) {
  view_ = serialized_.view();
  std::tie(model_, view_.model) = at_page_end(serialized_.model.data(), serialized_.model.size(), kModelAlignment,
                                              "the graph (valid for the call)");
  for (size_t i = 0; i < serialized_.constants.size(); ++i) {
    const motley_bytes& c = serialized_.constants[i];
    auto [pages, bytes] = at_page_end(c.data, c.size, kConstantAlignment, "constant " + std::to_string(i));
    pages->make_read_only();
    constant_pages_.push_back(std::move(pages));
    constants_.push_back(bytes);
  }
  view_.constants = constants_.data();
}

Queue::Queue(OpenDevice& device) : device_(device) {
  if (!device.api().queue_create) return;
  ErrorBuffer message;
  succeed("queue_create", message,
          [&] { return device.api().queue_create(device.handle(), &handle_, &message.error); });
  if (!handle_) throw std::runtime_error("queue_create returned OK and no queue");
}
Queue::~Queue() {
  if (handle_) device_.api().queue_destroy(handle_);
}
motley_status Queue::wait(uint64_t value, uint64_t timeout_ns, ErrorBuffer& message) const {
  if (!handle_) return MOTLEY_OK;
  return call("fence_wait", [&] { return device_.api().fence_wait(handle_, value, timeout_ns, &message.error); });
}

Program::Program(OpenDevice& device, const graph::Graph& graph, model::SerializedGraph segment,
                 const std::string& config)
    : device_(device), shared_(std::move(segment)) {
  for (graph::TensorId id : graph.inputs) input_bytes_.push_back(graph.tensor(id).bytes());
  for (graph::TensorId id : graph.outputs) output_bytes_.push_back(graph.tensor(id).bytes());
  compile(config);
}
Program::Program(OpenDevice& device, const graph::Graph& graph, const std::string& config)
    : Program(device, graph, model::serialize(graph), config) {}

Program::Program(OpenDevice& device, const graph::Graph& graph, const Bytes& cache)
    : device_(device), shared_(model::serialize(graph)) {
  for (graph::TensorId id : graph.inputs) input_bytes_.push_back(graph.tensor(id).bytes());
  for (graph::TensorId id : graph.outputs) output_bytes_.push_back(graph.tensor(id).bytes());
  auto [pages, bytes] = at_page_end(cache.data(), cache.size(), 1, "the cache (valid for the call)");
  ErrorBuffer message;
  succeed("exec_import", message, [&, b = bytes] {
    return device.api().exec_import(device.handle(), &shared_.view(), b, &executable_, &message.error);
  });
  if (!executable_) throw std::runtime_error("exec_import returned OK and no executable");
  shared_.end_of_call();
  read_requirements();
}

void Program::compile(const std::string& config) {
  std::string choice = config;  // gone after the call, as the FlatBuffer is
  const motley_node_config node_config{0, choice.c_str()};
  const motley_compile_options options{sizeof options, config.empty() ? 0u : 1u, &node_config, 0};
  ErrorBuffer message;
  const motley_status status = call("compile", [&] {
    return device_.api().compile(device_.handle(), &shared_.view(), &options, &executable_, &message.error);
  });
  if (status != MOTLEY_OK || !executable_)
    throw std::runtime_error(std::string("compile failed on what query_support accepted: ") + message.text);
  shared_.end_of_call();
  read_requirements();
}

void Program::read_requirements() {
  requirements_.struct_size = sizeof requirements_;
  requirements_.alignment = 64;
  if (!device_.api().exec_requirements) return;
  if (call("exec_requirements", [&] { return device_.api().exec_requirements(executable_, &requirements_); }) !=
      MOTLEY_OK)
    throw std::runtime_error("exec_requirements failed");
  const uint32_t a = requirements_.alignment;
  if (a == 0 || (a & (a - 1)) || a > 4096)
    throw std::runtime_error("exec_requirements asks for an alignment of " + std::to_string(a) +
                             " (a power of two up to 4096 is allowed)");
  if (requirements_.scratch_bytes > (uint64_t{1} << 32))
    throw std::runtime_error("exec_requirements asks for " + std::to_string(requirements_.scratch_bytes) +
                             " bytes of scratch for a graph of a few kilobytes");
}
Program::~Program() {
  if (executable_) device_.api().exec_release(executable_);
}

std::vector<Bytes> Program::run(const std::vector<Bytes>& inputs, Layout layout) {
  const Queue queue(device_);
  Run run(*this, inputs, layout);
  ErrorBuffer message;
  motley_status status = run.submit(queue, 1, message);
  if (status != MOTLEY_OK)
    throw std::runtime_error(std::string("submit failed (") + status_name(status) + "): " + message.text);
  status = queue.wait(1, kPatience, message);
  if (status != MOTLEY_OK)
    throw std::runtime_error(std::string("fence_wait failed (") + status_name(status) + "): " + message.text);
  return run.outputs();
}

Run::Run(Program& program, std::vector<Bytes> inputs, Layout layout)
    : program_(program),
      inputs_(std::move(inputs)),
      memory_(program.device(), program.input_bytes(), program.output_bytes(), program.requirements().scratch_bytes,
              program.requirements().alignment, layout) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    memory_.write_input(i, inputs_[i]);
    in_.push_back(memory_.input(i));
  }
  for (size_t i = 0; i < program.output_bytes().size(); ++i) out_.push_back(memory_.output(i));
  submission_.struct_size = sizeof submission_;
  submission_.inputs = in_.data();
  submission_.input_count = static_cast<uint32_t>(in_.size());
  submission_.outputs = out_.data();
  submission_.output_count = static_cast<uint32_t>(out_.size());
  submission_.scratch = memory_.scratch();
}

void Run::read_from(const Run& other, size_t to) { in_[to] = other.out_[0]; }

motley_status Run::submit(const Queue& queue, uint64_t value, ErrorBuffer& message) {
  submission_.signal_value = value;
  OpenDevice& device = program_.device();
  return call("submit", [&] {
    return device.api().submit(device.handle(), queue.handle(), program_.handle(), &submission_, &message.error);
  });
}

std::vector<Bytes> Run::outputs() {
  memory_.verify(inputs_);
  std::vector<Bytes> results;
  for (size_t i = 0; i < out_.size(); ++i) results.push_back(memory_.read_output(i));
  return results;
}

}  // namespace motley::check
