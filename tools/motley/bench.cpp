// motley bench: how long a model takes, on one or several sets of devices, and where the time goes.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "command.hpp"
#include "common.hpp"
#include "measure.hpp"
#include "progress.hpp"
#include "text.hpp"

namespace motley::cli {

namespace {

constexpr uint32_t kProfiledRuns = 5;
constexpr size_t kOpsShown = 20;

struct BenchOptions {
  std::string model;
  SessionOptions session;
  Effort effort;
  std::string trace;
  bool json = false, nodes = false;
};

std::string title(const Contestant& c) { return c.devices.empty() ? "(default)" : c.devices; }

std::vector<Contestant> prepare(const BenchOptions& options, const Model& model, const Runtime& runtime) {
  std::vector<std::string> sets = options.session.device_sets;
  if (sets.empty()) sets.emplace_back();
  std::vector<Contestant> contestants;
  for (const std::string& devices : sets) {
    const auto begin = std::chrono::steady_clock::now();
    Session session = runtime.compile(model, compile_options(options.session, model, devices));
    const double ns = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
    fill_random(session);
    contestants.push_back({devices, std::move(session), ns, 0, {}});
  }
  return contestants;
}

void print_totals(const std::vector<Contestant>& contestants) {
  Table table({"devices", ">runs", ">median", ">p95", ">min", ">first run", ">compile",
               contestants.size() > 1 ? ">speed" : ""});
  for (const Contestant& c : contestants)
    table.row({title(c), std::to_string(c.samples.ns.size()), duration_text(c.samples.quantile(0.5)),
               duration_text(c.samples.quantile(0.95)), duration_text(c.samples.minimum()),
               duration_text(c.first_run_ns), duration_text(c.compile_ns),
               contestants.size() > 1 ? fmt::format("{:.2f} x", speedup(contestants.front(), c)) : ""});
  fmt::print("{}", table.text());
}

void print_costs(const std::vector<NodeCost>& nodes, bool each) {
  double total = 0;
  for (const NodeCost& n : nodes) total += n.ns;
  const auto share = [&](double ns) { return total > 0 ? fmt::format("{:.1f} %", 100 * ns / total) : "-"; };
  if (each) {
    Table table({"node", "op", "device", "kernel", ">time", ">share"});
    for (const NodeCost& n : nodes) table.row({n.node, n.op, n.device, n.kernel, duration_text(n.ns), share(n.ns)});
    fmt::print("{}", table.text("  "));
    return;
  }
  const std::vector<OpCost> ops = by_op(nodes);
  Table table({"op", "device", "kernel", ">nodes", ">time", ">share"});
  for (size_t i = 0; i < std::min(ops.size(), kOpsShown); ++i)
    table.row({ops[i].op, ops[i].device, ops[i].kernel, std::to_string(ops[i].count), duration_text(ops[i].ns),
               share(ops[i].ns)});
  fmt::print("{}", table.text("  "));
  if (ops.size() > kOpsShown) fmt::print("  and {} more\n", ops.size() - kOpsShown);
}

Json describe(const BenchOptions& options, std::vector<Contestant>& contestants) {
  Json json = {
      {"model", options.model}, {"version", version()}, {"threads", thread_count()}, {"results", Json::array()}};
  for (Contestant& c : contestants) {
    Json result = {{"devices", c.devices},
                   {"runs", c.samples.ns.size()},
                   {"median_ns", c.samples.quantile(0.5)},
                   {"p95_ns", c.samples.quantile(0.95)},
                   {"min_ns", c.samples.minimum()},
                   {"mean_ns", c.samples.mean()},
                   {"first_run_ns", c.first_run_ns},
                   {"compile_ns", c.compile_ns},
                   {"speed_vs_first", speedup(contestants.front(), c)}};
    result["nodes"] = Json::array();
    for (const NodeCost& n : profile(c.session, kProfiledRuns))
      result["nodes"].push_back(
          {{"node", n.node}, {"op", n.op}, {"device", n.device}, {"kernel", n.kernel}, {"ns", n.ns}});
    json["results"].push_back(std::move(result));
  }
  return json;
}

// Runs of each contestant after the measured ones, in one file.
void trace(base::AtomicFile& file, std::vector<Contestant>& contestants) {
  std::vector<TraceEvent> events;
  for (Contestant& c : contestants) {
    c.session.set_tracing(true);
    for (uint32_t i = 0; i < kProfiledRuns; ++i) c.session.run();
    for (TraceEvent& event : c.session.trace()) events.push_back(std::move(event));
    c.session.set_tracing(false);
  }
  save_trace(file, events);
}

void bench(const BenchOptions& options) {
  const Model model = open_model(options.model);
  std::optional<base::AtomicFile> trace_file;  // opened before the work, so that a wrong path costs nothing
  if (!options.trace.empty()) trace_file.emplace(options.trace);
  const Runtime runtime = make_runtime(options.session);
  std::vector<Contestant> contestants = prepare(options, model, runtime);
  {
    Progress progress("measuring");
    measure(contestants, options.effort, [&](uint64_t done, uint64_t total) { progress.update(done, total); });
  }
  if (trace_file) trace(*trace_file, contestants);
  if (options.json) {
    print_json(describe(options, contestants));
    return;
  }
  fmt::print("{}: {} threads, random inputs\n", printable(options.model), thread_count());
  print_totals(contestants);
  for (Contestant& c : contestants) {
    fmt::print("\n{}, {}:\n", title(c), options.nodes ? "per node" : "per op");
    print_costs(profile(c.session, kProfiledRuns), options.nodes);
  }
}

}  // namespace

void add_bench(CLI::App& app) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand("bench", "Measure how long a model takes");
  command->footer(
      "Several --devices are measured in turn, run by run; \"speed\" is relative to the first.\n"
      "Example: motley bench model.motley --devices reference --devices cpu --threads 2");
  command->add_option("MODEL", options->model, "A .motley or .onnx file")->required();
  command->add_option("--runs", options->effort.runs, "Measured runs (default: two seconds, 10 to 1000 runs)")
      ->type_name("N")
      ->check(CLI::Range(1u, 1000000u));
  command->add_option("--warmup", options->effort.warmup, "Runs before measuring")
      ->type_name("N")
      ->check(CLI::Range(1u, 1000000u))
      ->capture_default_str();
  add_trace_option(*command, options->trace);
  command->add_flag("--nodes", options->nodes, "Show times per node, in the order they run");
  command->add_flag("--json", options->json, "Print JSON");
  add_session_options(*command, options->session);
  command->callback([options] { bench(*options); });
}

}  // namespace motley::cli
