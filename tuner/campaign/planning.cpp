// Planning models where a kernel that crashes ends no tuner.
#include "campaign/planning.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "model/model_file.hpp"
#include "worker/worker.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

// Whether a session has to optimize the file to plan the stage that it holds; null where it plans something else.
json way_to_plan(const std::string& file, const PlannedStage& stage, plan::Request request) {
  const graph::Module module = model::read_model(file);
  request.shapes.clear();
  for (const bool optimize : {false, true}) {
    request.optimize = optimize;
    try {
      const PlannedModel again = plan_model(module, request);
      if (again.is_whole && again.stages[0].hash == stage.hash) return optimize;
    } catch (const Error&) {  // then it is not to be raced
    }
  }
  return nullptr;
}

json stages_to_files(const std::vector<PlannedStage>& stages, const plan::Request& request, const std::string& prefix) {
  json list = json::array();
  for (const PlannedStage& stage : stages) {
    const std::string file = base::text("%%.motley", {prefix, list.size()});
    save_problem(stage.graph, file);
    list.push_back({{"file", file}, {"hash", stage.hash}, {"optimize", way_to_plan(file, stage, request)}});
  }
  return list;
}

std::vector<PlannedStage> stages_from(const json& list) {
  std::vector<PlannedStage> stages;
  for (const json& entry : list) {
    const std::filesystem::path file = entry.at("file").get<std::string>();
    graph::Module module = model::read_model(file);
    PlannedStage& stage = stages.emplace_back(PlannedStage{std::move(module.main()), entry.at("hash"), file});
    if (entry.at("optimize").is_boolean()) stage.optimize = entry["optimize"].get<bool>();
  }
  return stages;
}

class Planning {
 public:
  Planning(const TunedModel& model, size_t number, const plan::DeviceList& devices, const PlanningOptions& options,
           std::vector<Quarantined>& quarantined)
      : model_(model), options_(options), quarantined_(quarantined) {
    prefix_ = (options.folder / base::text("model-%-", {number})).string();
    for (const auto& device : devices) names_.push_back(device->name());
    std::erase_if(names_, [&](const std::string& name) { return is_quarantined(name); });
  }

  PlannedModel run() {
    PlannedModel planned;
    const json reply = ask("plan");
    if (reply.is_null()) base::fail(ErrorCode::plugin, "planning it %, whichever device is left out", {how_it_ended_});
    planned.is_whole = reply.at("whole");
    planned.stages = stages_from(reply.at("stages"));
    if (!planned.is_whole) add_later(planned);
    return planned;
  }

 private:
  bool is_quarantined(const std::string& device) const {
    return std::any_of(quarantined_.begin(), quarantined_.end(),
                       [&](const Quarantined& q) { return q.model == model_.path.string() && q.device == device; });
  }
  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }

  void add_later(PlannedModel& planned) {
    const json reply = ask("later");
    if (reply.is_null())
      return say(base::text("later stages of % are not tuned: a run on made-up inputs %, whichever device is left out",
                            {model_.path.string(), how_it_ended_}));
    for (PlannedStage& stage : stages_from(reply.at("stages"))) planned.stages.push_back(std::move(stage));
    if (const std::string why = reply.at("ended_by"); !why.empty())
      say(base::text("stages of % that a run on made-up inputs did not reach are not tuned: it ended with \"%\"",
                     {model_.path.string(), why}));
  }

  // The reply with all devices that are left, or else without one of them; null where there is none.
  json ask(const char* what) {
    json reply;
    if (ask(what, "", reply)) return reply;
    const std::string reason = how_it_ended_;
    for (size_t i = 0; i < names_.size() && names_.size() > 1; ++i) {
      const std::string suspect = names_[i];
      if (!ask(what, suspect, reply)) continue;
      say(base::text("a kernel of % % while % was planned: it is planned without that device",
                     {suspect, reason, model_.path.string()}));
      quarantined_.push_back({model_.path.string(), suspect, reason});
      names_.erase(names_.begin() + static_cast<std::ptrdiff_t>(i));
      return reply;
    }
    how_it_ended_ = reason;
    return nullptr;
  }
  bool ask(const char* what, const std::string& without, json& reply) {
    json devices = json::array(), shapes = json::object();
    for (const std::string& name : names_)
      if (name != without) devices.push_back(name);
    for (const auto& [name, shape] : model_.shapes) shapes[name] = shape;
    Worker worker(options_.worker);
    const json request = {{"do", what},
                          {"model", model_.path.string()},
                          {"shapes", shapes},
                          {"devices", devices},
                          {"to", prefix_ + what}};
    if (worker.ask(request, options_.patience, reply) != Receipt::message) {
      how_it_ended_ = worker.how_it_ended();
      return false;
    }
    if (reply.value("ending", "measured") != "measured")
      base::fail(static_cast<ErrorCode>(reply.value("code", static_cast<int>(ErrorCode::plugin))), "%",
                 {reply.value("reason", std::string("the worker gives no reason"))});
    return true;
  }

  const TunedModel& model_;
  const PlanningOptions& options_;
  std::vector<Quarantined>& quarantined_;
  std::string prefix_, how_it_ended_;
  std::vector<std::string> names_;  // of devices that are not quarantined
};

}  // namespace

PlannedModel plan_in_worker(const TunedModel& model, size_t number, const plan::DeviceList& devices,
                            const PlanningOptions& options, std::vector<Quarantined>& quarantined) {
  return Planning(model, number, devices, options, quarantined).run();
}

json answer_plan(const json& request, const graph::Module& module, const plan::DeviceList& devices) {
  plan::Request how;
  how.devices = devices;
  how.split = how.layouts = false;  // rows of a table name the nodes of the network
  for (const auto& [name, shape] : request.at("shapes").items()) how.shapes[name] = shape.get<std::vector<int64_t>>();
  const std::string prefix = request.at("to");
  PlannedModel planned = plan_model(module, how);
  if (request.at("do") == "plan")
    return {{"whole", planned.is_whole}, {"stages", stages_to_files(planned.stages, how, prefix)}};
  std::string ended_by;
  const std::vector<PlannedStage> later = plan_later(module, how, planned, ended_by);
  return {{"stages", stages_to_files(later, how, prefix)}, {"ended_by", ended_by}};
}

}  // namespace motley::tuner
