// motley table: dispatch tables checked, shown, compared, merged and asked; and the auto-tuning community's T4 files.
#include <fmt/format.h>

#include <memory>

#include "base/file.hpp"
#include "command.hpp"
#include "common.hpp"
#include "plugin/registry.hpp"
#include "table/advisor.hpp"
#include "table/exchange.hpp"
#include "table/fingerprint.hpp"
#include "table/merge.hpp"
#include "table/rows.hpp"
#include "table/text.hpp"
#include "text.hpp"

namespace motley::cli {

namespace {

using Document = nlohmann::json;

struct TableOptions {
  std::vector<std::string> files;
  std::string file;  // where there is one
  std::string output, problem, device, plugin, default_config, model;
  SessionOptions session;
  bool json = false;
};

std::string shown(const std::string& config) { return config.empty() ? "(default)" : config; }
std::string time_text(uint64_t ns) { return ns ? duration_text(static_cast<double>(ns)) : "?"; }

Document read(const std::string& file) { return table::read_document(file); }

// ---- validate ----

void validate(const std::string& file) {
  const Document document = read(file);
  const std::string text = base::read_small_file(file, table::kMostBytes);
  const bool is_canonical = tuner::table_text(tuner::canonical(document)) == text;
  fmt::print("{}: valid, {} devices, {} kernels, {} transfers, {} plans{}\n", printable(file),
             document["devices"].size(), document["kernels"].size(), document["transfers"].size(),
             document["plans"].size(),
             is_canonical ? "" : "; not in canonical form, `motley table merge` writes it so");
}

// All are read, whatever is wrong with others.
void validate_all(const TableOptions& options) {
  std::string wrong;
  for (const std::string& file : options.files) {
    try {
      validate(file);
    } catch (const Error& error) {
      wrong += (wrong.empty() ? "" : "\n") + std::string(error.what());
    }
  }
  if (!wrong.empty()) throw Error(ErrorCode::invalid_argument, wrong);
}

// ---- show ----

std::string facts_text(const Document& device) {
  std::string text;
  for (const char* kind : {"hw", "driver", "kernels"})
    for (const auto& [key, value] : device["fingerprint"][kind].items())
      text += fmt::format("{}{}={}", text.empty() ? "" : " ", key, value.get<std::string>());
  return text;
}

void show(const TableOptions& options) {
  const Document document = read(options.file);
  const std::vector<tuner::Decision> decisions = tuner::decisions_of(document);
  if (options.json) {
    Json json = {{"tool", document["tool"]}, {"devices", document["devices"]}, {"decisions", Json::array()}};
    for (const tuner::Decision& d : decisions)
      json["decisions"].push_back({{"problem_key", d.problem},
                                   {"device", d.device},
                                   {"config", d.config},
                                   {"candidate", d.candidate},
                                   {"median_ns", d.median_ns},
                                   {"ratio_vs_default", d.ratio},
                                   {"observations", d.observations}});
    return print_json(json);
  }
  fmt::print("written by {}\n", printable(document["tool"].get<std::string>()));
  for (const Document& d : document["devices"])
    fmt::print("device {}  {}\n", printable(d["id"].get<std::string>()), printable(facts_text(d)));
  Table kernels({"device", ">median", ">vs default", ">rows", "config", "problem"});
  for (const tuner::Decision& d : decisions)
    kernels.row({d.device, time_text(d.median_ns), fmt::format("{:.3f}", d.ratio), std::to_string(d.observations),
                 shown(d.config), printable(tuner::observed_name(d.problem, d.candidate))});
  if (!kernels.empty()) fmt::print("{}", kernels.text());
  Table transfers({"from", "to", "how", ">latency", ">GB/s"});
  for (const Document& t : document["transfers"]) {
    const double beta = t["beta_ps_per_byte"].get<double>();
    transfers.row({t["from"], t["to"], printable(t["kind"].get<std::string>()),
                   duration_text(t["alpha_ns"].get<double>()), beta > 0 ? fmt::format("{:.1f}", 1000 / beta) : "-"});
  }
  if (!transfers.empty()) fmt::print("{}", transfers.text());
  for (const Document& p : document["plans"])
    fmt::print("plan for graph {}: {} segments, {} expected, {} bound\n", printable(p["graph_hash"].get<std::string>()),
               p["segments"].size(), duration_text(p["expected_ns"].get<double>()),
               duration_text(p["bound_ns"].get<double>()));
}

// ---- diff ----

void diff(const TableOptions& options) {
  static constexpr const char* kKinds[] = {"added", "removed", "changed"};
  const auto differences = tuner::diff_tables(read(options.files[0]), read(options.files[1]));
  Json json = Json::array();
  for (const tuner::Difference& d : differences) {
    const char* kind = kKinds[static_cast<size_t>(d.kind)];
    json.push_back({{"kind", kind},
                    {"what", d.what},
                    {"name", d.name},
                    {"before", d.before},
                    {"after", d.after},
                    {"ratio", d.ratio}});
    if (options.json) continue;
    fmt::print("{} {} {}\n", kind, d.what, printable(d.name));
    if (!d.before.empty()) fmt::print("  - {}\n", printable(d.before));
    if (!d.after.empty())
      fmt::print("  + {}{}\n", printable(d.after), d.ratio != 1 ? fmt::format("  ({:.3f} of before)", d.ratio) : "");
  }
  if (options.json) print_json(json);
  else if (differences.empty()) fmt::print("the tables say the same\n");
}

// ---- merge ----

void merge(const TableOptions& options) {
  std::vector<Document> documents;
  for (const std::string& file : options.files) documents.push_back(read(file));
  const Document merged = tuner::merge_tables(documents);
  tuner::publish_table(merged, options.output);
  fmt::print("{}: {} devices, {} kernels, {} transfers, {} plans from {} tables\n", printable(options.output),
             merged["devices"].size(), merged["kernels"].size(), merged["transfers"].size(), merged["plans"].size(),
             documents.size());
}

// ---- lookup ----

void print_use(const TableUse& use) {
  std::string counts;
  for (const auto& [source, nodes] : use.lookups)
    counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", nodes, source);
  fmt::print("{} rows; nodes by source: {}; refused by their device: {}\n", use.rows,
             counts.empty() ? "no lookups" : counts, use.refused);
  for (const TableUse::Unused& u : use.unused) fmt::print("{} rows of {} were {}\n", u.rows, u.device, u.reason);
}

void lookup_model(const TableOptions& options) {
  const Model model = open_model(options.model);
  CompileOptions compile = compile_options(options.session, model, only_device_set(options.session));
  compile.table = options.file;
  compile.bad_table = BadTable::fail;
  const Explanation explanation = make_runtime(options.session).compile(model, compile).explain();
  Json json = Json::array();
  Table table({"node", "device", "source", "config", "problem"});
  for (const Placement& p : explanation.nodes) {
    if (p.config_source.empty()) continue;
    json.push_back({{"node", p.node},
                    {"device", p.device},
                    {"source", p.config_source},
                    {"config", p.config},
                    {"problem_key", p.problem_key}});
    table.row({printable(p.node), p.device, p.config_source, shown(p.config), printable(p.problem_key)});
  }
  if (options.json)
    return print_json(
        {{"nodes", json}, {"lookups", explanation.table.lookups}, {"refused", explanation.table.refused}});
  if (!table.empty()) fmt::print("{}", table.text());
  print_use(explanation.table);
}

class AcceptAll final : public table::Judge {
 public:
  bool accepts(const std::string&) override { return true; }
};

plugin::Registry registry_of(const TableOptions& options) {
  const RuntimeOptions runtime = options.session.plugins.runtime();
  return plugin::discover(
      {runtime.plugin_files, runtime.plugin_folders, runtime.standard_places, runtime.select, runtime.disable});
}

void lookup_problem(const TableOptions& options) {
  const table::Table rows = table::read_table(options.file);
  AcceptAll judge;
  Json json = Json::array();
  Table table({"device", "source", ">median", "config", "from"});
  for (const auto& device : registry_of(options).devices) {
    const table::Answer a =
        table::make_lookup(rows, device->plugin().id, table::fingerprint_of(*device))->find(options.problem, judge);
    json.push_back({{"device", device->name()},
                    {"source", table::to_string(a.source)},
                    {"config", a.config},
                    {"median_ns", a.median_ns},
                    {"from", a.from}});
    table.row({device->name(), table::to_string(a.source), time_text(a.median_ns), shown(a.config), printable(a.from)});
  }
  if (options.json) print_json(json);
  else fmt::print("{}", table.text());
}

void lookup(const TableOptions& options) {
  if (options.model.empty() == options.problem.empty())
    throw Error(ErrorCode::invalid_argument, "nothing or too much to look up; give a model, or a key with --problem");
  if (options.problem.empty()) lookup_model(options);
  else lookup_problem(options);
}

// ---- T4 ----

tuner::Importing importing(const TableOptions& options) {
  tuner::Importing result{options.problem, options.default_config, options.plugin, {}};
  if (!options.plugin.empty()) return result;
  if (options.device.empty())
    throw Error(
        ErrorCode::invalid_argument,
        "it is not said where the results are from; name a --device, or a --plugin for hardware that is not known");
  for (const auto& device : registry_of(options).devices) {
    if (device->name() != options.device) continue;
    result.plugin = device->plugin().id;
    result.fingerprint = table::fingerprint_of(*device);
    return result;
  }
  throw Error(
      ErrorCode::not_found,
      fmt::format("device \"{}\" does not exist; `motley devices` lists them, or name a --plugin", options.device));
}

void import_t4(const TableOptions& options) {
  const tuner::Imported imported = tuner::import_recording(tuner::read_recording(options.file), importing(options));
  tuner::publish_table(imported.document, options.output);
  fmt::print("{}: {} configs; {} that failed were left out\n", printable(options.output), imported.rows,
             imported.failed);
}

void export_t4(const TableOptions& options) {
  const tuner::Exported exported =
      tuner::export_recording(read(options.file), options.problem, options.device, options.default_config);
  if (exported.recording.observations.empty())
    throw Error(ErrorCode::not_found,
                "no row of the problem says values of parameters: give those of the default with --default");
  const std::string text = tuner::write_t4(exported.recording);
  base::AtomicFile file(options.output);
  file.write(text.data(), text.size());
  file.commit();
  fmt::print("{}: {} results; {} rows with other parameters were left out\n", printable(options.output),
             exported.recording.observations.size(), exported.left_out);
}

// ---- the commands ----

CLI::App* add(CLI::App& parent, const char* name, const char* help, const char* example,
              std::shared_ptr<TableOptions> options, void (*run)(const TableOptions&)) {
  CLI::App* command = parent.add_subcommand(name, help);
  command->footer(std::string("Example: motley table ") + example);
  command->callback([options, run] { run(*options); });
  return command;
}

void add_files(CLI::App& command, TableOptions& options, const char* help, int count) {
  command.add_option("TABLE", options.files, help)->required()->expected(count)->type_name("FILE");
}
void add_file(CLI::App& command, TableOptions& options, const char* help = "A dispatch table") {
  command.add_option("TABLE", options.file, help)->required()->type_name("FILE");
}
void add_json(CLI::App& command, TableOptions& options) { command.add_flag("--json", options.json, "Print JSON"); }
void add_output(CLI::App& command, TableOptions& options) {
  command.add_option("-o,--output", options.output, "The file to write; whole or not at all")
      ->required()
      ->type_name("FILE");
}
void add_problem(CLI::App& command, TableOptions& options, const char* help) {
  command.add_option("--problem", options.problem, help)->type_name("KEY");
}

}  // namespace

void add_table(CLI::App& app) {
  auto options = std::make_shared<TableOptions>();
  CLI::App* table = app.add_subcommand("table", "Check, show, compare, merge and ask dispatch tables");
  table->footer("motley table COMMAND --help tells more.\nExample: motley table show phone.json");
  table->require_subcommand(1);

  CLI::App* c = add(*table, "validate", "Say whether tables can be used: schema, hash, devices",
                    "validate a.json b.json", options, validate_all);
  add_files(*c, *options, "Dispatch tables", -1);

  c = add(*table, "show", "Print what a table says: devices, the choice for each problem, transfers, plans",
          "show phone.json", options, show);
  add_file(*c, *options);
  add_json(*c, *options);

  c = add(*table, "diff", "Print what differs between two tables: choices, devices, transfers, plans",
          "diff old.json new.json", options, diff);
  add_files(*c, *options, "Two dispatch tables", 2);
  add_json(*c, *options);

  c = add(*table, "merge", "Put all that several tables observed into one", "merge a.json b.json -o all.json", options,
          merge);
  add_files(*c, *options, "Dispatch tables", -1);
  add_output(*c, *options);

  c = add(*table, "lookup", "Say what a table chooses here, for each node of a model or for one problem",
          "lookup phone.json model.motley", options, lookup);
  add_file(*c, *options);
  c->add_option("MODEL", options->model, "A .motley or .onnx file");
  add_problem(*c, *options, "Look up this key alone, without asking a device whether it takes the config");
  add_json(*c, *options);
  add_session_options(*c, options->session);

  c = add(*table, "import-t4", "Make a table of the results of another tuner (T4, or Kernel Tuner's cache)",
          "import-t4 results.json --problem KEY --default a=1,b=2 --device cpu -o table.json", options, import_t4);
  c->add_option("RESULTS", options->file, "A T4 or cache file, also with gzip")->required()->type_name("FILE");
  add_problem(*c, *options, "The problem that was tuned, as the plugin names it");
  c->get_option("--problem")->required();
  c->add_option("--default", options->default_config, "The config that the others are compared with")
      ->required()
      ->type_name("a=1,b=2");
  CLI::Option* device =
      c->add_option("--device", options->device, "The device here that was measured")->type_name("NAME");
  CLI::Option* plugin =
      c->add_option("--plugin", options->plugin, "Or: the plugin alone, for a device that is not here")
          ->type_name("ID");
  device->excludes(plugin);
  add_output(*c, *options);

  c = add(*table, "export-t4", "Write a problem's rows as T4 results, for other tuners",
          "export-t4 table.json --problem KEY -o results.json", options, export_t4);
  add_file(*c, *options);
  add_problem(*c, *options, "The problem, as the table has it");
  c->get_option("--problem")->required();
  c->add_option("--device", options->device, "The device, as the table names it; needed where several have the problem")
      ->type_name("ID");
  c->add_option("--default", options->default_config,
                "The config that the default stands for; without it the default is left out")
      ->type_name("a=1,b=2");
  add_output(*c, *options);
}

}  // namespace motley::cli
