// motley tune: measures kernels, transfers and plans on the devices here, and writes a dispatch table.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <memory>
#include <optional>
#include <set>

#include "base/environment.hpp"
#include "base/glob.hpp"
#include "campaign/agent.hpp"
#include "campaign/campaign.hpp"
#include "command.hpp"
#include "common.hpp"
#include "progress.hpp"
#include "text.hpp"

namespace motley::cli {

namespace {

struct TuneOptions {
  std::vector<std::string> models, shapes, device_sets;
  std::string table, journal, rigor, shard = "1/1";
  std::optional<std::string> time;
  bool resume = false, quiet = false;
  uint64_t seed = 1;
  double error_budget = 0;
  uint32_t threads = 0;
  PluginOptions plugins;
};

std::atomic<bool> interrupted{false};

// The first signal asks for an end, the second one is one.
void on_signal(int number) {
  if (interrupted.exchange(true)) ::signal(number, SIG_DFL), ::raise(number);
}

// "90s", "10m", "1.5h"; a number alone are seconds.
std::chrono::milliseconds parse_time(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  const double seconds = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (error != std::errc() || seconds == 0 || !(value > 0) || value * seconds > 1e7)
    throw Error(ErrorCode::invalid_argument, fmt::format("--time ({}) is no duration; write 90s, 10m or 2h", text));
  return std::chrono::milliseconds(std::max<int64_t>(static_cast<int64_t>(value * seconds * 1000), 1));  // 0: no limit
}

std::pair<size_t, size_t> parse_shard(const std::string& text) {
  size_t part = 0, parts = 0;
  const char* const last = text.data() + text.size();
  const auto first = std::from_chars(text.data(), last, part);
  if (first.ec == std::errc() && first.ptr != last && *first.ptr == '/') {
    const auto second = std::from_chars(first.ptr + 1, last, parts);
    if (second.ec == std::errc() && second.ptr == last && part >= 1 && part <= parts) return {part, parts};
  }
  throw Error(ErrorCode::invalid_argument,
              fmt::format("--shard ({}) is no part; write 2/3 for the second of three", text));
}

plan::DeviceList devices_of(const plugin::Registry& registry) {
  plan::DeviceList all = registry.devices;
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a->info().peak_gflops > b->info().peak_gflops; });
  return all;
}

bool is_reference(const plugin::Device& device) { return device.plugin().id == "reference"; }

// Those that the patterns name; without patterns all but the reference, which checks the others.
std::vector<tuner::TunedDevice> chosen(const plan::DeviceList& all, const TuneOptions& options) {
  std::vector<std::string> patterns;
  for (const std::string& set : options.device_sets)
    for (const std::string& pattern : base::split(set, ',')) patterns.push_back(pattern);
  std::string names;
  for (const auto& device : all) names += (names.empty() ? "" : ", ") + device->name();
  std::vector<tuner::TunedDevice> result;
  const auto add = [&](const auto& device) {
    const auto same = [&](const tuner::TunedDevice& t) { return t.device == device; };
    if (std::none_of(result.begin(), result.end(), same)) result.push_back(tuner::describe_device(device));
  };
  for (const std::string& pattern : patterns) {
    bool found = false;
    for (const auto& device : all)
      if (device->name() == pattern || base::matches(pattern, device->name())) add(device), found = true;
    if (!found)
      throw Error(ErrorCode::not_found, fmt::format("device \"{}\" does not exist; there are {}", pattern, names));
  }
  for (const auto& device : all) {
    if (!patterns.empty() || is_reference(*device)) continue;
    try {
      add(device);
    } catch (const Error& error) {
      fmt::print(stderr, "motley: {}\n", printable(error.what()));
    }
  }
  if (result.empty())
    throw Error(ErrorCode::not_found,
                fmt::format("there is no device to tune; there are {}", names.empty() ? "none" : names));
  return result;
}

std::vector<tuner::TunedModel> open_models(const TuneOptions& options) {
  std::vector<tuner::TunedModel> models;
  const auto is_open = [&](const std::filesystem::path& path) {
    return std::any_of(models.begin(), models.end(), [&](const auto& m) { return m.path == path; });
  };
  std::set<std::string> used;
  for (const std::string& path : options.models) {
    if (is_open(std::filesystem::absolute(path))) continue;
    SessionOptions session;
    tuner::TunedModel tuned{std::filesystem::absolute(path), open_model(path), {}};
    const auto inputs = tuned.model.inputs();
    // With several models, a shape is for those that have such an input.
    for (const std::string& shape : options.shapes) {
      const std::string name = split_assignment(shape).first;
      const bool has = std::any_of(inputs.begin(), inputs.end(), [&](const auto& t) { return t.name == name; });
      if (!has && options.models.size() > 1 && (!name.empty() || inputs.size() != 1)) continue;
      session.shapes.push_back(shape);
      used.insert(shape);
    }
    tuned.shapes = compile_options(session, tuned.model, "").input_shapes;
    models.push_back(std::move(tuned));
  }
  for (const std::string& shape : options.shapes)
    if (!used.contains(shape))
      throw Error(ErrorCode::invalid_argument, fmt::format("--shape ({}) names no input of any of the models", shape));
  return models;
}

std::vector<std::string> worker_command(const TuneOptions& options) {
  std::vector<std::string> command = {"/proc/self/exe", "tune-worker"};
  for (const std::string& file : options.plugins.files) command.insert(command.end(), {"--plugin", file});
  for (const std::string& folder : options.plugins.folders) command.insert(command.end(), {"--plugin-dir", folder});
  if (options.threads) command.insert(command.end(), {"--threads", std::to_string(options.threads)});
  return command;
}

std::string status_text(const tuner::Status& status) {
  std::string text = fmt::format("{} {}/{}", status.phase, status.done + 1, status.total);
  if (status.tried) text += fmt::format(", {} tried, best {:.2f} x", status.tried, 1 / status.best_ratio);
  if (!status.device.empty()) text += " on " + status.device;
  return text + ": " + printable(status.what);
}

void print_list(const std::vector<tuner::Problem>& problems, const std::vector<tuner::TunedDevice>& devices) {
  Table table({"device", ">nodes", ">estimate", "choice", "problem"});
  for (const tuner::Problem& p : problems)
    table.row({devices[p.device].device->name(), std::to_string(p.count), duration_text(p.estimate_ns),
               p.tunable && p.candidate.empty() ? fmt::format("{} configs", p.tunable->space.combinations()) : "-",
               printable(p.name())});
  fmt::print("{}", table.text());
}

void print_result(const tuner::CampaignResult& result, const TuneOptions& options) {
  fmt::print("{} problems: {} measured, {} with a better config than the default, {} left out; {} configs failed\n",
             result.problems, result.measured, result.displaced, result.left_out, result.failed_configs);
  for (const tuner::ModelResult& model : result.models) {
    Table table({printable(model.model), ">predicted", ">measured", ""});
    for (const tuner::PlanResult& plan : model.plans)
      table.row({plan.name, plan.predicted_ns ? duration_text(static_cast<double>(plan.predicted_ns)) : "-",
                 duration_text(static_cast<double>(plan.measured_ns)),
                 plan.name == model.winner                 ? "chosen"
                 : plan.name == model.winner_within_budget ? "chosen where the error is allowed"
                                                           : ""});
    fmt::print("{}", table.text());
  }
  fmt::print("written: {}\n", options.table);
  if (result.stopped) fmt::print("stopped; the same command with --resume goes on\n");
  else if (!result.complete) fmt::print("the time did not suffice for every problem; --resume goes on\n");
}

void tune(TuneOptions options) {
  if (options.journal.empty()) options.journal = options.table + ".journal";
  if (options.threads) set_thread_count(options.threads);
  tuner::CampaignOptions campaign;
  campaign.table = options.table;
  campaign.journal = options.journal;
  campaign.work = options.journal + ".work";
  campaign.resume = options.resume;
  campaign.rigor = tuner::rigor_named(options.rigor);
  if (options.time) campaign.time = parse_time(*options.time);
  std::tie(campaign.part, campaign.parts) = parse_shard(options.shard);
  campaign.seed = options.seed;
  campaign.error_budget = options.error_budget;
  campaign.worker = worker_command(options);
  const RuntimeOptions runtime = options.plugins.runtime();
  const plugin::Registry registry = plugin::discover({runtime.plugin_files, runtime.plugin_folders});
  options.plugins.warn_of_missing(registry.reports);
  const plan::DeviceList all = devices_of(registry);
  if (std::none_of(all.begin(), all.end(), [](const auto& d) { return is_reference(*d); }))
    throw Error(ErrorCode::not_found,
                "there is no reference plugin, which kernels are checked against; put it beside the others");
  const std::vector<tuner::TunedModel> models = open_models(options);
  const std::vector<tuner::TunedDevice> devices = chosen(all, options);
  const auto say = [&](const std::string& line) {
    if (!options.quiet) fmt::print(stderr, "motley: {}\n", printable(line));
  };
  if (campaign.rigor == tuner::Rigor::estimate) {
    campaign.say = say;
    return print_list(list_problems(models, devices, all, campaign), devices);
  }

  ::signal(SIGINT, on_signal);
  ::signal(SIGTERM, on_signal);
  ::signal(SIGHUP, on_signal);  // the terminal was closed
  campaign.stop = [] { return interrupted.load(); };
  tuner::CampaignResult result;
  {
    Progress progress("tuning");
    campaign.progress = [&](const tuner::Status& s) {
      const double done = static_cast<double>(s.done) / static_cast<double>(std::max<size_t>(s.total, 1));
      progress.show(s.seconds_left >= 0 ? s.fraction : done, s.seconds_left, status_text(s));
    };
    campaign.say = [&](const std::string& line) {
      progress.clear();
      say(line);
    };
    result = run_campaign(models, devices, all, campaign);
  }
  print_result(result, options);
}

}  // namespace

void add_tune(CLI::App& app) {
  auto options = std::make_shared<TuneOptions>();
  CLI::App* command =
      app.add_subcommand("tune", "Measure kernels, transfers and plans here, and write a dispatch table");
  command->footer(
      "Every kernel runs in a worker process, is checked against the reference plugin, and is timed against the "
      "default.\n"
      "The journal (the table's name + .journal) keeps all that was measured: after Ctrl-C, a crash or a power cut, "
      "the same\n"
      "command with --resume goes on. See docs/tuning.md.\n"
      "Example: motley tune model.motley -o table.json --time 10m && motley run model.motley input.npy --table "
      "table.json");
  command->add_option("MODEL", options->models, "A .motley or .onnx file; several share one table")->required();
  command->add_option("--output,-o", options->table, "The table; rows of an earlier one that is there are kept")
      ->type_name("TABLE.json")
      ->required();
  command
      ->add_option(
          "--devices", options->device_sets,
          "Devices to tune, as `motley devices` names them; patterns are allowed (default: all but the reference)")
      ->type_name("A,B*")
      ->allow_extra_args(false);
  command
      ->add_option(
          "--rigor", options->rigor,
          "How much to try per kernel: estimate lists the problems and measures nothing, measure tries 50 configs, "
          "patient 200, exhaustive all (default: measure; with --time as high as the time allows)")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"estimate", "measure", "patient", "exhaustive"}));
  command->add_option("--time", options->time, "At most so long, shared out by how much time the kernels take")
      ->type_name("10m");
  command->add_flag("--resume", options->resume, "Go on with the journal of a tuning that was stopped");
  command->add_option("--journal", options->journal, "Where the journal is (default: the table's name + .journal)")
      ->type_name("FILE");
  command
      ->add_option(
          "--shard", options->shard,
          "Tune only the i-th of n parts of the kernels, of about the same work; `motley table merge` joins the tables")
      ->type_name("I/N");
  command
      ->add_option(
          "--error-budget", options->error_budget,
          "Relative error that kernels of lower precision may cost a plan, all together: above 0, they are measured "
          "too, and the fastest plan within it is kept beside the exact one")
      ->type_name("0.001")
      ->check(real_number(0, 1000));
  command->add_option("--seed", options->seed, "Of the search and the order of runs")
      ->type_name("N")
      ->check(whole_number(UINT64_MAX))
      ->capture_default_str();
  command->add_option("--shape", options->shapes, "The shape of an input that a model leaves open; may be repeated")
      ->type_name("NAME=1,3,224,224")
      ->allow_extra_args(false);
  command->add_option("--threads", options->threads, "Threads for CPU work (default: all cores)")
      ->type_name("N")
      ->check(CLI::Range(1u, 4096u));
  command->add_flag("--quiet", options->quiet, "Don't say what was left out");
  add_plugin_options(*command, options->plugins);
  command->callback([options] { tune(*options); });
}

void add_tune_worker(CLI::App& app) {
  auto options = std::make_shared<TuneOptions>();
  CLI::App* command = app.add_subcommand("tune-worker", "The process in which `motley tune` runs kernels");
  command->group("");  // not for people
  command->add_option("--threads", options->threads);
  add_plugin_options(*command, options->plugins);
  command->callback([options] {
    tuner::serve_agent({options->plugins.runtime(), options->threads,
                        [](const std::filesystem::path& path) { return open_model(path); }});
  });
}

}  // namespace motley::cli
