// What stands behind a Session and a Runtime.
#pragma once

#include <list>
#include <mutex>

#include "motley/motley.hpp"
#include "run/instance.hpp"

namespace motley::detail {

struct RuntimeState {
  plugin::Registry registry;
  plan::DeviceList devices;  // the fastest first
};

struct SessionState {
  std::shared_ptr<const RuntimeState> runtime;
  std::shared_ptr<const graph::Module> module;
  CompileOptions options;
  plan::Request request;

  // A tensor that the caller can name. Its index never changes; what it refers to changes with the plan.
  struct Visible {
    std::string name;
    bool is_input = false, is_output = false;
    graph::TensorId id = graph::kNone;
    DataType type = DataType::undefined;
    std::vector<int64_t> shape;
    uint64_t bytes = 0;
    std::byte* bound = nullptr;  // the caller's memory
  };
  std::vector<Visible> visible;
  std::unique_ptr<run::Instance> instance;
  // Plans by shape, the latest first. Kept small: each holds packed weights.
  static constexpr size_t kCachedPlans = 8;
  std::list<std::pair<InputShapes, std::shared_ptr<const plan::Plan>>> plans;

  struct Callback {
    std::string node;
    bool before;
    std::function<void()> call;
  };
  std::list<Callback> callbacks;
  std::vector<run::Hook> hooks;
  uint32_t cancel = 0;
  bool profiling = false;
  std::vector<NodeTime> times;

  // Plans for request.shapes, or takes the plan from the cache, and gives it memory.
  void plan_now();
  void run();
  void refresh_visible();
  void refresh_hooks();
  void read_profile();
  size_t find(std::string_view name, bool (*role)(const Visible&), const char* what) const;
};

// Fills in an explanation from a plan.
Explanation explain(const plan::Plan& plan);

}  // namespace motley::detail
