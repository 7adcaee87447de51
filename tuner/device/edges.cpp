// What it costs to move bytes.
#include "device/edges.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>

#include "base/text.hpp"
#include "device/bench.hpp"
#include "plan/plan.hpp"
#include "plugin/call.hpp"

namespace motley::tuner {

namespace {

constexpr double kLeastNs = 100'000;  // moved again and again until it takes this long
constexpr size_t kMostMoves = 64;
constexpr size_t kAlignment = 4096;

void check(motley_status status, const plugin::ErrorRoom& room, plugin::Device& device, const char* what) {
  if (status != MOTLEY_OK)
    base::fail(ErrorCode::plugin, "the device \"%\" fails to % (%)", {device.name(), what, room.describe(status)});
}

double timed(const std::function<void()>& work) {
  const auto once = [&](size_t times) {
    const auto begin = std::chrono::steady_clock::now();
    for (size_t i = 0; i < times; ++i) work();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    return std::max(took.count() / static_cast<double>(times), 1.0);
  };
  work();  // pages, caches
  return once(std::clamp<size_t>(static_cast<size_t>(kLeastNs / once(1)), 1, kMostMoves));
}

// Memory on the host, aligned as sessions align it.
class HostMemory {
 public:
  explicit HostMemory(uint64_t bytes) : bytes_(bytes + kAlignment) {
    data_ = bytes_.data() + (kAlignment - reinterpret_cast<uintptr_t>(bytes_.data()) % kAlignment) % kAlignment;
  }
  uint8_t* data() const { return data_; }

 private:
  std::vector<uint8_t> bytes_;
  uint8_t* data_;
};

// A buffer of a device, its own or over the host's memory.
class DeviceMemory {
 public:
  DeviceMemory(plugin::Device& device, uint64_t bytes, void* host) : device_(device), bytes_(bytes) {
    plugin::ErrorRoom room;
    const motley_status status = plugin::guarded(room, [&] {
      return host ? device.api().buffer_import(device.handle(), host, bytes, &buffer_, &room.error)
                  : device.api().buffer_alloc(device.handle(), bytes, &buffer_, &room.error);
    });
    check(status, room, device, "give memory");
  }
  ~DeviceMemory() { device_.api().buffer_release(buffer_); }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  // As the runtime does: `access` of motley_map_access where that is not both.
  uint8_t* map(uint32_t access = MOTLEY_MAP_READ | MOTLEY_MAP_WRITE) const {
    const motley_plugin& api = device_.api();
    const bool both = access == (MOTLEY_MAP_READ | MOTLEY_MAP_WRITE);
    void* host = nullptr;
    plugin::ErrorRoom room;
    const auto call = [&] {
      return !both && api.buffer_map_for ? api.buffer_map_for(buffer_, access, &host, &room.error)
                                         : api.buffer_map(buffer_, &host, &room.error);
    };
    check(plugin::guarded(room, call), room, device_, "map memory");
    return static_cast<uint8_t*>(host);
  }
  void unmap() const { device_.api().buffer_unmap(buffer_); }
  motley_binding binding() const { return {buffer_, nullptr, 0, bytes_}; }

 private:
  plugin::Device& device_;
  uint64_t bytes_;
  motley_buffer* buffer_ = nullptr;
};

class Queue {
 public:
  explicit Queue(plugin::Device& device) : device_(device) {
    plugin::ErrorRoom room;
    check(plugin::guarded(room, [&] { return device.api().queue_create(device.handle(), &queue_, &room.error); }), room,
          device, "make a queue");
  }
  ~Queue() { device_.api().queue_destroy(queue_); }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  void copy(const motley_binding& from, const motley_binding& to) {
    motley_copy copy{};
    copy.struct_size = sizeof copy;
    copy.from = from;
    copy.to = to;
    copy.signal_value = ++timeline_;
    plugin::ErrorRoom room;
    const motley_status status = plugin::guarded(room, [&] {
      const motley_status begun = device_.api().copy(device_.handle(), queue_, &copy, &room.error);
      return begun == MOTLEY_OK ? device_.api().fence_wait(queue_, timeline_, UINT64_MAX, &room.error) : begun;
    });
    check(status, room, device_, "copy");
  }

 private:
  plugin::Device& device_;
  motley_queue* queue_ = nullptr;
  uint64_t timeline_ = 0;
};

// Memory is given back and forth, which is half for each direction.
double import_ns(plugin::Device& device, uint64_t bytes) {
  const HostMemory host(bytes);
  const DeviceMemory memory(device, bytes, host.data());
  return timed([&] {
           memory.map();
           memory.unmap();
         }) /
         2;
}

double copy_ns(const Edge& edge, uint64_t bytes) {
  plugin::Device& device = edge.to ? *edge.to : *edge.from;
  Queue queue(device);
  const HostMemory host(bytes);
  const DeviceMemory memory(device, bytes, nullptr);
  const motley_binding there{nullptr, host.data(), 0, bytes};
  if (!edge.from) return timed([&] { queue.copy(there, memory.binding()); });
  if (!edge.to) return timed([&] { queue.copy(memory.binding(), there); });
  const DeviceMemory source(*edge.from, bytes, nullptr);
  return timed([&] { queue.copy(source.binding(), memory.binding()); });
}

double map_ns(const Edge& edge, uint64_t bytes) {
  const HostMemory host(bytes);
  std::unique_ptr<DeviceMemory> from, to;
  if (edge.from) from = std::make_unique<DeviceMemory>(*edge.from, bytes, nullptr);
  if (edge.to) to = std::make_unique<DeviceMemory>(*edge.to, bytes, nullptr);
  return timed([&] {
    const uint8_t* source = from ? from->map(MOTLEY_MAP_READ) : host.data();
    std::memcpy(to ? to->map(MOTLEY_MAP_WRITE) : host.data(), source, bytes);
    if (to) to->unmap();
    if (from) from->unmap();
  });
}

// Relu of a few numbers.
graph::Graph small_kernel() {
  graph::Graph g;
  const auto tensor = [&](const char* name) {
    graph::Tensor t;
    t.name = name;
    t.type = schema::DataType::float32;
    t.shape = graph::Dims{graph::Dim(16)};
    return g.add_tensor(std::move(t));
  };
  const auto x = tensor("x"), y = tensor("y");
  schema::UnaryAttributesT relu;
  relu.function = schema::UnaryFunction::relu;
  g.add_node("relu", schema::Op::Unary, {x}, {y}, relu);
  g.inputs = {x};
  g.outputs = {y};
  return g;
}

}  // namespace

std::vector<Edge> edges_between(const std::vector<std::shared_ptr<plugin::Device>>& devices) {
  std::vector<int32_t> all(devices.size());
  for (size_t d = 0; d < devices.size(); ++d) all[d] = static_cast<int32_t>(d);
  const plan::Schedule schedule = plan::lanes_for(devices, all);
  std::vector<Edge> edges;
  for (const plan::Lane& lane : schedule.lanes) {
    plugin::Device* device = lane.device.get();
    if (lane.place == plan::kHost) {
      if (lane.queued) edges.push_back({device, nullptr, plan::Way::share});
      continue;
    }
    const plan::Way way = schedule.places[lane.place].to_host;
    edges.push_back({nullptr, device, way});
    edges.push_back({device, nullptr, way});
    for (const plan::Lane& other : schedule.lanes) {
      if (other.place == plan::kHost || other.place == lane.place) continue;
      const bool lends = plan::shared_way(lane, other) == plan::Way::handle;
      const bool copies = other.queued && other.device->api().copy && &device->plugin() == &other.device->plugin() &&
                          other.device->edge_caps(other.handle, lane.handle).read == MOTLEY_EDGE_COPY;
      const bool both_map = way == plan::Way::map && schedule.places[other.place].to_host == plan::Way::map;
      if (lends || copies || both_map)
        edges.push_back({device, other.device.get(),
                         lends    ? plan::Way::handle
                         : copies ? plan::Way::copy
                                  : plan::Way::map});
    }
  }
  return edges;
}

double move_ns(const Edge& edge, uint64_t bytes) {
  switch (edge.way) {
    case plan::Way::share:
    case plan::Way::handle: return 0;
    case plan::Way::import: return import_ns(edge.from ? *edge.from : *edge.to, bytes);
    case plan::Way::copy: return copy_ns(edge, bytes);
    default: return map_ns(edge, bytes);
  }
}

double fence_ns(plugin::Device& device) {
  if (!device.has_queues()) return 0;
  const graph::Graph kernel = small_kernel();
  const auto own = std::shared_ptr<plugin::Device>(std::shared_ptr<void>(), &device);
  if (!plan::query_support(kernel, {own}).at(0, 0).supported) return 0;
  Bench bench(device, device, kernel);
  return std::max(bench.alone_ns("") - bench.run_ns(""), 0.0);
}

}  // namespace motley::tuner
