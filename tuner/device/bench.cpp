// A problem on a device.
#include "device/bench.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "base/file.hpp"
#include "base/text.hpp"
#include "plan/plan.hpp"
#include "plugin/call.hpp"
#include "worker/message.hpp"

namespace motley::tuner {

namespace {

constexpr size_t kMostCompiled = 24;  // the finalists, the anchor, and a few
constexpr double kLeastRunNs =
    200000;  // a run is repeated until it is this long: the clock and the call take some of it
constexpr size_t kMostRepeats = 200;
constexpr size_t kMostQueued = 32;  // submissions that are under way at once
// Handing over a segment costs some devices more than a small kernel, so a segment of several is timed where the kernel
// alone takes less than this.
constexpr double kSmallNs = 300000;
constexpr size_t kCopies = 8;
constexpr uint64_t kMostCopiedBytes = 64 << 20;
constexpr Filling kFillings[] = {Filling::random, Filling::extremes, Filling::ramp};

struct ConfigError {
  Ending ending;
  std::string reason;
};

bool is_integer(schema::DataType type) { return type == schema::DataType::int32 || type == schema::DataType::int64; }

// The problem several times, each with results of its own.
graph::Graph repeat(const graph::Graph& problem, size_t times) {
  graph::Graph graph = problem;
  for (size_t i = 1; i < times; ++i) {
    std::map<graph::TensorId, graph::TensorId> made;
    for (graph::Node node : problem.nodes) {
      node.name += base::text("/%", {i});
      for (graph::TensorId& id : node.inputs)
        if (const auto own = made.find(id); own != made.end()) id = own->second;
      for (graph::TensorId& id : node.outputs) {
        if (id == graph::kNone) continue;
        graph::Tensor tensor = problem.tensor(id);
        tensor.name += base::text("/%", {i});
        id = made[id] = graph.add_tensor(std::move(tensor));
      }
      graph.nodes.push_back(std::move(node));
    }
    for (const graph::TensorId id : problem.outputs) graph.outputs.push_back(made.at(id));
  }
  return graph;
}

bool has_indices(const graph::Graph& problem) {
  return std::any_of(problem.inputs.begin(), problem.inputs.end(),
                     [&](graph::TensorId id) { return is_integer(problem.tensor(id).type); });
}

}  // namespace

// One device with a queue and memory for the problem's tensors.
struct Bench::Runner {
  explicit Runner(plugin::Device& d) : device(d) {
    plugin::ErrorRoom room;
    if (!device.api().queue_create) return;
    const motley_status status =
        plugin::guarded(room, [&] { return device.api().queue_create(device.handle(), &queue, &room.error); });
    if (status != MOTLEY_OK)
      base::fail(ErrorCode::plugin, "the device \"%\" gives no queue (%)", {device.name(), room.describe(status)});
  }
  ~Runner() {
    if (queue) device.api().queue_destroy(queue);
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  plugin::Device& device;
  motley_queue* queue = nullptr;
  uint64_t timeline = 0;
  uint64_t alignment = 64;
  std::vector<TensorMemory> inputs, outputs;
  std::vector<TensorMemory> copied;  // outputs of the copies after the first
};

// An executable and its scratch.
struct Bench::Compiled {
  // `nodes`: of a copy; its config is that of the first.
  Compiled(Runner& r, const motley_graph& graph, std::string text, size_t nodes, size_t copies = 1)
      : runner(r), config(std::move(text)), sets(copies) {
    const auto& api = runner.device.api();
    std::vector<motley_node_config> choices;
    for (size_t i = 0; i < copies && !config.empty(); ++i)
      choices.push_back({static_cast<uint32_t>(i * nodes), config.c_str()});
    const motley_compile_options options{sizeof options, static_cast<uint32_t>(choices.size()), choices.data(),
                                         MOTLEY_SLICE_UNLIMITED};
    plugin::ErrorRoom room;
    const motley_status status = plugin::guarded(
        room, [&] { return api.compile(runner.device.handle(), &graph, &options, &executable, &room.error); });
    if (status != MOTLEY_OK)
      throw ConfigError{
          status == MOTLEY_UNSUPPORTED || status == MOTLEY_INVALID_ARGUMENT ? Ending::invalid : Ending::failed,
          room.describe(status)};
    motley_exec_requirements need{sizeof need, 64, 0, 0};
    if (api.exec_requirements && api.exec_requirements(executable, &need) != MOTLEY_OK) need = {sizeof need, 64, 0, 0};
    runner.alignment = std::max<uint64_t>(runner.alignment, need.alignment);
    scratch = std::make_unique<TensorMemory>(runner.device, need.scratch_bytes, std::max<uint64_t>(need.alignment, 64));
  }
  ~Compiled() {
    if (executable) runner.device.api().exec_release(executable);
  }
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;

  // Submits all, and waits for some at a time.
  void run(size_t times) {
    for (size_t i = 1; i <= times; ++i) {
      submit();
      if (i % kMostQueued == 0 || i == times) wait();
    }
  }
  // Of one submission, nanoseconds.
  double timed(size_t times) {
    const auto begin = std::chrono::steady_clock::now();
    run(times);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    return std::max(took.count() / static_cast<double>(times), 1.0);
  }
  void submit() {
    std::vector<motley_binding> in, out;
    for (const TensorMemory& memory : runner.inputs) in.push_back(memory.binding());
    for (const TensorMemory& memory : runner.outputs) out.push_back(memory.binding());
    for (size_t i = 0; sets > 1 && i < runner.copied.size(); ++i) out.push_back(runner.copied[i].binding());
    motley_submission submission{};
    submission.struct_size = sizeof submission;
    submission.inputs = in.data();
    submission.input_count = static_cast<uint32_t>(in.size());
    submission.outputs = out.data();
    submission.output_count = static_cast<uint32_t>(out.size());
    submission.scratch = scratch->binding();
    submission.signal_value = ++runner.timeline;
    plugin::ErrorRoom room;
    const auto& api = runner.device.api();
    const motley_status status = plugin::guarded(
        room, [&] { return api.submit(runner.device.handle(), runner.queue, executable, &submission, &room.error); });
    if (status != MOTLEY_OK) throw ConfigError{Ending::failed, room.describe(status)};
  }
  // As sessions do, without an end: plugins may wait less exactly where there is one. Who hangs is the supervisor's
  // affair.
  void wait() {
    if (!runner.queue) return;
    plugin::ErrorRoom room;
    const motley_status status = plugin::guarded(
        room, [&] { return runner.device.api().fence_wait(runner.queue, runner.timeline, UINT64_MAX, &room.error); });
    if (status != MOTLEY_OK) throw ConfigError{Ending::failed, room.describe(status)};
  }

  Runner& runner;
  std::string config;
  size_t sets;  // of outputs: one per copy of the node
  motley_executable* executable = nullptr;
  std::unique_ptr<TensorMemory> scratch;
};

Bench::Bench(plugin::Device& device, plugin::Device& reference, graph::Graph problem,
             const std::filesystem::path& answers, schema::DataType precision)
    : problem_(std::move(problem)),
      precision_(precision),
      serialized_(model::serialize(problem_)),
      device_(std::make_unique<Runner>(device)) {
  for (const Filling filling : kFillings) {
    std::vector<Bytes> inputs;
    for (const graph::TensorId id : problem_.inputs)
      inputs.push_back(fill_tensor(problem_.tensor(id), filling, inputs.size() + 1));
    inputs_.push_back(std::move(inputs));
  }
  if (!answers.empty() && read_answers(answers)) return;
  ask_reference(reference);
  if (is_checked() || !has_indices(problem_)) {
    if (!answers.empty()) write_answers(answers);
    return;
  }
  // Whole numbers that are indices may be out of range; zero never is.
  for (auto& inputs : inputs_)
    for (size_t i = 0; i < inputs.size(); ++i)
      if (is_integer(problem_.tensor(problem_.inputs[i]).type)) std::fill(inputs[i].begin(), inputs[i].end(), 0);
  ask_reference(reference);
}

// The reference knows primitives alone, so what it does not take whole is lowered for it.
void Bench::ask_reference(plugin::Device& reference) {
  try {
    plan::Request request;
    request.devices = {std::shared_ptr<plugin::Device>(std::shared_ptr<void>(), &reference)};
    graph::Graph lowered = problem_;
    plan::lower_for(lowered, request, {});
    const model::SerializedGraph serialized = model::serialize(lowered);
    Runner oracle(reference);
    Compiled right(oracle, serialized.view(), "", lowered.nodes.size());
    for (const auto& inputs : inputs_) expected_.push_back(results(oracle, inputs, right));
    why_unchecked_.clear();
  } catch (const ConfigError& error) {
    expected_.clear();
    why_unchecked_ = error.reason;
  } catch (const Error& error) {
    expected_.clear();
    why_unchecked_ = error.what();
  }
}

bool Bench::read_answers(const std::filesystem::path& path) {
  std::error_code error;
  uint64_t bytes = 0;
  for (const graph::TensorId id : problem_.outputs) bytes += problem_.tensor(id).bytes();
  if (std::filesystem::file_size(path, error) != bytes * std::size(kFillings) || error) return false;
  const std::string text = base::read_small_file(path, UINT64_MAX);
  size_t at = 0;
  for (size_t f = 0; f < std::size(kFillings); ++f) {
    expected_.emplace_back();
    for (const graph::TensorId id : problem_.outputs) {
      const uint64_t size = problem_.tensor(id).bytes();
      expected_.back().emplace_back(text.begin() + static_cast<std::ptrdiff_t>(at),
                                    text.begin() + static_cast<std::ptrdiff_t>(at + size));
      at += size;
    }
  }
  return true;
}

void Bench::write_answers(const std::filesystem::path& path) const {
  if (!is_checked()) return;
  try {
    base::AtomicFile file(path);
    for (const auto& outputs : expected_)
      for (const Bytes& bytes : outputs) file.write(bytes.data(), bytes.size());
    file.commit();
  } catch (const Error&) {  // the disk is full: the next process asks the reference again
  }
}

Bench::~Bench() = default;

void Bench::feed(Runner& runner, const std::vector<Bytes>& inputs) {
  if (runner.outputs.empty()) {
    for (const graph::TensorId id : problem_.inputs)
      runner.inputs.emplace_back(runner.device, problem_.tensor(id).bytes(), runner.alignment);
    for (const graph::TensorId id : problem_.outputs)
      runner.outputs.emplace_back(runner.device, problem_.tensor(id).bytes(), runner.alignment);
  }
  for (size_t i = 0; i < inputs.size(); ++i) runner.inputs[i].write(inputs[i].data());
}

// Throws ConfigError where a kernel writes where it may not.
std::vector<Bytes> Bench::results(Runner& runner, const std::vector<Bytes>& inputs, Compiled& compiled) {
  feed(runner, inputs);
  for (TensorMemory& memory : runner.outputs) memory.fill(0xcd);
  compiled.run(1);
  std::vector<Bytes> found;
  bool intact = compiled.scratch->intact();
  for (const TensorMemory& memory : runner.outputs) {
    intact = intact && memory.intact();
    found.push_back(memory.read());
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    intact = intact && runner.inputs[i].intact() && runner.inputs[i].read() == inputs[i];
  if (!intact) throw ConfigError{Ending::wrong, "it wrote outside of its outputs"};
  return found;
}

Bench::Compiled& Bench::compiled(const std::string& config, size_t copies) {
  const auto at = std::find_if(compiled_.begin(), compiled_.end(),
                               [&](const auto& c) { return c->config == config && c->sets == copies; });
  if (at != compiled_.end()) {
    std::rotate(at, at + 1, compiled_.end());
  } else {
    const model::SerializedGraph& graph = copies > 1 ? repeated_ : serialized_;
    auto fresh = std::make_unique<Compiled>(*device_, graph.view(), config, problem_.nodes.size(), copies);
    if (compiled_.size() == kMostCompiled) compiled_.pop_front();
    compiled_.push_back(std::move(fresh));
  }
  return *compiled_.back();
}

Outcome Bench::check(const std::string& config, Difference* worst) {
  try {
    return check(compiled(config), worst);
  } catch (const ConfigError& error) {
    return {error.ending, {}, 0, error.reason};
  }
}

Outcome Bench::check(Compiled& candidate, Difference* worst) {
  for (size_t f = 0; f < inputs_.size(); ++f) {
    const std::vector<Bytes> found = results(*device_, inputs_[f], candidate);
    for (size_t i = 0; i < found.size() && is_checked(); ++i) {
      const Difference difference =
          compare(problem_.tensor(problem_.outputs[i]), found[i], expected_[f][i], precision_);
      if (!difference.acceptable) return {Ending::wrong, {}, 0, difference.where};
      if (!worst) continue;
      worst->max_abs = std::max(worst->max_abs, difference.max_abs);
      worst->max_rel = std::max(worst->max_rel, difference.max_rel);
    }
  }
  return {};
}

Outcome Bench::confirm(const std::string& config) {
  try {
    for (const size_t copies : std::set<size_t>{1, copies_})
      if (const Outcome outcome = check(compiled(config, copies), nullptr); outcome.ending != Ending::measured)
        return outcome;
    std::erase_if(compiled_, [&](const auto& c) { return c->config == config; });
    return {};
  } catch (const ConfigError& error) {
    return {error.ending, {}, 0, error.reason};
  }
}

// The first run decides for all configs how they are timed, so that their times compare.
void Bench::choose_method(const std::string& config) {
  Compiled& candidate = compiled(config);
  candidate.run(1);
  double ns = candidate.timed(3);
  uint64_t bytes = 0;
  for (const graph::TensorId id : problem_.outputs) bytes += problem_.tensor(id).bytes();
  if (device_->queue && ns < kSmallNs && bytes * kCopies <= kMostCopiedBytes) {
    copies_ = kCopies;
    repeated_ = model::serialize(repeat(problem_, kCopies));
    for (size_t i = 1; i < kCopies; ++i)
      for (const graph::TensorId id : problem_.outputs)
        device_->copied.emplace_back(device_->device, problem_.tensor(id).bytes(), device_->alignment);
    ns = compiled(config, copies_).timed(1);
  }
  repeats_ = std::clamp<size_t>(static_cast<size_t>(kLeastRunNs / ns), 1, kMostRepeats);
}

double Bench::run_ns(const std::string& config) {
  try {
    feed(*device_, inputs_[0]);  // times must not depend on what was checked last
    if (repeats_ == 0) choose_method(config);
    Compiled& candidate = compiled(config, copies_);
    return std::max(candidate.timed(repeats_) / static_cast<double>(copies_), 1.0);
  } catch (const ConfigError& error) {
    base::fail(ErrorCode::plugin, "the config \"%\" failed in a run (%)", {config, error.reason});
  }
}

double Bench::alone_ns(const std::string& config) {
  try {
    Compiled& candidate = compiled(config);
    feed(*device_, inputs_[0]);
    candidate.run(1);
    const auto begin = std::chrono::steady_clock::now();
    for (size_t i = 0; i < kMostQueued; ++i) candidate.run(1);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    return took.count() / kMostQueued;
  } catch (const ConfigError& error) {
    base::fail(ErrorCode::plugin, "the config \"%\" failed in a run (%)", {config, error.reason});
  }
}

nlohmann::json check_reply(Bench& bench, const std::string& config) {
  Difference worst;
  const Outcome outcome = bench.check(config, &worst);
  return {{"ending", to_string(outcome.ending)},
          {"reason", outcome.reason},
          {"max_abs", worst.max_abs},
          {"max_rel", worst.max_rel}};
}

nlohmann::json confirm_reply(Bench& bench, const std::string& config) {
  const Outcome outcome = bench.confirm(config);
  return {{"ending", to_string(outcome.ending)}, {"reason", outcome.reason}};
}

void serve_bench(Bench& bench) {
  serve([&](const nlohmann::json& request) -> nlohmann::json {
    const auto what = request.at("do").get<std::string>(), config = request.at("config").get<std::string>();
    if (what == "run") return {{"ns", bench.run_ns(config)}};
    return what == "confirm" ? confirm_reply(bench, config) : check_reply(bench, config);
  });
}

}  // namespace motley::tuner
