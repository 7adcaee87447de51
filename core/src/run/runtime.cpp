// Runtime: devices, plugins, compile.
#include <fnmatch.h>

#include <algorithm>

#include "base/glob.hpp"
#include "base/sort.hpp"
#include "base/text.hpp"
#include "base/thread_pool.hpp"
#include "run/session_state.hpp"
#include "run/tables.hpp"

namespace motley {

namespace {

DeviceKind kind_of(motley_device_kind kind) {
  switch (kind) {
    case MOTLEY_DEVICE_CPU: return DeviceKind::cpu;
    case MOTLEY_DEVICE_GPU: return DeviceKind::gpu;
    case MOTLEY_DEVICE_DSP: return DeviceKind::dsp;
    case MOTLEY_DEVICE_NPU: return DeviceKind::npu;
    default: return DeviceKind::other;
  }
}

uint32_t milliwatts_of(const plugin::Device& device, const CompileOptions& options) {
  for (const auto& [pattern, watts] : options.watts) {
    if (!(watts > 0) || watts > 1e6)
      base::fail(ErrorCode::invalid_argument, "the watts of \"%\" are not above 0 and at most 1000000: correct them",
                 {pattern});
    if (base::matches(pattern, device.name())) return std::max(1u, static_cast<uint32_t>(watts * 1000));
  }
  switch (kind_of(device.info().kind)) {
    case DeviceKind::gpu: return 6000;
    case DeviceKind::dsp: return 1500;
    case DeviceKind::npu: return 2000;
    default: return 4000;
  }
}

std::string list_names(const plan::DeviceList& devices) {
  std::string known;
  for (const auto& device : devices) known += base::text("%%\"", {(known.empty() ? "\"" : ", \""), device->name()});
  return known;
}

// Those of `all` that are not denied, the preferred ones first.
plan::DeviceList usable_devices(const plan::DeviceList& all, const CompileOptions& options) {
  if (all.empty())
    base::fail(ErrorCode::not_found,
               "no device is available; see `motley plugins --explain` for what became of each plugin");
  plan::DeviceList devices;
  for (const bool preferred : {true, false})
    for (const auto& device : all)
      if (!base::matches_any(options.deny, device->name()) &&
          base::matches_any(options.prefer, device->name()) == preferred)
        devices.push_back(device);
  if (devices.empty()) base::fail(ErrorCode::not_found, "every device is denied; there are %", {list_names(all)});
  return devices;
}

// The devices a request may use: those named, in their order, then with fallback all others, the fastest first.
void choose_devices(const plan::DeviceList& all, const CompileOptions& options, plan::Request& request) {
  const plan::DeviceList usable = usable_devices(all, options);
  plan::DeviceList& chosen = request.devices;
  const auto add = [&chosen](const std::shared_ptr<plugin::Device>& device) {
    if (std::find(chosen.begin(), chosen.end(), device) == chosen.end()) chosen.push_back(device);
  };
  for (const std::string& pattern : options.devices) {
    bool found = false;
    for (const auto& device : usable) {
      if (fnmatch(pattern.c_str(), device->name().c_str(), 0) != 0) continue;
      add(device);
      found = true;
    }
    if (found) continue;
    base::fail(ErrorCode::not_found, "device \"%\" does not exist or is denied; there are %",
               {pattern, list_names(usable)});
  }
  request.ordered = !options.devices.empty();
  const size_t named = request.ordered ? chosen.size() : usable.size();
  if (!request.ordered || options.fallback)
    for (const auto& device : usable) add(device);
  const auto is_preferred = [&](const auto& device) { return base::matches_any(options.prefer, device->name()); };
  const bool any_preferred = std::any_of(chosen.begin(), chosen.end(), is_preferred);
  for (size_t d = 0; d < chosen.size(); ++d)
    request.wishes.push_back(
        {chosen[d].get(), d < named, any_preferred && !is_preferred(chosen[d]), milliwatts_of(*chosen[d], options)});
}

void check_pinned_devices(const CompileOptions& options, const plan::DeviceList& devices) {
  for (const auto& [pattern, name] : options.pins) {
    const auto is_it = [&](const auto& device) { return device->name() == name; };
    if (std::none_of(devices.begin(), devices.end(), is_it))
      base::fail(ErrorCode::not_found, "the pin of \"%\" names device \"%\", which the session does not use; it uses %",
                 {pattern, name, list_names(devices)});
  }
}

// Every pin is for a node of the model, or for one that optimizing and lowering made. Nodes of stages that come up
// during runs are not known here.
void check_pinned_nodes(const detail::SessionState& session) {
  for (const auto& [pattern, device] : session.options.pins) {
    const auto fits = [&pattern = pattern](const graph::Node& node) {
      return node.name == pattern || base::matches(pattern, node.name);
    };
    const auto any_of = [&](const graph::Graph& graph) {
      return std::any_of(graph.nodes.begin(), graph.nodes.end(), fits);
    };
    const auto& graphs = session.module->graphs;
    if (std::any_of(graphs.begin(), graphs.end(), any_of) || session.is_staged() ||
        any_of(session.instance->plan().graph))
      continue;
    base::fail(ErrorCode::not_found, "the pin of \"%\" to % fits no node; `motley explain` lists them",
               {pattern, device});
  }
}

// An error beyond 1000 is as good as none, and a deadline beyond a day.
void set_limits(const CompileOptions& options, plan::Request& request) {
  if (!(options.error_budget >= 0))
    base::fail(ErrorCode::invalid_argument, "the error budget is below 0 or no number: give 0, or 0.01 for a hundredth");
  if (options.deadline.count() < 0)
    base::fail(ErrorCode::invalid_argument, "the deadline is % ns (give 0 for none, or more)",
               {static_cast<int64_t>(options.deadline.count())});
  request.error_budget_ppb = static_cast<int64_t>(std::min(options.error_budget, 1e3) * 1e9);
  request.deadline_ns = std::min<int64_t>(options.deadline.count(), 86400000000000);
}

}  // namespace

Runtime::Runtime(const RuntimeOptions& options) {
  auto state = std::make_shared<detail::RuntimeState>();
  state->registry = plugin::discover(
      {options.plugin_files, options.plugin_folders, options.standard_places, options.select, options.disable});
  state->devices = state->registry.devices;
  state->table = options.table;
  base::sort_short(state->devices, [](const auto& a, const auto& b) {
    const double one = a->info().peak_gflops, other = b->info().peak_gflops;
    return one != other ? one > other : a->name() < b->name();
  });
  state_ = std::move(state);
}
Runtime::~Runtime() = default;
Runtime::Runtime(Runtime&&) noexcept = default;
Runtime& Runtime::operator=(Runtime&&) noexcept = default;

std::vector<DeviceInfo> Runtime::devices() const {
  std::vector<DeviceInfo> list;
  for (const auto& device : state_->devices) {
    const motley_device_info& info = device->info();
    list.push_back({device->name(), device->plugin().id, info.name, info.vendor, kind_of(info.kind), info.peak_gflops,
                    info.bandwidth_gbps, info.memory_bytes});
  }
  return list;
}

std::vector<SharedMemory> Runtime::shared_memory() const {
  std::vector<plan::Lane> opened;
  for (const auto& device : state_->devices) {
    if (device->takes_host_pointers()) continue;
    try {
      opened.push_back({device, device->handle()});
    } catch (const Error&) {
      // A session that wants it says why.
    }
  }
  std::vector<SharedMemory> list;
  for (size_t i = 0; i < opened.size(); ++i)
    for (size_t k = i + 1; k < opened.size(); ++k) {
      const plan::Way way = plan::shared_way(opened[i], opened[k]);
      if (way <= plan::Way::handle)
        list.push_back({opened[i].device->name(), opened[k].device->name(), to_string(way)});
    }
  return list;
}

std::vector<PluginInfo> Runtime::plugins() const {
  std::vector<PluginInfo> list;
  for (const plugin::PluginReport& r : state_->registry.reports)
    list.push_back({r.id, r.version, r.vendor, r.manifest, r.library, r.loaded, r.reason, r.devices});
  return list;
}

namespace {
uint64_t slice_of(const CompileOptions& options) {
  if (!options.slice) return 0;
  const int64_t us = options.slice->count();
  if (us < 0 || us > 60'000'000)
    base::fail(ErrorCode::invalid_argument,
               "the slice (% us) is not from 0 to 60 s; give the longest time a device may be kept busy, or 0", {us});
  return us == 0 ? MOTLEY_SLICE_UNLIMITED : static_cast<uint64_t>(us) * 1000;
}
}  // namespace

Session Runtime::compile(const Model& model, const CompileOptions& options) const {
  auto state = std::make_unique<detail::SessionState>();
  state->runtime = state_;
  state->module = model.module_;
  state->options = options;
  plan::Request& request = state->request;
  choose_devices(state_->devices, options, request);
  request.policy = options.policy;
  set_limits(options, request);
  check_pinned_devices(options, request.devices);
  request.pins = options.pins;
  request.fallback = options.fallback;
  request.shapes = options.input_shapes;
  request.inputs = options.inputs;
  request.outputs = options.outputs;
  request.keep = options.keep;
  request.keep_all = options.keep_all;
  request.optimize = options.optimize;
  request.split = options.split;
  request.split_alike = options.split_alike;
  request.layouts = options.layouts;
  request.slice_ns = slice_of(options);
  request.limits = options.limits;
  if (options.trace) state->trace = std::make_unique<run::Trace>();
  detail::use_table(*state);
  state->plan_now();
  check_pinned_nodes(*state);
  return Session(std::move(state));
}

void set_thread_count(uint32_t threads) {
  base::ThreadPool& pool = base::ThreadPool::shared();
  if (threads == 0) base::fail(ErrorCode::invalid_argument, "the thread count is 0; give 1 or more");
  pool.set_thread_limit(threads);
}
uint32_t thread_count() noexcept { return base::ThreadPool::shared().thread_count(); }
const char* version() noexcept { return MOTLEY_VERSION; }

}  // namespace motley
