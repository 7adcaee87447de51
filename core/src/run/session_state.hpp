// What stands behind a Session and a Runtime.
#pragma once

#include <list>
#include <mutex>

#include "motley/motley.hpp"
#include "plugin/call.hpp"
#include "run/dynamic.hpp"
#include "run/evaluate.hpp"
#include "run/instance.hpp"
#include "run/trace.hpp"
#include "run/watch.hpp"

namespace motley::detail {

struct RuntimeState {
  plugin::Registry registry;
  plan::DeviceList devices;  // the fastest first
  std::filesystem::path table;
};

struct SessionState {
  std::shared_ptr<const RuntimeState> runtime;
  std::shared_ptr<const graph::Module> module;
  CompileOptions options;
  plan::Request request;
  TableUse table_use;

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

  // A plan for some input shapes: whole, or in stages where shapes depend on data.
  struct Planned {
    InputShapes shapes;
    std::shared_ptr<const plan::Plan> plan;
    std::shared_ptr<run::DynamicRunner> staged;
    std::vector<TensorInfo> inputs, outputs;  // of a staged one; shapes of outputs come with each run
    std::shared_ptr<const plan::Kept> kept;   // of a staged one
  };
  // The latest first. Kept small: each holds packed weights.
  static constexpr size_t kCachedPlans = 16;
  std::list<Planned> plans;
  size_t plans_made = 0;  // whole ones
  std::unique_ptr<run::DeviceEvaluator> evaluator;
  std::unique_ptr<run::Instance> instance;  // null in a staged session
  // Of a staged session: memory of the inputs, and what the last run gave for the rest; together in the order of
  // `visible`.
  std::vector<std::unique_ptr<run::AlignedBlock>> input_memory;
  std::vector<run::Value> results;
  std::vector<std::weak_ptr<const plan::Plan>> last_plans;  // of stages

  std::list<run::NodeCall> callbacks;
  std::vector<run::Hook> hooks;
  uint32_t cancel = 0;
  bool profiling = false;
  std::vector<NodeTime> times;
  std::unique_ptr<run::Trace> trace;  // where runs are traced

  // Devices that failed → why; they are in `request` no more.
  std::vector<std::pair<std::string, std::string>> lost;
  // Memory that views of tensors may still show, from before a device was lost.
  std::vector<std::shared_ptr<const void>> outlived;

  // Plans for request.shapes, or takes the plan from the cache, and gives it memory. Devices that fail are left out.
  void plan_now();
  // Runs once; where a device fails, once more without it.
  void run();
  bool is_staged() const { return !instance; }
  // Where a visible tensor lies; null for an output of a staged session that has not run.
  void* memory(const Visible& tensor) const;
  Planned make_plan();
  void plan_once();
  void run_once();
  // Takes a device that failed out of the request. False where it is the last one.
  bool drop(const plugin::DeviceFailure& failure);
  // Plans for the devices that are left, with the contents and bindings of tensors as they are, and runs.
  void recover(const plugin::DeviceFailure& failure);
  void enter_stages();
  void run_stages();
  // Of a staged session: makes a value the one that visible tensor `index` shows.
  void show(size_t index, const run::Value& value);
  void refresh_visible();
  void read_profile();
  size_t find(std::string_view name, bool (*role)(const Visible&), const char* what) const;
};

// Adds a plan's nodes, transfers, passes and memory to an explanation. `instance`: that runs it, where there is one.
// Costs are looked up by `request` where the plan
// was made without.
void explain(const plan::Plan& plan, const plan::Request& request, Explanation& result, const run::Instance* instance);

}  // namespace motley::detail
