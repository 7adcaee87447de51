// The runtime's public API: find devices, load a model, compile it, run it.
//
//     motley::Runtime rt;                                   // discovers plugins
//     auto model = motley::Model::load("net.motley");
//     auto session = rt.compile(model);
//     session.input("data").copy_from(pixels);
//     session.run();
//     std::span<const float> p = session.output("prob").as<float>();
//
// Threads: a Runtime and a Model may be used from several threads at once. A Session belongs to one thread at a time;
// several sessions run side by side. Functions throw motley::Error unless marked noexcept.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "motley/error.hpp"
#include "motley/export.hpp"
#include "motley/limits.hpp"

namespace motley {

// Values equal those of schema/model.fbs.
enum class DataType : uint8_t {
  undefined = 0,
  float32 = 1,
  float16 = 2,
  bfloat16 = 3,
  float64 = 4,
  int8 = 5,
  uint8 = 6,
  int16 = 7,
  uint16 = 8,
  int32 = 9,
  uint32 = 10,
  int64 = 11,
  uint64 = 12,
  bool_ = 13
};
MOTLEY_API const char* to_string(DataType type) noexcept;
// Bytes of one element; 0 for undefined.
MOTLEY_API size_t size_of(DataType type) noexcept;

// float → DataType::float32 and so on; undefined for types that are no tensor elements.
template <class T>
constexpr DataType data_type_of() {
  if constexpr (std::is_same_v<T, float>) return DataType::float32;
  else if constexpr (std::is_same_v<T, double>) return DataType::float64;
  else if constexpr (std::is_same_v<T, int8_t>) return DataType::int8;
  else if constexpr (std::is_same_v<T, uint8_t>) return DataType::uint8;
  else if constexpr (std::is_same_v<T, int16_t>) return DataType::int16;
  else if constexpr (std::is_same_v<T, uint16_t>) return DataType::uint16;
  else if constexpr (std::is_same_v<T, int32_t>) return DataType::int32;
  else if constexpr (std::is_same_v<T, uint32_t>) return DataType::uint32;
  else if constexpr (std::is_same_v<T, int64_t>) return DataType::int64;
  else if constexpr (std::is_same_v<T, uint64_t>) return DataType::uint64;
  else if constexpr (std::is_same_v<T, bool>) return DataType::bool_;
  else return DataType::undefined;
}

// What a model says of one of its inputs or outputs. A dimension is a number, or -1 where unknown; `symbols[i]` is its
// name or "". Where not even their number is known, `rank_known` is false and `shape` is empty.
struct TensorInfo {
  std::string name;
  DataType type = DataType::undefined;
  std::vector<int64_t> shape;
  std::vector<std::string> symbols;
  bool rank_known = true;
};

struct NodeInfo {
  std::string name;
  std::string op;                            // "Conv", "Unary(relu)"
  std::vector<std::string> inputs, outputs;  // tensor names; "" where absent
};

namespace graph {
struct Module;
}
namespace detail {
struct SessionState;
struct RuntimeState;
}  // namespace detail

// An immutable network. Copies share it.
class MOTLEY_API Model {
 public:
  // Maps a .motley file and checks it. Throws Error(io | invalid_model | limit).
  static Model load(const std::filesystem::path& path, const Limits& limits = {});
  // Copies from memory.
  static Model from_bytes(std::span<const std::byte> bytes, const Limits& limits = {});
  // From an importer, in memory.
  static Model from_module(graph::Module module);

  std::vector<TensorInfo> inputs() const;
  std::vector<TensorInfo> outputs() const;
  std::vector<NodeInfo> nodes() const;
  // Key/value texts that came with the model: "labels", "preprocessing", …
  const std::map<std::string, std::string>& metadata() const noexcept;
  const graph::Module& module() const noexcept { return *module_; }

 private:
  explicit Model(std::shared_ptr<const graph::Module> module) : module_(std::move(module)) {}
  std::shared_ptr<const graph::Module> module_;
  friend class Runtime;
};

enum class DeviceKind : uint8_t { cpu, gpu, dsp, npu, other };
MOTLEY_API const char* to_string(DeviceKind kind) noexcept;

struct DeviceInfo {
  std::string name;  // what CompileOptions::devices takes: "cpu", "acme:gpu0"
  std::string plugin;
  std::string description;  // "AMD EPYC 9B14"
  std::string vendor;
  DeviceKind kind = DeviceKind::other;
  double peak_gflops = 0;     // float32, estimate; 0: unknown
  double bandwidth_gbps = 0;  // estimate; 0: unknown
  uint64_t memory_bytes = 0;  // 0: unknown
};

// Two devices, each with memory of its own, that work on one memory: tensors cross between them without a copy.
struct SharedMemory {
  std::string first, second;  // DeviceInfo::name
  std::string way;            // as in Transfer: "share" or "shared fd"
};

// What became of one plugin that was found.
struct PluginInfo {
  std::string id, version, vendor;
  std::filesystem::path manifest, library;
  bool loaded = false;
  std::string reason;                // why it is not loaded, or a remark
  std::vector<std::string> devices;  // DeviceInfo::name
};

struct RuntimeOptions {
  std::vector<std::filesystem::path> plugin_files;    // manifests or libraries, tried first
  std::vector<std::filesystem::path> plugin_folders;  // searched besides the standard places
  bool standard_places = true;                        // see docs/plugin-discovery.md
  std::vector<std::string> select, disable;           // globs on plugin ids
  // A dispatch table for every compile that names none. Empty: that of MOTLEY_TABLE, if it is set.
  std::filesystem::path table = {};
};

// What a plan is to have little of. See docs/device-selection.md.
enum class Policy : uint8_t {
  latency,     // time of one run
  throughput,  // time of the busiest device per run, for several sessions side by side
  power,       // energy of one run, by CompileOptions::watts
  memory       // bytes that devices with memory of their own hold, and bytes moved
};
MOTLEY_API const char* to_string(Policy policy) noexcept;

// What becomes of a compile whose dispatch table cannot be used: it goes on without, with the reason in the log and in
// Explanation::table; or it throws what reading threw: Error(not_found | io | invalid_argument | limit).
enum class BadTable : uint8_t { ignore, fail };

using InputShapes = std::map<std::string, std::vector<int64_t>>;

struct CompileOptions {
  // Devices that may be used; globs are allowed ("acme:*"). They are used in this order of preference until a dispatch
  // table has measured nodes on them; then, and under a policy other than latency, costs decide among them. Empty: all
  // devices, and costs decide.
  std::vector<std::string> devices = {};
  // Globs of devices that are not used in any case, and of those that are preferred: they count as a quarter faster
  // than they are, and come first where an order decides. Patterns that fit no device do nothing.
  std::vector<std::string> deny = {}, prefer = {};
  // What a device of `devices` does not support goes to any other device. Off: compile throws Error(unsupported),
  // listing the nodes.
  bool fallback = true;
  Policy policy = Policy::latency;
  // For Policy::power: globs of devices and the watts that they take while they work; the first that fits counts. Where
  // none does: 4 for a CPU, 6 for a GPU, 1.5 for a DSP, 2 for an NPU, 4 for others.
  std::vector<std::pair<std::string, double>> watts = {};
  // What the relative errors of kernels that compute in a lower precision than the model says may add up to, per run:
  // 0 (none is used) or more, 0.01 for a hundredth. Each counts with the error that the dispatch table measured for
  // it, else 0.0005 for float16, 0.004 for bfloat16, 0.008 for int8. compile throws Error(invalid_argument) for a
  // number below 0 or no number.
  double error_budget = 0;
  // The time that a run may be predicted to take; 0: any. Among plans within it the policy's best is taken: the one of
  // least energy, say. Where none is, it is the fastest, and PlanCost::late and the log say so. compile throws
  // Error(invalid_argument) for one below 0.
  std::chrono::nanoseconds deadline{0};
  // Nodes that run on a certain device: a node of the model or of explain(), or a glob on such names, and a device's
  // name. The first that fits a node counts. What its device does not run goes elsewhere, or, without fallback, is
  // Error(unsupported); what it fails to compile goes elsewhere among the devices of the session. Where the optimizer
  // joins nodes, the first pinned one decides. compile throws Error(not_found) for a name that no node has, and for a
  // device that is not among those of the session.
  std::vector<std::pair<std::string, std::string>> pins = {};
  // Concrete shapes for inputs that the model leaves open. An input without an entry gets 1 for each unknown dimension.
  InputShapes input_shapes = {};
  // Run only the part between these tensors of the model. Empty: the model's own inputs and outputs.
  std::vector<std::string> inputs = {}, outputs = {};
  // Names of tensors or nodes that stay visible: readable with Session::tensor() after a run, not fused away.
  std::vector<std::string> keep = {};
  bool keep_all = false;
  // Off: no fusion passes; what the model says is what runs.
  bool optimize = true;
  // Under Policy::latency an operator (Conv, Pool, MatMul and what computes each element or slice by itself) may be
  // computed by two devices at once, each a part of its output along one axis, where a dispatch table knows its cost on
  // both and a plan with that is predicted to be clearly faster; Placement::part_of tells. Off: each node runs on one
  // device. Plans that a dispatch table has for the network are followed as they are, without this.
  bool split = true;
  // Also two devices of one kind that come from different plugins, such as a CPU's own plugin and an OpenCL driver for
  // that CPU. They may be one processor, and then parts only wait for each other; so this is off by default. The tuner
  // tries such splits, as it measures what they bring.
  bool split_alike = false;
  // Nodes may run by kernels that read and write tensors in another layout than row-major, where a device offers such
  // and a plan with them, and with what brings tensors into that layout and back, is predicted to be clearly faster;
  // Placement::layout tells. Inputs, outputs and kept tensors stay row-major. Off, or with keep_all: all is row-major.
  // Plans that a dispatch table has for the network are followed as they are, without this.
  bool layouts = true;
  // As Session::set_tracing(true), from the first run on.
  bool trace = false;
  // The longest time that a device which also draws the screen is kept busy without a gap: its kernels run in slices of
  // at most that, as far as they can be cut, and a few slices at a time. 0: no limit. Unset: each device's own default,
  // which is 4 ms on GPUs that share the host's memory and no limit on others.
  std::optional<std::chrono::microseconds> slice = {};
  // A dispatch table, with measured times: it chooses among the kernels that plugins offer, and so changes speed
  // alone. Empty: the runtime's. See docs/dispatch-tables.md.
  std::filesystem::path table = {};
  BadTable bad_table = BadTable::ignore;
  Limits limits = {};
};

// A typed view of a tensor's memory in a session. Lives as long as the session and until its next resize. Where shapes depend on
// data, an output's shape, bytes and memory are those of the last run, and each run gives new ones.
class MOTLEY_API TensorRef {
 public:
  const std::string& name() const;
  DataType type() const;
  std::span<const int64_t> shape() const;
  int64_t elements() const;
  size_t bytes() const;

  // Copies in. Throws Error(invalid_argument) unless type and element count match.
  template <class T>
  void copy_from(std::span<const T> values) {
    write(values.data(), values.size(), data_type_of<T>());
  }
  template <class T>
  void copy_from(const std::vector<T>& values) {
    copy_from(std::span<const T>(values));
  }
  void copy_from_bytes(std::span<const std::byte> bytes);
  // Uses the caller's memory in place of the session's for the following runs: no copy. It must stay valid, hold
  // bytes() bytes and be aligned to 64 (else Error(invalid_argument)). An empty span gives the session's memory back.
  void bind(std::span<std::byte> memory);
  template <class T>
  void bind(std::span<T> memory) {
    bind(std::as_writable_bytes(memory));
  }

  // The elements. Throws Error(invalid_argument) where T is not the tensor's type.
  template <class T>
  std::span<const T> as() const {
    check_type(data_type_of<T>());
    return {static_cast<const T*>(data()), static_cast<size_t>(elements())};
  }
  std::span<const std::byte> as_bytes() const { return {static_cast<const std::byte*>(data()), bytes()}; }

 private:
  TensorRef(detail::SessionState* session, size_t index, bool writable)
      : session_(session), index_(index), writable_(writable) {}
  const void* data() const;
  void write(const void* values, size_t count, DataType type);
  void check_type(DataType type) const;
  detail::SessionState* session_;
  size_t index_;
  bool writable_;
  friend class Session;
};

// Why a node runs where it runs.
struct Placement {
  std::string node;  // after optimization and lowering
  std::string op;
  std::vector<std::string> origins;  // nodes of the model it comes from
  std::string device;
  uint32_t segment = 0;                                      // nodes of one segment are submitted together
  std::string reason;                                        // "fastest of 2 devices that support it (estimate 12 us)"
  double estimate_ns = 0;                                    // what it costs there; 0: nothing, or unknown
  // Where that is from: "measured" here, "near" (another shape, driver or device), "estimated".
  std::string cost_source;
  // The device that would be next best for this node alone, and what the plan would cost on top if it ran there, moves
  // included, in PlanCost::unit; "" where no other runs it. Below 0 where the order of preference decides against
  // costs.
  std::string runner_up;
  double runner_up_more = 0;
  // The precision that its kernel computes in, where that is lower than the model's ("float16"), and the kernel's
  // relative error as far as it counts for the error budget. Else "" and 0.
  std::string precision;
  double error = 0;
  std::vector<std::string> fused_with;  // other nodes that run in the same kernel
  // Of a node that computes a part of an operator, while another device computes the rest: the operator's name, the
  // share of its output, and the axis of that along which it is cut. Else "" and 0. The parts end in "#1" and "#2", and
  // the node that joins them, if there is one, in "#joined".
  std::string part_of = {};
  double share = 0;
  uint32_t part_axis = 0;
  // The layout of the tensors that its kernel reads and writes, where that is not row-major ("nhwc"). Of a node that
  // brings a tensor into another layout, the one that it makes, "row_major" too; such a node is no node of the model.
  // Else "".
  std::string layout = {};
  // What the error budget left out and would make the plan cheaper by itself: "float16 on acme:npu0", and what the
  // plan would cost on top, below 0. Else "" and 0.
  std::string left_out;
  double left_out_more = 0;
  // The key by which the dispatch table knows the node's problem, the config that its kernel got, and where the table
  // has it from: "race" (the plan that is followed ran with it), "exact" (measured here), the priors "driver",
  // "nearest", "sibling", "family", or "none". All are empty without a table, and for nodes whose device names no
  // problem. An empty config is the device's default.
  std::string problem_key, config, config_source;
  std::vector<std::pair<std::string, std::string>> refused;  // device → why it could not
  // What it reads, constants included, and what it writes. Equal names are one tensor: these are the graph's edges.
  std::vector<TensorInfo> inputs = {}, outputs = {};
};

// A tensor on its way from one device to another.
struct Transfer {
  std::string tensor;
  std::string from, to;  // devices; "host" is the caller's memory, and that of devices which work on it
  // "share": both use the same bytes. "shared fd": the same, by a file descriptor that one device gave and the other
  // took. "import": the device works on the host's bytes. "copy": the device copies. "map":
  // the host copies.
  std::string way;
  uint64_t bytes = 0;
  uint32_t segment = 0;  // that it is moved for; of an output of the network, the last one
};

// How the plan was decided and what it is thought to cost; sums where a network is planned in stages. Numbers are 0
// where they are not known.
struct PlanCost {
  Policy policy = Policy::latency;
  // "planner": the cheapest placement. "single device": the best device alone, which no placement beats clearly.
  // "order": the first device in order of preference that supports a node. "race": the dispatch table has a plan for
  // this network that was run against others and won.
  std::string decided_by;
  std::string note;         // why the planner was not asked, or had no answer
  double predicted_ns = 0;  // of one run; of a "race" as it was measured end to end, else the sum of its parts
  // By the policy: of this plan, what no plan is below (none that splits the same operators over two devices), and of
  // the best device alone (or the order of preference).
  double cost = 0, bound = 0, rival = 0;
  std::string unit;           // of these: "ns", "nJ", "bytes" (nearly: a byte counts like a microsecond)
  bool side_by_side = false;  // predicted_ns counts on devices working at the same time
  double planner_ns = 0;      // time that the planner took
  double error_budget = 0, error = 0;  // see CompileOptions::error_budget, and what the plan uses of it
  double without_budget = 0;           // what a plan would cost that no error budget bounds, where that is less; else 0
  double deadline_ns = 0;              // 0: none
  bool late = false;                   // no plan was found that is predicted to end within the deadline
};

// What became of the dispatch table.
struct TableUse {
  std::filesystem::path path;  // empty: there was none
  std::string problem;         // why it was not used; empty where it was
  size_t rows = 0;             // with times of kernels
  // Rows that are not used as measured, by device of the table: why, and how many.
  struct Unused {
    std::string device, reason;
    size_t rows = 0;
  };
  std::vector<Unused> unused;
  std::map<std::string, size_t> lookups;  // Placement::config_source → nodes; "none" are the misses
  size_t refused = 0;                     // configs that a device did not take
};

struct Explanation {
  std::vector<Placement> nodes;                        // in the order they run
  std::vector<Transfer> transfers;                     // in the order they happen
  std::vector<std::pair<std::string, std::string>> lost;  // devices that failed and are no longer used → why
  std::vector<std::pair<std::string, size_t>> passes;  // optimizer pass → rewrites
  uint64_t activation_bytes = 0;                       // arena planned before the first run
  uint64_t constant_bytes = 0;
  uint64_t resident_bytes = 0;               // packed weights held by executables
  PlanCost cost;
  TableUse table;
  MOTLEY_API std::string to_string() const;  // a table
};

// Time of one node in the last run of a profiled session.
struct NodeTime {
  std::string node, op, device, kernel;
  uint64_t begin_ns = 0, end_ns = 0;  // the host's monotonic clock
};

// What happened in a traced run, on one clock.
struct TraceEvent {
  enum class Kind : uint8_t {
    run,       // of the whole session
    segment,   // on its device
    node,      // within a segment, where the device says when
    submit,    // handing a segment to a device that works in the background
    transfer,  // of a tensor
    wait,      // of the host, for a device
    lost       // a device failed: `name` says how
  } kind = Kind::run;
  std::string name;    // of the node, tensor, …
  std::string device;  // that it happens on: "host", "cpu", …
  std::string detail;  // op and kernel of a node, "from a to b by way" of a transfer, the device that is waited for
  uint32_t segment = 0;
  uint64_t bytes = 0;                 // of a transfer
  uint64_t begin_ns = 0, end_ns = 0;  // the host's monotonic clock
};
// In the trace event format of Chrome and Perfetto: a JSON text with one track per device and one for the host.
MOTLEY_API std::string trace_json(const std::vector<TraceEvent>& events);

// A model prepared for given devices and input shapes.
class MOTLEY_API Session {
 public:
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  // Throw Error(not_found), naming those there are.
  TensorRef input(std::string_view name);
  TensorRef output(std::string_view name);
  // Any visible tensor: inputs, outputs, and those kept.
  TensorRef tensor(std::string_view name);
  std::vector<std::string> input_names() const;
  std::vector<std::string> output_names() const;

  // Runs once and returns when the outputs are there. After the first run of a shape, the core allocates nothing.
  // Where a device is lost or fails, the rest is planned anew without it and the run begins again, callbacks included;
  // explain() then names the device. Only if no other device can do its part is that an error.
  void run();
  // Starts a run on a thread of its own. Until it is ready, no other call on this session.
  std::future<void> run_async();
  // [any thread] Makes a run in progress stop soon: run() throws Error(cancelled).
  void cancel() noexcept;

  // Re-plans for new input shapes (missing inputs keep theirs). The latest 16 plans are kept by shape: coming back to one is cheap.
  // Input and output contents are lost; memory bound by the caller is released.
  void resize(const InputShapes& shapes);

  // How many plans were made since the session was compiled, the first one included: one for each new set of input shapes, and where
  // shapes depend on data, one for each new stage.
  size_t plans_made() const;

  using NodeCallback = std::function<void(const NodeInfo&)>;
  // Calls back before or after the named node of the model runs (a node given in CompileOptions::keep, or any with
  // keep_all); of a loop's body, at each step. Its kept tensors may be read with tensor() in the callback. Throws
  // Error(not_found) otherwise.
  void before(std::string_view node, NodeCallback callback);
  void after(std::string_view node, NodeCallback callback);

  Explanation explain() const;
  // Turns per-node times on; then after each run, node_times() has a row for each node that the device could time.
  void set_profiling(bool on);
  std::vector<NodeTime> node_times() const;

  // Records what happens in each run until it is turned off, at most a million events. Implies profiling in the
  // devices.
  void set_tracing(bool on);
  // Of all traced runs, by time. Events on one track follow or contain each other.
  std::vector<TraceEvent> trace() const;

 private:
  explicit Session(std::unique_ptr<detail::SessionState> state);
  std::unique_ptr<detail::SessionState> state_;
  friend class Runtime;
};

// Discovers plugins when made. Plugins stay loaded until the process ends, whatever becomes of the Runtime.
class MOTLEY_API Runtime {
 public:
  explicit Runtime(const RuntimeOptions& options = {});
  ~Runtime();
  Runtime(Runtime&&) noexcept;
  Runtime& operator=(Runtime&&) noexcept;

  // Usable devices, the fastest first.
  std::vector<DeviceInfo> devices() const;
  // Which of them share memory. Opens them; those that cannot be opened are left out.
  std::vector<SharedMemory> shared_memory() const;
  // Every plugin that was found, and why it is not loaded where it is not.
  std::vector<PluginInfo> plugins() const;

  // Throws Error(unsupported) listing every node that nothing can run; Error(invalid_argument) for wrong names and
  // shapes.
  Session compile(const Model& model, const CompileOptions& options = {}) const;

 private:
  std::shared_ptr<detail::RuntimeState> state_;
};

// Threads that the process's CPU work uses, the caller's included: 1 to the number of cores. Default: all.
MOTLEY_API void set_thread_count(uint32_t threads);
MOTLEY_API uint32_t thread_count() noexcept;
MOTLEY_API const char* version() noexcept;

}  // namespace motley
