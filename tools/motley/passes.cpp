// motley info --passes: what each pass of the optimizer does to a model.
#include "passes.hpp"

#include <fmt/format.h>

#include "plan/plan.hpp"
#include "plugin/registry.hpp"
#include "run/evaluate.hpp"
#include "text.hpp"

namespace motley::cli {

namespace {

std::string purpose_of(const std::string& pass) {
  for (const auto& known : graph::passes())
    if (pass == known.name) return known.purpose;
  return {};
}

// What the passes did to the parts of a model that runs in stages: they are seen by running it.
void run_stages(const graph::Module& module, CompileOptions options, PassSummary& summary) {
  options.optimize = true;
  const Runtime runtime;
  Session session = runtime.compile(Model::from_module(module), options);
  try {
    session.run();  // inputs are zeros until they are written
  } catch (const Error& e) {
    summary.stopped = e.what();
  }
  const Explanation explanation = session.explain();
  summary.plans = session.plans_made();
  summary.nodes_after = explanation.nodes.size();
  for (const auto& [pass, rewrites] : explanation.passes) summary.passes.push_back({pass, purpose_of(pass), rewrites});
}

}  // namespace

PassSummary run_passes(const graph::Module& module, const CompileOptions& options) {
  plan::Request request;
  request.devices = plugin::discover({}).devices;
  request.shapes = options.input_shapes;
  run::DeviceEvaluator evaluator(request.devices);
  PassSummary summary;
  for (const graph::Graph& graph : module.graphs) summary.nodes_of_model += graph.nodes.size();
  request.optimize = false;
  const plan::Prepared before = plan::prepare(module, request, &evaluator);
  if (before.staged) {
    summary.nodes_before = before.staged->main().nodes.size();
    run_stages(module, options, summary);
    return summary;
  }
  summary.nodes_before = before.graph.nodes.size();
  request.optimize = true;
  const plan::Prepared after = plan::prepare(module, request, &evaluator);
  summary.nodes_after = after.graph.nodes.size();
  for (size_t i = 0; i < after.passes.size(); ++i)
    summary.passes.push_back({after.passes[i].pass, graph::passes()[i].purpose, after.passes[i].rewrites});
  return summary;
}

void print(const PassSummary& summary) {
  Table table({"pass", "purpose", ">rewrites"});
  for (const auto& pass : summary.passes) table.row({pass.name, pass.purpose, std::to_string(pass.rewrites)});
  if (!summary.passes.empty()) fmt::print("\n{}", table.text());
  if (summary.plans) {
    fmt::print("The shapes of this model depend on data: these are sums over the plans of a run on zeros ({}).\n",
               summary.plans);
    if (!summary.stopped.empty()) fmt::print("That run stopped early: {}\n", printable(summary.stopped));
    fmt::print("nodes: {} in the model, {} with shapes and constants worked out, {} in the plans\n",
               summary.nodes_of_model, summary.nodes_before, summary.nodes_after);
    return;
  }
  fmt::print("nodes: {} in the model, {} with shapes and constants worked out, {} after the passes\n",
             summary.nodes_of_model, summary.nodes_before, summary.nodes_after);
}

Json to_json(const PassSummary& summary) {
  Json json = {{"nodes_of_model", summary.nodes_of_model},
               {"nodes_before", summary.nodes_before},
               {"nodes_after", summary.nodes_after},
               {"passes", Json::array()}};
  if (summary.plans) json["plans"] = summary.plans;
  if (!summary.stopped.empty()) json["stopped"] = summary.stopped;
  for (const auto& pass : summary.passes)
    json["passes"].push_back({{"name", pass.name}, {"purpose", pass.purpose}, {"rewrites", pass.rewrites}});
  return json;
}

}  // namespace motley::cli
