// What a backend author writes: kernels, and the device that lists them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "motley/plugin.h"
#include "motley/sdk/graph_view.hpp"

namespace motley::sdk {

// Thrown by a kernel or a factory to give a status other than MOTLEY_INTERNAL.
struct StatusError : std::runtime_error {
  StatusError(motley_status s, const std::string& text) : std::runtime_error(text), status(s) {}
  motley_status status;
};

// The tuning choice for a node: "key=value,key=value", parsed. Unknown keys are an error of the config's author.
class Config {
 public:
  Config() = default;
  explicit Config(std::string_view text) {
    while (!text.empty()) {
      const size_t comma = text.find(',');
      const std::string_view pair = text.substr(0, comma);
      const size_t equals = pair.find('=');
      if (equals == std::string_view::npos)
        throw StatusError(MOTLEY_INVALID_ARGUMENT, "config \"" + std::string(pair) + "\" is not key=value");
      values_.emplace(pair.substr(0, equals), pair.substr(equals + 1));
      text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    }
  }
  std::string get(const std::string& key, std::string fallback) const {
    const auto it = values_.find(key);
    return it == values_.end() ? std::move(fallback) : it->second;
  }
  int64_t get(const std::string& key, int64_t fallback) const {
    const auto it = values_.find(key);
    return it == values_.end() ? fallback : std::stoll(it->second);
  }
  const std::map<std::string, std::string>& values() const { return values_; }

 private:
  std::map<std::string, std::string> values_;
};

// The host's threads, for kernels. Copyable; [any].
class Threads {
 public:
  explicit Threads(const motley_host* host = nullptr) : host_(host && host->parallel_for ? host : nullptr) {}

  // Workers that parallel_for may use; at least 1. Scratch per worker is sized by this at prepare time.
  uint32_t count() const {
    return host_ && host_->worker_count ? std::max(1u, host_->worker_count(host_->context)) : 1;
  }

  // Calls fn(index, worker) for every index in [0, count); returns when all are done. Allocates nothing. An exception
  // in fn is rethrown here, one of them if several.
  template <class Fn>
  void parallel_for(uint64_t count, Fn&& fn) const {
    if (count == 0) return;
    if (!host_ || count == 1) {
      for (uint64_t i = 0; i < count; ++i) fn(i, 0u);
      return;
    }
    struct Call {
      std::remove_reference_t<Fn>* fn;
      std::exception_ptr error;
      std::atomic_flag failed;
    } call{&fn, nullptr, {}};
    host_->parallel_for(
        host_->context, count,
        [](void* context, uint64_t index, uint32_t worker) {
          Call& c = *static_cast<Call*>(context);
          try {
            (*c.fn)(index, worker);
          } catch (...) {
            if (!c.failed.test_and_set()) c.error = std::current_exception();
          }
        },
        &call);
    if (call.error) std::rethrow_exception(call.error);
  }

 private:
  const motley_host* host_;
};

// What a kernel gets for one run. Pointers of absent tensors are null. `scratch` has the bytes it asked for,
// aligned to 64.
struct RunContext {
  const void* const* inputs;
  void* const* outputs;
  void* scratch;
  Threads threads;

  template <class T>
  const T* input(size_t i) const {
    return static_cast<const T*>(inputs[i]);
  }
  template <class T>
  T* output(size_t i) const {
    return static_cast<T*>(outputs[i]);
  }
};

// One node, prepared: shapes, packed weights and choices are settled. Immutable after construction: run() may be called
// from several threads at once with different contexts, so per-run state belongs in scratch.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void run(const RunContext& context) const = 0;
  virtual uint64_t scratch_bytes() const { return 0; }
  virtual uint64_t resident_bytes() const { return 0; }       // packed weights and tables it holds
  virtual std::string_view name() const { return "kernel"; }  // shown in profiles, e.g. "conv_im2col"
};

// A kernel from a callable void(const RunContext&), for those that need no state beyond what it captures.
template <class Fn>
class FunctionKernel final : public Kernel {
 public:
  FunctionKernel(std::string name, Fn fn) : name_(std::move(name)), fn_(std::move(fn)) {}
  void run(const RunContext& context) const override { fn_(context); }
  std::string_view name() const override { return name_; }

 private:
  std::string name_;
  Fn fn_;
};
template <class Fn>
std::unique_ptr<Kernel> make_kernel(std::string name, Fn fn) {
  return std::make_unique<FunctionKernel<Fn>>(std::move(name), std::move(fn));
}

// Empty: supported. Otherwise the reason why not, a short phrase.
using Reason = std::string;

struct PrepareContext {
  Threads threads;
  Config config;
};

// How a device runs an op. Several entries may name the same op: the first that supports a node wins.
struct KernelEntry {
  Op op;
  Reason (*supports)(const NodeView& node);
  std::unique_ptr<Kernel> (*prepare)(const NodeView& node, const PrepareContext& context);
};

// One tunable parameter and its admissible values; the first is the default.
struct Parameter {
  std::string name;
  std::vector<std::string> values;
};

// A device with host memory whose kernels run one after another. Derive, describe it, list its kernels.
// Reshape need not be listed: the helper aliases memory. All members are [any] after construction.
class Device {
 public:
  virtual ~Device() = default;
  virtual std::span<const KernelEntry> kernels() const = 0;
  // "class key=value" lines, see motley_plugin::device_fingerprint.
  virtual std::string fingerprint() const { return {}; }
  // Nanoseconds, a prior; 0: no opinion.
  virtual double estimate_cost(const NodeView&) const { return 0; }
  // motley.tuning/1: what a node may choose from; empty: nothing.
  virtual std::vector<Parameter> tuning_space(const NodeView&) const { return {}; }
  virtual std::string problem_key(const NodeView&) const { return {}; }
  virtual Reason config_check(const NodeView&, const Config&) const { return {}; }
  virtual uint64_t space_rev() const { return 1; }
  // Upper bound on scratch for any config of the node, bytes; 0: not known.
  virtual uint64_t workspace_bound(const NodeView&) const { return 0; }
};

// A backend: its devices. Derived class must be default constructible; one object per process.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual const char* version() const { return "0.1.0"; }
  virtual const char* build_id() const { return version(); }
  // Devices usable now. Called under [control].
  virtual std::vector<motley_device_info> enumerate() = 0;
  virtual std::unique_ptr<Device> open(uint32_t index) = 0;
};

// A device description with the fields that every device needs; the rest is zero.
inline motley_device_info device_info(uint32_t index, motley_device_kind kind, std::string_view id,
                                      std::string_view name, std::string_view vendor) {
  motley_device_info info{};
  info.struct_size = sizeof info;
  info.index = index;
  info.kind = kind;
  info.memory_flags = MOTLEY_MEMORY_HOST_POINTERS;
  const auto copy = [](char* to, size_t room, std::string_view from) {
    std::memcpy(to, from.data(), std::min(room - 1, from.size()));
  };
  copy(info.id, sizeof info.id, id);
  copy(info.name, sizeof info.name, name);
  copy(info.vendor, sizeof info.vendor, vendor);
  info.precisions = 1u << static_cast<unsigned>(DataType::float32);
  info.preferred_layouts = 1u;
  return info;
}

}  // namespace motley::sdk
