// Compiling and running small graphs on a plugin.
#include "runner.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "library.hpp"

namespace motley::check {

namespace {

constexpr size_t kGuard = 256;
constexpr std::byte kGuardByte{0xA5};

// Host memory of `size` bytes at an aligned address plus `offset`, with guard bytes before and behind.
class GuardedMemory {
 public:
  GuardedMemory(uint64_t size, uint64_t offset, uint64_t alignment) : size_(size), offset_(offset) {
    alignment = std::max<uint64_t>(alignment, 64);
    front_ = (kGuard + alignment - 1) / alignment * alignment;
    total_ = (front_ + offset + size + kGuard + alignment - 1) / alignment * alignment;
    memory_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, total_)));
    if (!memory_) throw std::bad_alloc();
    std::fill_n(memory_.get(), total_, kGuardByte);
  }
  std::byte* base() const { return memory_.get() + front_; }  // what `host` is set to; the bytes begin at base + offset
  std::byte* bytes() const { return base() + offset_; }
  bool intact() const {
    const auto guard = [](std::byte b) { return b == kGuardByte; };
    return std::all_of(memory_.get(), bytes(), guard) && std::all_of(bytes() + size_, memory_.get() + total_, guard);
  }

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  uint64_t size_, offset_, front_ = 0, total_ = 0;
};

// Memory of one binding, on the host or on the device.
class Place {
 public:
  Place(OpenDevice& device, uint64_t size, uint64_t offset, uint64_t alignment)
      : device_(device), size_(size), offset_(offset) {
    if (device.host_pointers()) {
      host_ = std::make_unique<GuardedMemory>(size, offset, alignment);
    } else {
      ErrorBuffer message;
      if (device.api().buffer_alloc(device.handle(), offset + std::max<uint64_t>(size, 1), &buffer_, &message.error) !=
              MOTLEY_OK ||
          !buffer_)
        throw std::runtime_error(std::string("buffer_alloc failed: ") + message.text);
    }
  }
  ~Place() {
    if (buffer_) device_.api().buffer_release(buffer_);
  }
  Place(const Place&) = delete;

  motley_binding binding() const { return {buffer_, host_ ? host_->base() : nullptr, offset_, size_}; }
  void write(const Bytes& bytes) { copy(const_cast<std::byte*>(bytes.data()), bytes.size(), true); }
  Bytes read() {
    Bytes bytes(size_);
    copy(bytes.data(), size_, false);
    return bytes;
  }
  bool intact() const { return !host_ || host_->intact(); }

 private:
  void copy(std::byte* bytes, size_t size, bool in) {
    std::byte* memory = host_ ? host_->bytes() : nullptr;
    if (!host_) {
      ErrorBuffer message;
      void* mapped = nullptr;
      if (device_.api().buffer_map(buffer_, &mapped, &message.error) != MOTLEY_OK || !mapped)
        throw std::runtime_error(std::string("buffer_map failed: ") + message.text);
      memory = static_cast<std::byte*>(mapped) + offset_;
    }
    if (size) in ? std::memcpy(memory, bytes, size) : std::memcpy(bytes, memory, size);
    if (!host_ && device_.api().buffer_unmap) device_.api().buffer_unmap(buffer_);
  }
  OpenDevice& device_;
  uint64_t size_, offset_;
  std::unique_ptr<GuardedMemory> host_;
  motley_buffer* buffer_ = nullptr;
};

}  // namespace

OpenDevice::OpenDevice(const motley_plugin& api, const motley_device_info& info) : api_(api), info_(info) {
  ErrorBuffer message;
  if (api_.device_open(info.index, &handle_, &message.error) != MOTLEY_OK || !handle_)
    throw std::runtime_error(std::string("device_open failed for \"") + info.id + "\": " + message.text);
}
OpenDevice::~OpenDevice() { api_.device_close(handle_); }

std::vector<std::string> query(OpenDevice& device, const motley_graph& graph) {
  struct Answers {
    std::vector<std::string> reasons;
    std::vector<bool> seen;
  } answers;
  const auto* model = schema::GetModel(graph.model.data);
  const size_t nodes = model->graphs()->Get(0)->nodes() ? model->graphs()->Get(0)->nodes()->size() : 0;
  answers.reasons.resize(nodes);
  answers.seen.resize(nodes);
  motley_support_sink sink{sizeof sink, &answers,
                           [](void* context, uint32_t node, motley_status verdict, const char* reason) {
                             auto& a = *static_cast<Answers*>(context);
                             if (node >= a.seen.size()) return;
                             a.seen[node] = true;
                             if (verdict != MOTLEY_OK)
                               a.reasons[node] = reason && *reason ? reason : "(no reason given)";
                           },
                           [](void*, const motley_candidate*) {}};
  ErrorBuffer message;
  if (device.api().query_support(device.handle(), &graph, &sink, &message.error) != MOTLEY_OK)
    throw std::runtime_error(std::string("query_support failed on a valid graph: ") + message.text);
  if (std::find(answers.seen.begin(), answers.seen.end(), false) != answers.seen.end())
    throw std::runtime_error("query_support gave no answer for a node");
  return answers.reasons;
}

Program::Program(OpenDevice& device, const graph::Graph& graph, const std::string& config)
    : device_(device), serialized_(model::serialize(graph)) {
  for (graph::TensorId id : graph.inputs) input_bytes_.push_back(graph.tensor(id).bytes());
  for (graph::TensorId id : graph.outputs) output_bytes_.push_back(graph.tensor(id).bytes());
  const motley_graph view = serialized_.view();
  const motley_node_config node_config{0, config.c_str()};
  const motley_compile_options options{sizeof options, config.empty() ? 0u : 1u, &node_config};
  ErrorBuffer message;
  if (device.api().compile(device.handle(), &view, &options, &executable_, &message.error) != MOTLEY_OK || !executable_)
    throw std::runtime_error(std::string("compile failed on what query_support accepted: ") + message.text);
  requirements_.struct_size = sizeof requirements_;
  requirements_.alignment = 64;
  if (device.api().exec_requirements && device.api().exec_requirements(executable_, &requirements_) != MOTLEY_OK)
    throw std::runtime_error("exec_requirements failed");
  const uint32_t a = requirements_.alignment;
  if (a == 0 || (a & (a - 1)) || a > 4096)
    throw std::runtime_error("exec_requirements asks for an alignment of " + std::to_string(a) +
                             " (a power of two up to 4096 is allowed)");
}
Program::~Program() {
  if (executable_) device_.api().exec_release(executable_);
}

std::vector<Bytes> Program::run(const std::vector<Bytes>& inputs, uint64_t offset) {
  std::vector<std::unique_ptr<Place>> places;
  std::vector<motley_binding> in, out;
  const auto add = [&](uint64_t size) {
    places.push_back(std::make_unique<Place>(device_, size, offset, requirements_.alignment));
    return places.back()->binding();
  };
  for (size_t i = 0; i < input_bytes_.size(); ++i) {
    in.push_back(add(input_bytes_[i]));
    places.back()->write(inputs[i]);
  }
  for (uint64_t size : output_bytes_) out.push_back(add(size));
  motley_submission s{};
  s.struct_size = sizeof s;
  s.inputs = in.data();
  s.input_count = static_cast<uint32_t>(in.size());
  s.outputs = out.data();
  s.output_count = static_cast<uint32_t>(out.size());
  if (requirements_.scratch_bytes) s.scratch = add(requirements_.scratch_bytes);
  s.signal_value = 1;

  ErrorBuffer message;
  motley_queue* queue = nullptr;
  if (device_.api().queue_create && device_.api().queue_create(device_.handle(), &queue, &message.error) != MOTLEY_OK)
    throw std::runtime_error(std::string("queue_create failed: ") + message.text);
  motley_status status = device_.api().submit(device_.handle(), queue, executable_, &s, &message.error);
  if (status == MOTLEY_OK && queue) status = device_.api().fence_wait(queue, 1, 60'000'000'000ull, &message.error);
  if (queue) device_.api().queue_destroy(queue);
  if (status != MOTLEY_OK) throw std::runtime_error(std::string("submit failed: ") + message.text);

  for (const auto& place : places)
    if (!place->intact()) throw std::runtime_error("it wrote outside the memory it was bound to");
  for (size_t i = 0; i < inputs.size(); ++i)
    if (places[i]->read() != inputs[i]) throw std::runtime_error("it changed its input " + std::to_string(i));
  std::vector<Bytes> results;
  for (size_t i = 0; i < out.size(); ++i) results.push_back(places[in.size() + i]->read());
  return results;
}

}  // namespace motley::check
