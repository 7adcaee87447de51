// The worker's side of a tuning.
#include "campaign/agent.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <map>

#include "base/text.hpp"
#include "campaign/planning.hpp"
#include "device/bench.hpp"
#include "device/edges.hpp"
#include "device/problem.hpp"
#include "table/tuning.hpp"
#include "worker/message.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

// Of larger plans the edges are left out: a plan becomes one record of the journal, whose size has a limit.
constexpr size_t kMostNodesWithTensors = 1000;

// Numbers that no kernel stumbles over: floats from 0 to 1, indices 0 or 1.
void fill_inputs(Session& session) {
  uint32_t state = 12345;
  for (const std::string& name : session.input_names()) {
    TensorRef input = session.input(name);
    std::vector<std::byte> bytes(input.bytes());
    const auto next = [&state] { return state = state * 1664525u + 1013904223u; };
    if (input.type() == DataType::float32)
      for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
        const float value = static_cast<float>(next() >> 8) / 16777216.0F;
        std::memcpy(bytes.data() + i, &value, 4);
      }
    else if (const size_t size = size_of(input.type()); input.type() >= DataType::int8 && size > 0)
      for (size_t i = 0; i < bytes.size(); i += size) bytes[i] = static_cast<std::byte>(next() >> 31);
    input.copy_from_bytes(bytes);
  }
}

class Agent {
 public:
  explicit Agent(const AgentOptions& options) : options_(options) {
    if (options.threads) set_thread_count(options.threads);
    ::unsetenv("MOTLEY_TABLE");  // only the tables that a request names count
    registry_ = plugin::discover({options.runtime.plugin_files, options.runtime.plugin_folders,
                                  options.runtime.standard_places, options.runtime.select, options.runtime.disable});
  }

  json answer(const json& request) {
    const std::string what = request.at("do");
    if (what == "open") return open(request);
    if (what == "check") return check_reply(bench(), request.at("config"));
    if (what == "confirm") return confirm_reply(bench(), request.at("config"));
    if (what == "run") return {{"ns", bench().run_ns(request.at("config"))}};
    if (what == "edges") return edges(request);
    if (what == "move") return {{"ns", move_ns(edge_of(request), request.at("bytes"))}};
    if (what == "fence") return {{"ns", fence_ns(*device(request.at("device")))}};
    if (what == "plan" || what == "later") return plan(request);
    if (what == "compile") return compile(request);
    if (what == "run_plan") return run_plan(request);
    base::fail(ErrorCode::invalid_argument, "the worker does not know the request \"%\"", {what});
  }

 private:
  std::shared_ptr<plugin::Device> device(const std::string& name) const {
    for (const auto& device : registry_.devices)
      if (device->name() == name) return device;
    base::fail(ErrorCode::not_found, "there is no device \"%\"", {name});
  }
  Bench& bench() {
    if (!bench_) base::fail(ErrorCode::invalid_argument, "the worker has no problem open");
    return *bench_;
  }

  json open(const json& request) {
    bench_.reset();
    bench_ = std::make_unique<Bench>(
        *device(request.at("device")), *device("reference"), load_problem(request.at("file").get<std::string>()),
        request.at("answers").get<std::string>(), static_cast<schema::DataType>(request.at("precision").get<int>()));
    return {{"ending", "measured"}, {"checked", bench_->is_checked()}, {"reason", bench_->why_unchecked()}};
  }

  static std::string name_of(const plugin::Device* device) { return device ? device->name() : "host"; }
  json edges(const json& request) const {
    std::vector<std::shared_ptr<plugin::Device>> devices;
    for (const json& name : request.at("devices")) devices.push_back(device(name));
    json list = json::array();
    for (const Edge& edge : edges_between(devices))
      list.push_back({{"from", name_of(edge.from)}, {"to", name_of(edge.to)}, {"kind", plan::to_string(edge.way)}});
    return {{"edges", list}};
  }
  Edge edge_of(const json& request) const {
    Edge edge;
    const std::string from = request.at("from"), to = request.at("to"), kind = request.at("kind");
    if (from != "host") edge.from = device(from).get();
    if (to != "host") edge.to = device(to).get();
    for (const plan::Way way :
         {plan::Way::share, plan::Way::handle, plan::Way::import, plan::Way::copy, plan::Way::map})
      if (kind == plan::to_string(way)) edge.way = way;
    return edge;
  }

  const Model& model(const std::string& path) {
    std::unique_ptr<Model>& model = models_[path];
    if (!model) model = std::make_unique<Model>(options_.open_model(path));
    return *model;
  }

  json plan(const json& request) {
    plan::DeviceList devices;
    for (const json& name : request.at("devices")) devices.push_back(device(name));
    try {
      return answer_plan(request, model(request.at("model")).module(), devices);
    } catch (const Error& error) {
      return {{"ending", "failed"}, {"reason", error.what()}, {"code", static_cast<int>(error.code())}};
    }
  }

  json compile(const json& request) {
    if (!runtime_) runtime_ = std::make_unique<Runtime>(options_.runtime);
    CompileOptions options;
    options.devices = request.at("devices").get<std::vector<std::string>>();
    options.fallback = request.at("fallback");
    options.error_budget = request.at("error_budget");
    options.optimize = request.at("optimize");
    options.split = options.split_alike = request.at("split");  // the race tells whether that pays
    options.layouts = false;                                     // rows of plans know row-major tensors alone
    options.table = request.at("table").get<std::string>();
    if (!options.table.empty()) options.bad_table = BadTable::fail;
    for (const auto& [name, shape] : request.at("shapes").items())
      options.input_shapes[name] = shape.get<std::vector<int64_t>>();
    sessions_.push_back(runtime_->compile(model(request.at("model")), options));
    fill_inputs(sessions_.back());
    const double ns = run_ns(sessions_.back());
    json reply = describe(sessions_.back().explain(), sessions_.size() - 1);
    reply["first_run_ns"] = ns;
    return reply;
  }
  static json names_of(const std::vector<TensorInfo>& tensors) {
    json names = json::array();
    for (const TensorInfo& tensor : tensors) names.push_back(tensor.name);
    return names;
  }
  // Where operators are cut in two: of which axis of the output the first part has how much.
  static json cuts_of(const Explanation& explanation) {
    json cuts = json::array();
    for (const Placement& p : explanation.nodes)
      if (!p.part_of.empty() && p.node == p.part_of + "#1")
        cuts.push_back({{"node", p.part_of}, {"axis", p.part_axis}, {"first", p.outputs.at(0).shape.at(p.part_axis)}});
    return cuts;
  }
  static json describe(const Explanation& explanation, size_t number) {
    json nodes = json::array(), transfers = json::array();
    for (const Placement& p : explanation.nodes) {
      nodes.push_back({{"node", p.node},
                       {"op", p.op},
                       {"device", p.device},
                       {"segment", p.segment},
                       {"problem", p.problem_key},
                       {"config", p.config},
                       {"source", p.config_source},
                       {"estimate_ns", p.estimate_ns},
                       {"error", p.error},
                       {"fused_with", p.fused_with}});
      if (explanation.nodes.size() > kMostNodesWithTensors) continue;
      nodes.back()["inputs"] = names_of(p.inputs);
      nodes.back()["outputs"] = names_of(p.outputs);
    }
    for (const Transfer& t : explanation.transfers)
      transfers.push_back({{"tensor", t.tensor},
                           {"from", t.from},
                           {"to", t.to},
                           {"way", t.way},
                           {"bytes", t.bytes},
                           {"segment", t.segment}});
    return {{"ending", "measured"},
            {"plan", number},
            {"nodes", nodes},
            {"transfers", transfers},
            {"cuts", cuts_of(explanation)},
            {"decided_by", explanation.cost.decided_by},
            {"error", explanation.cost.error},
            {"bound_ns", static_cast<uint64_t>(std::max(explanation.cost.bound, 0.0))}};
  }

  json run_plan(const json& request) {
    Session& session = sessions_.at(request.at("plan").get<size_t>());
    for (size_t i = request.at("warm"); i > 0; --i) session.run();
    json times = json::array();
    for (size_t i = request.at("runs"); i > 0; --i) times.push_back(run_ns(session));
    return {{"ns", times}};
  }
  static double run_ns(Session& session) {
    const auto begin = std::chrono::steady_clock::now();
    session.run();
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
  }

  AgentOptions options_;
  plugin::Registry registry_;
  std::unique_ptr<Bench> bench_;
  std::unique_ptr<Runtime> runtime_;
  std::map<std::string, std::unique_ptr<Model>> models_;
  std::deque<Session> sessions_;
};

}  // namespace

void serve_agent(const AgentOptions& options) {
  ::signal(SIGINT, SIG_IGN);  // a Ctrl-C is meant for the tuner, which ends the worker when it is done
  Agent agent(options);
  serve([&](const json& request) { return agent.answer(request); });
}

}  // namespace motley::tuner
