// The plugin's C functions: devices, memory, queues, submissions, cache.
#include "plugin.hpp"

#include <cstdlib>

namespace motley::gpu {

namespace {

// Slices in flight: enough to keep the device at work while the host prepares the next.
constexpr uint32_t kWindow = 3;

OpenedDevice* as_device(motley_device* p) { return reinterpret_cast<OpenedDevice*>(p); }
Buffer* as_buffer(motley_buffer* p) { return reinterpret_cast<Buffer*>(p); }
OpenedQueue* as_queue(motley_queue* p) { return reinterpret_cast<OpenedQueue*>(p); }
Compiled* as_compiled(motley_executable* p) { return reinterpret_cast<Compiled*>(p); }

void write_text(const motley_sink* sink, const std::string& text) {
  sink->write(sink->context, text.data(), text.size());
}

// The node with its weights kept as float16: half the bytes, and a result that is not quite the same.
void offer_half(const motley_support_sink& sink, uint32_t node) {
  motley_candidate candidate{};
  candidate.struct_size = sizeof candidate;
  candidate.node_count = 1;
  candidate.nodes = &node;
  candidate.layout = static_cast<uint32_t>(schema::Layout::row_major);
  candidate.precision = static_cast<uint32_t>(schema::DataType::float16);
  candidate.config = "precision=f16";
  sink.candidate(sink.context, &candidate);
}

motley_status query_support(motley_device* device, const motley_graph* graph, const motley_support_sink* sink,
                            motley_error* error) {
  return guarded(error, [&] {
    const sdk::GraphView view(read_struct(graph));
    for (uint32_t i = 0; i < view.node_count(); ++i) {
      sdk::Reason reason;
      try {
        reason = why_not(view.node(i), as_device(device)->device->capabilities());
      } catch (const std::exception& e) {
        reason = e.what();
      }
      sink->node(sink->context, i, reason.empty() ? MOTLEY_OK : MOTLEY_UNSUPPORTED, reason.c_str());
      if (reason.empty() && sink->candidate && offers_half(view.node(i), as_device(device)->device->capabilities()))
        offer_half(*sink, i);
    }
  });
}

motley_status estimate_cost(motley_device* device, const motley_graph* graph, uint32_t node, double* cost_ns) {
  return guarded(nullptr, [&] {
    const sdk::GraphView view(read_struct(graph));
    if (node >= view.node_count()) throw std::invalid_argument("node index out of range");
    *cost_ns = estimated_ns(view.node(node), as_device(device)->device->capabilities());
  });
}

motley_status compile(motley_device* device, const motley_graph* segment, const motley_compile_options* options,
                      motley_executable** executable, motley_error* error) {
  return guarded(error, [&] {
    auto compiled = std::make_unique<Compiled>(*as_device(device), read_struct(segment), read_struct(options));
    *executable = reinterpret_cast<motley_executable*>(compiled.release());
  });
}

motley_status exec_requirements(motley_executable* executable, motley_exec_requirements* requirements) {
  const Segment& segment = as_compiled(executable)->segment;
  motley_exec_requirements r{};
  r.alignment = segment.alignment();
  r.scratch_bytes = segment.scratch_bytes();
  r.resident_bytes = segment.resident_bytes();
  write_struct(requirements, r);
  return MOTLEY_OK;
}

// ---- cache: configs and compiled kernels ----

motley_status exec_export(motley_executable* executable, const motley_sink* sink, motley_error* error) {
  return guarded(error, [&] {
    const Compiled& compiled = *as_compiled(executable);
    std::vector<std::byte> content;
    append_blob(content, std::as_bytes(std::span(compiled.configs.data(), compiled.configs.size())));
    append_blob(content, compiled.device.device->save_binaries(compiled.segment.pipelines()));
    const std::vector<std::byte> wrapped = wrap(content, compiled.device.identity);
    sink->write(sink->context, wrapped.data(), wrapped.size());
  });
}

std::span<const std::byte> view_of(motley_bytes bytes) {
  return {static_cast<const std::byte*>(bytes.data), bytes.data ? static_cast<size_t>(bytes.size) : 0};
}

motley_cache_verdict cache_verdict(motley_device* device, motley_bytes cache) {
  std::span<const std::byte> content;
  switch (unwrap(view_of(cache), as_device(device)->identity, content)) {
    case Wrapping::intact: return MOTLEY_CACHE_OPTIMAL;
    case Wrapping::foreign: return MOTLEY_CACHE_RECOMPILE;
    case Wrapping::damaged: break;
  }
  return MOTLEY_CACHE_INCOMPATIBLE;
}

motley_status exec_import(motley_device* device, const motley_graph* segment, motley_bytes cache,
                          motley_executable** executable, motley_error* error) {
  return guarded(error, [&] {
    OpenedDevice& opened = *as_device(device);
    std::span<const std::byte> content, configs, binaries;
    if (unwrap(view_of(cache), opened.identity, content) != Wrapping::intact || !take_blob(content, configs) ||
        !take_blob(content, binaries))
      throw StatusError(MOTLEY_INCOMPATIBLE_CACHE,
                        "the cache is damaged or was made by another driver or build; compile the segment again");
    opened.device->load_binaries(binaries);
    // Lines of "node config", and "slice ns".
    uint64_t slice_ns = 0;
    std::vector<std::pair<uint32_t, std::string>> list;
    std::string text(reinterpret_cast<const char*>(configs.data()), configs.size());
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      const size_t space = text.find(' ', at);
      if (text.compare(at, 6, "slice ") == 0) slice_ns = std::strtoull(text.c_str() + space, nullptr, 10);
      else if (space != std::string::npos && space < end)
        list.emplace_back(static_cast<uint32_t>(std::strtoul(text.c_str() + at, nullptr, 10)),
                          text.substr(space + 1, end - space - 1));
      at = end + 1;
    }
    std::vector<motley_node_config> raw;
    for (const auto& [node, config] : list) raw.push_back({node, config.c_str()});
    const motley_compile_options options{sizeof options, static_cast<uint32_t>(raw.size()), raw.data(), slice_ns};
    auto compiled = std::make_unique<Compiled>(opened, read_struct(segment), options);
    *executable = reinterpret_cast<motley_executable*>(compiled.release());
  });
}

// ---- memory ----

motley_status buffer_alloc(motley_device* device, uint64_t size, motley_buffer** buffer, motley_error* error) {
  return guarded(error, [&] {
    auto made = std::make_unique<Buffer>(Buffer{as_device(device)->device->allocate(std::max<uint64_t>(size, 1))});
    *buffer = reinterpret_cast<motley_buffer*>(made.release());
  });
}
motley_status buffer_import(motley_device* device, void* memory, uint64_t size, motley_buffer** buffer,
                            motley_error* error) {
  return guarded(error, [&] {
    if (!memory || size == 0) throw StatusError(MOTLEY_INVALID_ARGUMENT, "there is no host memory to import");
    auto made = std::make_unique<Buffer>(Buffer{as_device(device)->device->import_host(memory, size)});
    *buffer = reinterpret_cast<motley_buffer*>(made.release());
  });
}
motley_status buffer_map(motley_buffer* buffer, void** memory, motley_error* error) {
  return guarded(error, [&] { *memory = as_buffer(buffer)->memory->map(Memory::Access::both); });
}
motley_status buffer_map_for(motley_buffer* buffer, uint32_t access, void** memory, motley_error* error) {
  return guarded(error, [&] {
    if (access < MOTLEY_MAP_READ || access > (MOTLEY_MAP_READ | MOTLEY_MAP_WRITE))
      throw StatusError(MOTLEY_INVALID_ARGUMENT, "memory can't be mapped for access " + std::to_string(access) +
                                                     "; give MOTLEY_MAP_READ, MOTLEY_MAP_WRITE or both");
    *memory = as_buffer(buffer)->memory->map(static_cast<Memory::Access>(access));
  });
}

// Where the device works on the host's memory, kernels may run on it in place; devices share memory by handles only.
motley_status edge_caps(motley_device* device, motley_device* other, motley_edge_caps* caps) {
  const bool in_place = !other && as_device(device)->device->capabilities().unified_memory;
  motley_edge_caps own{};
  own.read = own.write = in_place ? MOTLEY_EDGE_IMPORT : MOTLEY_EDGE_NONE;
  write_struct(caps, own);
  return MOTLEY_OK;
}

// ---- memory shared with other devices of the same hardware ----

motley_status identity(motley_device* device, motley_device_identity* result) {
  return guarded(nullptr, [&] {
    const motley_device_identity own = as_device(device)->device->identity();
    if (!own.exports && !own.imports) throw StatusError(MOTLEY_UNSUPPORTED, "the driver shares no memory");
    write_struct(result, own);
  });
}

void check_kind(uint32_t kind) {
  if (kind != MOTLEY_HANDLE_OPAQUE_FD)
    throw StatusError(MOTLEY_UNSUPPORTED,
                      "memory handles of kind " + std::to_string(kind) + " are not known; use MOTLEY_HANDLE_OPAQUE_FD");
}

motley_status buffer_alloc_shared(motley_device* device, uint64_t size, uint32_t kind, motley_buffer** buffer,
                                  motley_error* error) {
  return guarded(error, [&] {
    check_kind(kind);
    auto made =
        std::make_unique<Buffer>(Buffer{as_device(device)->device->allocate_shared(std::max<uint64_t>(size, 1))});
    *buffer = reinterpret_cast<motley_buffer*>(made.release());
  });
}

motley_status buffer_export(motley_buffer* buffer, uint32_t kind, motley_memory_handle* handle, motley_error* error) {
  return guarded(error, [&] {
    check_kind(kind);
    write_struct(handle, as_buffer(buffer)->memory->export_handle());
  });
}

// A driver may crash on a handle that is none of its own, so what can be compared is compared before.
void check_handle(const motley_memory_handle& handle, const motley_device_identity& own) {
  check_kind(handle.kind);
  if (!(own.imports & 1u << handle.kind))
    throw StatusError(MOTLEY_UNSUPPORTED, "the driver imports no memory by file descriptor");
  const auto equal = [](const uint8_t(&a)[16], const uint8_t(&b)[16]) { return std::memcmp(a, b, sizeof a) == 0; };
  if (!equal(handle.device_uuid, own.device_uuid))
    throw StatusError(MOTLEY_INVALID_ARGUMENT, "the memory is that of another device (its UUID differs)");
  if (!equal(handle.driver_uuid, own.driver_uuid))
    throw StatusError(MOTLEY_INVALID_ARGUMENT, "the memory is that of another driver (its UUID differs)");
  if (handle.size == 0 || handle.offset > handle.memory_size || handle.memory_size - handle.offset < handle.size)
    throw StatusError(MOTLEY_INVALID_ARGUMENT, "a buffer of " + std::to_string(handle.size) + " bytes at " +
                                                   std::to_string(handle.offset) + " does not lie in a memory of " +
                                                   std::to_string(handle.memory_size));
  if (handle.fd < 0) throw StatusError(MOTLEY_INVALID_ARGUMENT, "the handle has no file descriptor");
}

motley_status buffer_import_handle(motley_device* device, const motley_memory_handle* given, motley_buffer** buffer,
                                   motley_error* error) {
  return guarded(error, [&] {
    const motley_memory_handle handle = read_struct(given);
    Device& own = *as_device(device)->device;
    check_handle(handle, own.identity());
    auto made = std::make_unique<Buffer>(Buffer{own.import_handle(handle)});
    *buffer = reinterpret_cast<motley_buffer*>(made.release());
  });
}

// ---- running ----

// Bindings in plain host memory are copied through the device, which costs a wait: for callers without buffers.
struct Staged {
  std::unique_ptr<Memory> memory;
  std::byte* to = nullptr;  // where the result goes; null for an input
  uint64_t bytes = 0;
};

SlotMemory slot_for(Device& device, const motley_binding& b, uint64_t bytes, bool input, const char* what,
                    std::vector<Staged>& staged) {
  if (bytes == 0) return {};
  if (b.size < bytes || (!b.buffer && !b.host))
    throw StatusError(MOTLEY_INVALID_ARGUMENT, std::string(what) + " is bound to too little memory");
  if (b.buffer) {
    Memory* memory = as_buffer(b.buffer)->memory.get();
    if (b.offset > memory->size() || memory->size() - b.offset < bytes)
      throw StatusError(MOTLEY_INVALID_ARGUMENT, std::string(what) + " reaches past the end of its buffer");
    return {memory, b.offset, bytes};
  }
  Staged s{device.allocate(bytes), input ? nullptr : static_cast<std::byte*>(b.host) + b.offset, bytes};
  if (input) {
    std::memcpy(s.memory->map(Memory::Access::write), static_cast<const std::byte*>(b.host) + b.offset, bytes);
    s.memory->unmap();
  }
  staged.push_back(std::move(s));
  return {staged.back().memory.get(), 0, bytes};
}

void submit_segment(OpenedDevice& device, OpenedQueue& queue, Compiled& compiled, const motley_submission& s) {
  const Segment& segment = compiled.segment;
  if (s.input_count != segment.input_count() || s.output_count != segment.output_count())
    throw StatusError(MOTLEY_INVALID_ARGUMENT,
                      "submission has " + std::to_string(s.input_count) + " inputs and " +
                          std::to_string(s.output_count) + " outputs (expected " +
                          std::to_string(segment.input_count()) + " and " + std::to_string(segment.output_count()) + ")");
  std::vector<Staged> staged;
  std::vector<SlotMemory> slots(Segment::kFirstBound + s.input_count + s.output_count);
  slots[Segment::kConstants] = {segment.constants(), 0, segment.constants()->size()};
  size_t next = Segment::kFirstBound;
  for (uint32_t i = 0; i < s.input_count; ++i)
    slots[next++] = slot_for(*device.device, s.inputs[i], segment.input_bytes(i), true,
                             ("input " + std::to_string(i)).c_str(), staged);
  for (uint32_t i = 0; i < s.output_count; ++i)
    slots[next++] = slot_for(*device.device, s.outputs[i], segment.output_bytes(i), false,
                             ("output " + std::to_string(i)).c_str(), staged);
  const bool own_scratch = segment.scratch_bytes() && !s.scratch.buffer;
  std::unique_ptr<Memory> scratch;
  if (own_scratch) {
    if (!s.scratch.host || s.scratch.size < segment.scratch_bytes())
      throw StatusError(MOTLEY_INVALID_ARGUMENT, "scratch is smaller than exec_requirements asked for");
    scratch = device.device->allocate(segment.scratch_bytes());
    slots[Segment::kScratch] = {scratch.get(), 0, segment.scratch_bytes()};
  } else if (segment.scratch_bytes()) {
    slots[Segment::kScratch] = slot_for(*device.device, s.scratch, segment.scratch_bytes(), true, "scratch", staged);
  }

  for (uint32_t i = 0; i < s.wait_count; ++i)
    if (s.waits[i].queue && as_queue(s.waits[i].queue) != &queue)
      queue.queue->wait_for(*as_queue(s.waits[i].queue)->queue, s.waits[i].value);
  const bool profile = compiled.profiling.load(std::memory_order_relaxed);
  queue.queue->submit({&segment.work(), slots, s.cancel, s.signal_value, profile});
  if (staged.empty() && !own_scratch) return;
  queue.queue->wait(s.signal_value, UINT64_MAX);
  for (Staged& part : staged) {
    if (!part.to) continue;
    std::memcpy(part.to, part.memory->map(Memory::Access::read), part.bytes);
    part.memory->unmap();
  }
}

motley_status submit(motley_device* device, motley_queue* queue, motley_executable* executable,
                     const motley_submission* submission, motley_error* error) {
  return guarded(error, [&] {
    motley_submission s = read_struct(submission);
    if (s.cancel && __atomic_load_n(s.cancel, __ATOMIC_RELAXED))
      throw StatusError(MOTLEY_CANCELLED, "cancelled by the host");
    Compiled& compiled = *as_compiled(executable);
    if (queue) return submit_segment(*as_device(device), *as_queue(queue), compiled, s);
    OpenedQueue own{as_device(device)->device->create_queue()};
    s.signal_value = 1;
    submit_segment(*as_device(device), own, compiled, s);
    own.queue->wait(1, UINT64_MAX);
  });
}

motley_status queue_create(motley_device* device, motley_queue** queue, motley_error* error) {
  return guarded(error, [&] {
    auto made = std::make_unique<OpenedQueue>(OpenedQueue{as_device(device)->device->create_queue()});
    *queue = reinterpret_cast<motley_queue*>(made.release());
  });
}

motley_status fence_wait(motley_queue* queue, uint64_t value, uint64_t timeout_ns, motley_error* error) {
  return guarded(error, [&] {
    if (!as_queue(queue)->queue->wait(value, timeout_ns))
      throw StatusError(MOTLEY_TIMEOUT, "the queue's timeline has not reached " + std::to_string(value) +
                                            "; wait longer, or submit the work that signals it");
  });
}

motley_status profile_read(motley_executable* executable, const motley_profile_sink* sink) {
  return guarded(nullptr, [&] {
    Compiled& compiled = *as_compiled(executable);
    compiled.profiling = true;
    for (const ProfileRow& row : compiled.segment.work().profile()) {
      const motley_profile_row out{sizeof out, compiled.segment.node_of(row.launch), row.begin_ns, row.end_ns,
                                   compiled.segment.kernel_of(row.launch)};
      sink->row(sink->context, &out);
    }
  });
}

motley_status fingerprint(motley_device* device, const motley_sink* sink) {
  return guarded(nullptr, [&] {
    const Capabilities& c = as_device(device)->device->capabilities();
    write_text(sink, "hw vendor=" + c.vendor + "\nhw device=" + c.name + "\nhw units=" +
                         std::to_string(c.compute_units) + "\nhw local=" + std::to_string(c.local_bytes) +
                         "\ndriver version=" + c.driver + "\nkernels build=" + std::string(kKernelsId) +
                         "\nkernels space_rev=" + std::to_string(kSpaceRevision) + "\n");
  });
}

// ---- tuning ----

NodeView only_node(const sdk::GraphView& view) {
  if (view.node_count() != 1) throw std::invalid_argument("a tuning segment holds one node");
  return view.node(0);
}
motley_status tuning_key(motley_device*, const motley_graph* segment, const motley_sink* sink) {
  return guarded(nullptr, [&] {
    const sdk::GraphView view(read_struct(segment));
    write_text(sink, problem_key(only_node(view)));
  });
}
motley_status tuning_space_of(motley_device* device, const motley_graph* segment, const motley_parameter_sink* sink) {
  return guarded(nullptr, [&] {
    const sdk::GraphView view(read_struct(segment));
    const NodeView node = only_node(view);
    for (const sdk::Parameter& parameter : tuning_space(node, as_device(device)->device->capabilities())) {
      std::string values;
      for (const std::string& value : parameter.values) values += (values.empty() ? "" : "|") + value;
      sink->parameter(sink->context, parameter.name.c_str(), values.c_str(),
                      parameter.values.empty() ? "" : parameter.values[0].c_str());
    }
    sink->space(sink->context, kSpaceRevision, 0);
  });
}
motley_status tuning_check(motley_device* device, const motley_graph* segment, const char* config, motley_error* error) {
  return guarded(error, [&] {
    const sdk::GraphView view(read_struct(segment));
    const sdk::Reason why = config_check(only_node(view), Config(config), as_device(device)->device->capabilities());
    if (!why.empty()) throw StatusError(MOTLEY_UNSUPPORTED, why);
  });
}
const void* get_extension(const char* id) {
  static const motley_tuning tuning{sizeof(motley_tuning), tuning_key, tuning_space_of, tuning_check};
  static const motley_external_memory external{sizeof(motley_external_memory), identity, buffer_alloc_shared,
                                               buffer_export, buffer_import_handle};
  if (!id) return nullptr;
  if (std::strcmp(id, MOTLEY_EXTERNAL_MEMORY_EXTENSION) == 0) return &external;
  return std::strcmp(id, MOTLEY_TUNING_EXTENSION) == 0 ? &tuning : nullptr;
}

}  // namespace

motley_memory_handle Memory::export_handle() const {
  throw StatusError(MOTLEY_UNSUPPORTED, "the buffer was not allocated to be shared");
}
std::unique_ptr<Memory> Device::allocate_shared(uint64_t) {
  throw StatusError(MOTLEY_UNSUPPORTED, "the driver shares no memory by file descriptor");
}
std::unique_ptr<Memory> Device::import_handle(const motley_memory_handle&) {
  throw StatusError(MOTLEY_UNSUPPORTED, "the driver imports no memory by file descriptor");
}

const motley_host*& host() {
  static const motley_host* pointer = nullptr;
  return pointer;
}

std::string Compiled::configs_of(const motley_compile_options& options) {
  std::string text;
  if (options.slice_ns) text += "slice " + std::to_string(options.slice_ns) + "\n";
  for (uint32_t i = 0; i < options.config_count; ++i)
    if (options.configs[i].config)
      text += std::to_string(options.configs[i].node) + " " + options.configs[i].config + "\n";
  return text;
}

Pacing Compiled::pacing_of(const OpenedDevice& device, const motley_compile_options& options) {
  if (options.slice_ns == 0) return device.pacing;
  if (options.slice_ns == MOTLEY_SLICE_UNLIMITED) return {};
  return {options.slice_ns, device.pacing.window ? device.pacing.window : kWindow};
}

std::string device_identity(const char* plugin, const Capabilities& c) {
  return std::string(plugin) + "|" + c.vendor + "|" + c.name + "|" + c.driver + "|" + kKernelsId;
}

motley_device_info describe(uint32_t index, const Capabilities& c) {
  // A GPU by any API is one; a CPU that speaks a GPU's API counts as a CPU, so that it comes after real GPUs.
  const bool cpu = c.device_class == DeviceClass::cpu;
  motley_device_info info =
      sdk::device_info(index, cpu ? MOTLEY_DEVICE_CPU : MOTLEY_DEVICE_GPU, c.id, c.name, c.vendor);
  info.memory_flags = 0;
  // Two operations per lane and clock; 16 lanes per compute unit of a CPU, 64 of a GPU, which is a guess.
  info.peak_gflops = 2.0 * c.compute_units * c.clock_mhz * 1e-3 * (cpu ? std::max(1u, c.native_vector) : 64);
  info.bandwidth_gbps = c.device_class == DeviceClass::discrete ? 200 : 20;
  info.memory_bytes = c.memory_bytes;
  info.dispatch_ns = 20000;
  return info;
}

void follow_class_from_environment(Capabilities& c) {
  const char* wanted = std::getenv("MOTLEY_GPU_CLASS");
  if (!wanted || c.device_class != DeviceClass::cpu) return;
  const std::string_view name = wanted;
  if (name == "integrated") c.device_class = DeviceClass::integrated;
  else if (name == "discrete") c.device_class = DeviceClass::discrete;
  else return;
  c.local_is_fast = true;
  c.native_vector = 1;
  c.texel_loads = false;
}

Pacing default_pacing(const Capabilities& c) {
  // Without a limit a device that also draws the screen would stutter; a discrete one is shared less often, a CPU never.
  Pacing pacing;
  if (c.device_class == DeviceClass::integrated) pacing = {4'000'000, kWindow};
  if (const char* slice = std::getenv("MOTLEY_GPU_SLICE_US"))
    pacing.slice_ns = static_cast<uint64_t>(std::strtoull(slice, nullptr, 10)) * 1000;
  if (const char* window = std::getenv("MOTLEY_GPU_WINDOW"))
    pacing.window = static_cast<uint32_t>(std::strtoul(window, nullptr, 10));
  return pacing;
}

void fill_plugin(motley_plugin& p) {
  p.struct_size = sizeof p;
  p.abi_version = MOTLEY_ABI_VERSION;
  p.version = "0.1.0";
  p.get_extension = get_extension;
  p.device_close = [](motley_device* device) { delete as_device(device); };
  p.device_fingerprint = fingerprint;
  p.query_support = query_support;
  p.estimate_cost = estimate_cost;
  p.compile = compile;
  p.exec_requirements = exec_requirements;
  p.exec_export = exec_export;
  p.cache_verdict = cache_verdict;
  p.exec_import = exec_import;
  p.exec_release = [](motley_executable* executable) { delete as_compiled(executable); };
  p.buffer_alloc = buffer_alloc;
  p.buffer_import = buffer_import;
  p.buffer_map = buffer_map;
  p.buffer_map_for = buffer_map_for;
  p.buffer_unmap = [](motley_buffer* buffer) { guarded(nullptr, [&] { as_buffer(buffer)->memory->unmap(); }); };
  p.buffer_release = [](motley_buffer* buffer) { delete as_buffer(buffer); };
  p.queue_create = queue_create;
  p.queue_destroy = [](motley_queue* queue) { delete as_queue(queue); };
  p.fence_wait = fence_wait;
  p.submit = submit;
  p.profile_read = profile_read;
  p.edge_caps = edge_caps;
}

}  // namespace motley::gpu
