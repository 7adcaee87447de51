// Write a backend as a class:
//
//     class MyDevice : public motley::sdk::Device { … kernels() … };
//     class MyBackend : public motley::sdk::Backend { … enumerate(), open() … };
//     MOTLEY_PLUGIN("acme", MyBackend)
//
// The macro defines motley_plugin_entry. Every exception stops at the border and becomes a status and a message; graphs
// are verified before kernels see them; optional functions get their defaults. plugin-sdk/template is a whole plugin.
#pragma once

#include <mutex>
#include <new>

#include "motley/sdk/executable.hpp"
#include "motley/sdk/kernel.hpp"
#include "motley/sdk/layout.hpp"

namespace motley::sdk {

inline void write_error(motley_error* error, const char* text) {
  if (!error || !error->text || error->capacity == 0) return;
  const size_t n = std::min<size_t>(std::strlen(text), error->capacity - 1);
  std::memcpy(error->text, text, n);
  error->text[n] = 0;
}

// Runs fn; an exception becomes a status and a message.
template <class Fn>
motley_status guarded(motley_error* error, Fn&& fn) noexcept {
  try {
    fn();
    return MOTLEY_OK;
  } catch (const StatusError& e) {
    write_error(error, e.what());
    return e.status;
  } catch (const std::bad_alloc&) {
    write_error(error, "out of memory");
    return MOTLEY_OUT_OF_MEMORY;
  } catch (const std::invalid_argument& e) {
    write_error(error, e.what());
    return MOTLEY_INVALID_ARGUMENT;
  } catch (const std::exception& e) {
    write_error(error, e.what());
    return MOTLEY_INTERNAL;
  } catch (...) {
    write_error(error, "an exception of unknown type");
    return MOTLEY_INTERNAL;
  }
}

// A struct from across the border, with the fields that its sender did not know zeroed.
template <class T>
T read_struct(const T* from) {
  T to{};
  if (from) std::memcpy(&to, from, std::min<size_t>(from->struct_size, sizeof to));
  to.struct_size = sizeof to;
  return to;
}
// Writes back as much as the receiver knows.
template <class T>
void write_struct(T* to, T from) {
  const uint32_t size = static_cast<uint32_t>(std::min<size_t>(to->struct_size, sizeof from));
  from.struct_size = size;
  std::memcpy(to, &from, size);
}

// What stands behind a motley_executable*.
struct CompiledSegment {
  CompiledSegment(const motley_graph& graph, std::span<const KernelEntry> kernels,
                  const motley_compile_options& options, const Threads& threads)
      : executable(graph, kernels, options, threads) {}

  struct Row {
    uint32_t node;
    std::string_view kernel;
    uint64_t begin_ns, end_ns;
  };
  Executable executable;
  std::atomic<bool> profiling{false};
  std::mutex mutex;
  std::vector<Row> rows;
};

// The C functions of one backend class. All state is in function-local statics that are never destroyed.
template <class BackendT>
class PluginAdapter {
 public:
  static const motley_plugin* entry(const char* id, uint32_t host_abi, const motley_host* host) noexcept {
    if ((host_abi >> 16) != MOTLEY_ABI_MAJOR || !host) return nullptr;
    try {
      state().host = host;
      motley_plugin& p = state().plugin;
      p.struct_size = sizeof p;
      p.abi_version = MOTLEY_ABI_VERSION;
      p.id = id;
      p.version = state().backend.version();
      p.build_id = state().backend.build_id();
      p.get_extension = get_extension;
      p.enumerate_devices = enumerate_devices;
      p.device_open = device_open;
      p.device_close = [](motley_device* device) { delete as_device(device); };
      p.device_fingerprint = device_fingerprint;
      p.query_support = query_support;
      p.estimate_cost = estimate_cost;
      p.compile = compile;
      p.exec_requirements = exec_requirements;
      p.exec_release = [](motley_executable* executable) { delete as_segment(executable); };
      p.submit = submit;
      p.profile_read = profile_read;
      return &p;
    } catch (...) {
      return nullptr;
    }
  }

 private:
  struct State {
    BackendT backend;
    const motley_host* host = nullptr;
    motley_plugin plugin{};
  };
  static State& state() {
    static State* instance = new State;  // never destroyed: the plugin outlives all static destructors
    return *instance;
  }
  static Device* as_device(motley_device* device) { return reinterpret_cast<Device*>(device); }
  static CompiledSegment* as_segment(motley_executable* executable) {
    return reinterpret_cast<CompiledSegment*>(executable);
  }
  static void write_text(const motley_sink* sink, const std::string& text) {
    sink->write(sink->context, text.data(), text.size());
  }

  static motley_status enumerate_devices(void* context, void (*found)(void*, const motley_device_info*),
                                         motley_error* error) {
    return guarded(error, [&] {
      for (const motley_device_info& info : state().backend.enumerate()) found(context, &info);
    });
  }
  static motley_status device_open(uint32_t index, motley_device** device, motley_error* error) {
    return guarded(error, [&] {
      std::unique_ptr<Device> opened = state().backend.open(index);
      if (!opened) throw StatusError(MOTLEY_INVALID_ARGUMENT, "there is no device " + std::to_string(index));
      *device = reinterpret_cast<motley_device*>(opened.release());
    });
  }
  static motley_status device_fingerprint(motley_device* device, const motley_sink* sink) {
    return guarded(nullptr, [&] { write_text(sink, as_device(device)->fingerprint()); });
  }
  static motley_status query_support(motley_device* device, const motley_graph* graph, const motley_support_sink* sink,
                                     motley_error* error) {
    return guarded(error, [&] {
      const GraphView view(read_struct(graph));
      for (uint32_t i = 0; i < view.node_count(); ++i) {
        Reason reason;
        try {
          const NodeView node = view.node(i);
          if (!is_alias(node)) find_kernel(as_device(device)->kernels(), node, reason);
        } catch (const std::exception& e) {
          reason = e.what();
        }
        sink->node(sink->context, i, reason.empty() ? MOTLEY_OK : MOTLEY_UNSUPPORTED, reason.c_str());
        if (reason.empty() && sink->candidate) offer_layouts(*as_device(device), view.node(i), *sink);
      }
    });
  }
  static void offer_layouts(const Device& device, const NodeView& node, const motley_support_sink& sink) {
    const auto* nhwc = dynamic_cast<const NhwcKernels*>(&device);
    if (nhwc && node.output(0) && nhwc->runs_in_nhwc(node))
      offer_in_nhwc(sink, {node.index()}, node.output(0)->type, nhwc->nhwc_cost(node));
  }
  static motley_status estimate_cost(motley_device* device, const motley_graph* graph, uint32_t node, double* cost_ns) {
    return guarded(nullptr, [&] {
      const GraphView view(read_struct(graph));
      if (node >= view.node_count()) throw std::invalid_argument("node index out of range");
      *cost_ns = is_alias(view.node(node)) ? 0 : as_device(device)->estimate_cost(view.node(node));
    });
  }
  static motley_status compile(motley_device* device, const motley_graph* segment,
                               const motley_compile_options* options, motley_executable** executable,
                               motley_error* error) {
    return guarded(error, [&] {
      auto compiled = std::make_unique<CompiledSegment>(read_struct(segment), as_device(device)->kernels(),
                                                        read_struct(options), Threads(state().host));
      *executable = reinterpret_cast<motley_executable*>(compiled.release());
    });
  }
  static motley_status exec_requirements(motley_executable* executable, motley_exec_requirements* requirements) {
    motley_exec_requirements r{};
    r.alignment = kAlignment;
    r.scratch_bytes = as_segment(executable)->executable.scratch_bytes();
    r.resident_bytes = as_segment(executable)->executable.resident_bytes();
    write_struct(requirements, r);
    return MOTLEY_OK;
  }
  static motley_status submit(motley_device*, motley_queue*, motley_executable* executable,
                              const motley_submission* submission, motley_error* error) {
    return guarded(error, [&] {
      CompiledSegment& segment = *as_segment(executable);
      const motley_submission s = read_struct(submission);
      if (!segment.profiling.load(std::memory_order_relaxed)) {
        struct NoClock {
          uint64_t operator()() const { return 0; }
        };
        segment.executable.run(s, static_cast<NoClock*>(nullptr), [](auto&&...) {});
        return;
      }
      const std::lock_guard lock(segment.mutex);
      segment.rows.clear();
      auto clock = [host = state().host] { return host->clock_ns(host->context); };
      segment.executable.run(s, &clock, [&](uint32_t node, std::string_view kernel, uint64_t begin, uint64_t end) {
        segment.rows.push_back({node, kernel, begin, end});
      });
    });
  }
  static motley_status profile_read(motley_executable* executable, const motley_profile_sink* sink) {
    return guarded(nullptr, [&] {
      CompiledSegment& segment = *as_segment(executable);
      segment.profiling = true;
      const std::lock_guard lock(segment.mutex);
      for (const auto& row : segment.rows) {
        const std::string kernel(row.kernel);
        const motley_profile_row out{sizeof out, row.node, row.begin_ns, row.end_ns, kernel.c_str()};
        sink->row(sink->context, &out);
      }
    });
  }

  static const void* get_extension(const char* id) {
    static const motley_tuning tuning{sizeof(motley_tuning), problem_key, tuning_space, config_check};
    return id && std::strcmp(id, MOTLEY_TUNING_EXTENSION) == 0 ? &tuning : nullptr;
  }
  static NodeView only_node(const GraphView& view) {
    if (view.node_count() != 1) throw std::invalid_argument("a tuning segment holds one node");
    return view.node(0);
  }
  static motley_status problem_key(motley_device* device, const motley_graph* segment, const motley_sink* sink) {
    return guarded(nullptr, [&] {
      const GraphView view(read_struct(segment));
      write_text(sink, as_device(device)->problem_key(only_node(view)));
    });
  }
  static motley_status tuning_space(motley_device* device, const motley_graph* segment,
                                    const motley_parameter_sink* sink) {
    return guarded(nullptr, [&] {
      const GraphView view(read_struct(segment));
      const NodeView node = only_node(view);
      for (const Parameter& parameter : as_device(device)->tuning_space(node)) {
        std::string values;
        for (const std::string& value : parameter.values) values += (values.empty() ? "" : "|") + value;
        sink->parameter(sink->context, parameter.name.c_str(), values.c_str(),
                        parameter.values.empty() ? "" : parameter.values[0].c_str());
      }
      sink->space(sink->context, as_device(device)->space_rev(), as_device(device)->workspace_bound(node));
    });
  }
  static motley_status config_check(motley_device* device, const motley_graph* segment, const char* config,
                                    motley_error* error) {
    return guarded(error, [&] {
      const GraphView view(read_struct(segment));
      const Reason why = as_device(device)->config_check(only_node(view), Config(config));
      if (!why.empty()) throw StatusError(MOTLEY_UNSUPPORTED, why);
    });
  }
};

}  // namespace motley::sdk

// Defines the plugin's one exported symbol. `ID` equals the manifest's id.
#define MOTLEY_PLUGIN(ID, BACKEND)                                                                    \
  extern "C" MOTLEY_PLUGIN_EXPORT const motley_plugin* motley_plugin_entry(uint32_t host_abi_version, \
                                                                           const motley_host* host) { \
    return ::motley::sdk::PluginAdapter<BACKEND>::entry(ID, host_abi_version, host);                  \
  }
