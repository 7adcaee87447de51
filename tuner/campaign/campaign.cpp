// A tuning from models to a dispatch table.
#include "campaign/campaign.hpp"

#include "base/text.hpp"
#include "campaign/desk.hpp"
#include "table/merge.hpp"
#include "table/text.hpp"

namespace motley::tuner {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

// Before anything is opened, so that a wrong call changes nothing.
void check_journal(const CampaignOptions& options) {
  std::error_code error;
  const bool there = fs::exists(options.journal, error);
  if (there && !options.resume)
    base::fail(ErrorCode::invalid_argument,
               "the journal \"%\" is there already: go on with --resume, or remove it to begin anew",
               {options.journal.string()});
  if (!there && options.resume)
    base::fail(ErrorCode::invalid_argument, "there is no journal \"%\" to resume: leave --resume out",
               {options.journal.string()});
}

json earlier_table(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error) ? table::read_document(path) : json();
}

std::vector<PlannedModel> plan_models(const std::vector<TunedModel>& models, const plan::DeviceList& all) {
  std::vector<PlannedModel> planned;
  for (const TunedModel& model : models) planned.push_back(plan_model(model, all));
  return planned;
}

json session_facts(const std::vector<TunedModel>& models, const CampaignOptions& options) {
  json names = json::array();
  for (const TunedModel& model : models) names.push_back(model.path.string());
  return {{"models", names},
          {"table", options.table.string()},
          {"rigor", options.rigor ? to_string(*options.rigor) : ""},
          {"time_ms", options.time.count()},
          {"shard", base::text("%/%", {options.part, options.parts})},
          {"seed", options.seed}};
}

}  // namespace

json Desk::ask(Worker& worker, const json& request, std::chrono::milliseconds patience) const {
  json reply;
  if (worker.ask(request, patience, reply) != Receipt::message)
    base::fail(ErrorCode::plugin, "the worker %", {worker.how_it_ended()});
  if (reply.value("ending", "measured") != "measured")
    base::fail(ErrorCode::plugin, "%", {reply.value("reason", std::string("no reason given"))});
  return reply;
}

std::vector<Problem> list_problems(const std::vector<TunedModel>& models, const std::vector<TunedDevice>& devices,
                                   const plan::DeviceList& all) {
  return collect(plan_models(models, all), devices);
}

CampaignResult run_campaign(const std::vector<TunedModel>& models, const std::vector<TunedDevice>& devices,
                            const plan::DeviceList& all, const CampaignOptions& options) {
  check_journal(options);
  const Budget budget(options.time);
  json table = earlier_table(options.table);
  const std::vector<PlannedModel> planned = plan_models(models, all);
  std::vector<Problem> problems = shard(collect(planned, devices), options.part, options.parts);
  fs::create_directories(options.work);
  Journal journal(options.journal);
  Ledger ledger(journal, std::move(table), base::text("motley %", {version()}));
  journal.note("session", session_facts(models, options));
  CampaignResult result;
  result.problems = problems.size();
  Desk desk{devices, all, options, ledger, journal, budget, {}, result, {}};
  for (const TunedDevice& device : devices) {
    ledger.add_device(device);
    desk.workers.push_back(std::make_shared<Worker>(options.worker));
  }
  if (options.part == 1) measure_transfers(desk);
  tune_kernels(desk, problems);
  desk.workers.clear();
  if (options.parts == 1) race_plans(desk, models, planned);
  const json document = ledger.document();
  publish_table(document, options.table);
  for (const Decision& decision : decisions_of(document))
    for (const Problem& problem : problems)
      result.displaced += !decision.config.empty() && decision.problem == problem.key &&
                          decision.device == devices[problem.device].id();
  result.stopped = desk.stopped();
  std::error_code ignored;
  if (!result.stopped) fs::remove_all(options.work, ignored);
  return result;
}

}  // namespace motley::tuner
