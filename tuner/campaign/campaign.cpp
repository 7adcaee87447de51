// A tuning from models to a dispatch table.
#include "campaign/campaign.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "base/file.hpp"
#include "base/text.hpp"
#include "campaign/desk.hpp"
#include "journal/record.hpp"
#include "table/merge.hpp"
#include "table/text.hpp"

namespace motley::tuner {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

// The journal has the paths, and so have messages to the worker.
void check_paths(const std::vector<TunedModel>& models, const CampaignOptions& options) {
  std::vector<fs::path> paths = {options.table, options.journal, options.work};
  for (const TunedModel& model : models) paths.push_back(model.path);
  for (const fs::path& path : paths)
    if (!is_recordable(path.string()))
      base::fail(ErrorCode::invalid_argument,
                 "the path \"%\" is no UTF-8, which journals have: give the file another name", {path.string()});
}

// Before anything is opened, so that a wrong call changes nothing.
void check_journal(const CampaignOptions& options) {
  std::error_code error;
  if (fs::weakly_canonical(options.journal, error) == fs::weakly_canonical(options.table, error))
    base::fail(ErrorCode::invalid_argument, "the table and the journal are one file (\"%\"): give another journal",
               {options.table.string()});
  const bool there = fs::exists(options.journal, error);
  if (there && !options.resume)
    base::fail(ErrorCode::invalid_argument,
               "the journal \"%\" is there already: go on with --resume, or remove it to begin anew",
               {options.journal.string()});
  if (!there && options.resume)
    base::fail(ErrorCode::invalid_argument, "there is no journal \"%\" to resume: leave --resume out",
               {options.journal.string()});
}

// Held by who reads and replaces a file of this file's folder; waits for others.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& file)
      : folder_(::open(file.has_parent_path() ? file.parent_path().c_str() : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    // Where a file system knows no locks, one tuner at a time is right as well.
    while (folder_.get() >= 0 && ::flock(folder_.get(), LOCK_EX) != 0 && errno == EINTR) {
    }
  }

 private:
  const base::Descriptor folder_;
};

json earlier_table(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error) ? table::read_document(path) : json();
}

Precisions precisions(const CampaignOptions& options) {
  return options.error_budget > 0 ? Precisions::lower_too : Precisions::own;
}

PlanningOptions planning(const CampaignOptions& options) {
  return {options.worker, options.work, options.planning_patience, options.say};
}

// What an earlier part of this campaign quarantined.
std::vector<Quarantined> quarantined_before(const CampaignOptions& options) {
  std::vector<Quarantined> all;
  if (!options.resume) return all;
  const Journal journal(options.journal);
  for (const json& note : journal.notes()) {
    try {
      if (note.at("kind") == "quarantine") all.push_back({note.at("model"), note.at("device"), note.at("reason")});
    } catch (const json::exception&) {  // of another version
    }
  }
  return all;
}

// Where one of several models cannot be planned because of what its kernels do, the others are tuned.
std::vector<PlannedModel> plan_models(const std::vector<TunedModel>& models, const plan::DeviceList& all,
                                      const CampaignOptions& options, std::vector<Quarantined>& quarantined) {
  std::vector<PlannedModel> planned;
  size_t failed = 0;
  Status status;
  status.phase = "planning";
  status.total = models.size();
  for (const TunedModel& model : models) {
    status.done = planned.size();
    status.what = model.path.filename().string();
    if (options.progress) options.progress(status);
    try {
      planned.push_back(plan_in_worker(model, planned.size(), all, planning(options), quarantined));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::plugin || ++failed == models.size()) throw;
      if (options.say) options.say(base::text("% is left out: %", {model.path.string(), error.what()}));
      planned.emplace_back();
    }
  }
  return planned;
}

void make_work_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error)
    base::fail(ErrorCode::io, "cannot create the folder \"%\" (%): choose another place for the table or the journal",
               {path.string(), error.message()});
}

// Nothing is left of a campaign that did not get as far as its journal.
std::vector<PlannedModel> plan_models_or_clean_up(const std::vector<TunedModel>& models, const plan::DeviceList& all,
                                                  const CampaignOptions& options,
                                                  std::vector<Quarantined>& quarantined) {
  check_paths(models, options);
  make_work_folder(options.work);
  try {
    return plan_models(models, all, options, quarantined);
  } catch (const Error&) {
    std::error_code ignored;
    if (!options.resume) fs::remove_all(options.work, ignored);
    throw;
  }
}

void note_quarantined(Journal& journal, const std::vector<Quarantined>& quarantined, size_t known) {
  for (size_t q = known; q < quarantined.size(); ++q)
    journal.note(
        "quarantine",
        {{"model", quarantined[q].model}, {"device", quarantined[q].device}, {"reason", quarantined[q].reason}});
}

json session_facts(const std::vector<TunedModel>& models, const CampaignOptions& options) {
  json names = json::array();
  for (const TunedModel& model : models) names.push_back(model.path.string());
  return {{"models", names},
          {"table", options.table.string()},
          {"rigor", options.rigor ? to_string(*options.rigor) : ""},
          {"time_ms", options.time.count()},
          {"shard", base::text("%/%", {options.part, options.parts})},
          {"error_budget", options.error_budget},
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

void Desk::publish() {
  const FolderLock lock(options.table);
  try {
    if (json now = earlier_table(options.table); !now.is_null()) ledger.keep(std::move(now));
  } catch (const Error& error) {
    say(base::text("%; it is replaced", {error.what()}));
  }
  publish_table(ledger.document(), options.table);
}

std::vector<Problem> list_problems(const std::vector<TunedModel>& models, const std::vector<TunedDevice>& devices,
                                   const plan::DeviceList& all, CampaignOptions options) {
  options.resume = false;
  std::vector<Quarantined> quarantined;
  const std::vector<PlannedModel> planned = plan_models_or_clean_up(models, all, options, quarantined);
  std::error_code ignored;
  fs::remove_all(options.work, ignored);  // the graphs stay mapped
  return collect(planned, devices, precisions(options));
}

CampaignResult run_campaign(const std::vector<TunedModel>& models, const std::vector<TunedDevice>& devices,
                            const plan::DeviceList& all, const CampaignOptions& options) {
  check_journal(options);
  const Budget budget(options.time);
  json table = earlier_table(options.table);
  std::vector<Quarantined> quarantined = quarantined_before(options);
  const size_t known = quarantined.size();
  const std::vector<PlannedModel> planned = plan_models_or_clean_up(models, all, options, quarantined);
  std::vector<Problem> problems = shard(collect(planned, devices, precisions(options)), options.part, options.parts);
  Journal journal(options.journal);
  if (const auto lost = journal.damaged_lines(); lost && options.say) {
    const std::string lines = lost == 1 ? std::string("one line") : base::text("% lines", {lost});
    options.say(base::text("% of the journal \"%\" cannot be read: what was measured there counts as not measured",
                           {lines, options.journal.string()}));
  }
  note_quarantined(journal, quarantined, known);
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
  measure_candidates(desk, problems);
  desk.workers.clear();
  if (options.parts == 1) race_plans(desk, models, planned);
  desk.publish();
  const json document = ledger.document();
  for (const Decision& decision : decisions_of(document))
    for (const Problem& problem : problems)
      result.displaced += problem.candidate.empty() && decision.candidate.empty() && !decision.config.empty() &&
                          decision.problem == problem.key && decision.device == devices[problem.device].id();
  result.stopped = desk.stopped();
  std::error_code ignored;
  if (!result.stopped) fs::remove_all(options.work, ignored);
  return result;
}

}  // namespace motley::tuner
