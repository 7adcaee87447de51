// motley report: what tables, journals and a traced run say, as one HTML file.
#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <memory>

#include "base/file.hpp"
#include "command.hpp"
#include "common.hpp"
#include "measure.hpp"
#include "report/facts.hpp"
#include "report/page.hpp"
#ifdef MOTLEY_HAS_REPORT_PAGE
#include "report_page.hpp"
#endif
#include "plugin/registry.hpp"
#include "table/advisor.hpp"
#include "table/document.hpp"
#include "table/merge.hpp"
#include "text.hpp"

namespace motley::cli {

namespace {

struct ReportOptions {
  std::vector<std::string> inputs;
  std::string output, model, compare;
  uint32_t runs = 9;
  SessionOptions session;
  bool json = false;
};

std::string_view page_template() {
#ifdef MOTLEY_HAS_REPORT_PAGE
  const std::string_view page = report_page();
#else
  const std::string_view page;
#endif
  if (page.empty())
    throw Error(ErrorCode::unsupported,
                "this program was built without the report's page, which needs node and npm; install both "
                "(tools/setup.sh), configure and build again, or use --json");
  return page;
}

std::string now() {
  const std::time_t time = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// The table that the model is compiled with: --table, else the one among the inputs.
std::string table_for_model(const ReportOptions& options, const tuner::ReportInputs& inputs) {
  if (!options.session.table.empty() || inputs.tables.empty()) return options.session.table;
  if (inputs.tables.size() > 1)
    throw Error(
        ErrorCode::invalid_argument,
        "--model takes one table, and several are given; merge them first (motley table merge), or say --table");
  return inputs.tables.front().path;
}

tuner::TracedSession trace(const ReportOptions& options, const std::string& table) {
  constexpr uint32_t kWarmup = 2;
  const Model model = open_model(options.model);
  SessionOptions with_table = options.session;
  with_table.table = table;
  const CompileOptions compile = compile_options(with_table, model, only_device_set(with_table));
  const Runtime runtime = make_runtime(with_table);
  Session session = runtime.compile(model, compile);
  fill_random(session);
  for (uint32_t i = 0; i < kWarmup; ++i) session.run();
  session.set_tracing(true);
  for (uint32_t i = 0; i < options.runs; ++i) session.run();
  return {options.model,          runtime.devices(), session.input_names(),
          session.output_names(), session.explain(), session.trace()};
}

// As a session would judge the table's rows, were it compiled here.
std::vector<TableUse::Unused> unused_rows(const ReportOptions& options, const tuner::ReportInputs& inputs) {
  const RuntimeOptions places = options.session.plugins.runtime();
  const plugin::Registry registry = plugin::discover(
      {places.plugin_files, places.plugin_folders, places.standard_places, places.select, places.disable});
  std::vector<nlohmann::json> documents;
  for (const tuner::ReportTable& table : inputs.tables) documents.push_back(table.document);
  const table::Advisor advisor(
      table::kTableReader, std::make_shared<const table::Table>(table::table_of(tuner::merge_tables(documents))),
      registry.devices);
  std::vector<TableUse::Unused> unused;
  for (const table::Unused& u : advisor.unused()) unused.push_back({u.device, u.reason, u.rows});
  return unused;
}

tuner::ReportInputs gather(const ReportOptions& options) {
  tuner::ReportInputs inputs;
  inputs.tool = fmt::format("motley {}", version());
  inputs.date = now();
  for (const std::string& file : options.inputs) tuner::read_report_input(file, inputs);
  if (!options.compare.empty()) inputs.compare = {options.compare, table::read_document(options.compare)};
  if (options.model.empty() && !inputs.tables.empty()) inputs.unused = unused_rows(options, inputs);
  if (!options.model.empty()) inputs.session = trace(options, table_for_model(options, inputs));
  return inputs;
}

void report(const ReportOptions& options) {
  if (options.json) {
    print_json(tuner::report_facts(gather(options)));
    return;
  }
  if (options.output.empty())
    throw Error(ErrorCode::invalid_argument, "there is no file to write; say -o report.html, or --json");
  const std::string_view page = page_template();  // before the work, which may be long
  base::AtomicFile file(options.output);
  const std::string html = tuner::fill_page(page, tuner::report_facts(gather(options)));
  file.write(html.data(), html.size());
  file.commit();
  fmt::print("{}: {:.1f} kB\n", printable(options.output), static_cast<double>(html.size()) / 1e3);
}

}  // namespace

void add_report(CLI::App& app) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App* command =
      app.add_subcommand("report", "Show what was tuned and what a model does with it, as one HTML file");
  command->footer(
      "The file holds all it needs and asks no network. docs/report.md tells what it shows.\n"
      "Example: motley report table.json journal --model model.motley -o report.html");
  command->add_option("INPUT", options->inputs, "Dispatch tables and journals of the tuner")
      ->required()
      ->type_name("FILE...");
  command->add_option("-o,--output", options->output, "The HTML file to write")->type_name("FILE");
  command->add_option("--model", options->model, "A .motley or .onnx file to compile with the table, run and draw")
      ->type_name("MODEL");
  command->add_option("--compare", options->compare, "The table before, to compare the given one with")
      ->type_name("FILE");
  command->add_option("--runs", options->runs, "Traced runs of the model, with random inputs")
      ->type_name("N")
      ->check(CLI::Range(1u, 1000u))
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print the facts as JSON in place of writing the page");
  add_session_options(*command, options->session);
  command->callback([options] { report(*options); });
}

}  // namespace motley::cli
