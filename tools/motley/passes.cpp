// motley info --passes: what each pass of the optimizer does to a model.
#include "passes.hpp"

#include <fmt/format.h>

#include "plan/plan.hpp"
#include "plugin/registry.hpp"
#include "run/evaluate.hpp"
#include "text.hpp"

namespace motley::cli {

PassSummary run_passes(const graph::Module& module, const CompileOptions& options) {
  plan::Request request;
  request.devices = plugin::discover({}).devices;
  request.shapes = options.input_shapes;
  run::DeviceEvaluator evaluator(request.devices);
  PassSummary summary;
  for (const graph::Graph& graph : module.graphs) summary.nodes_of_model += graph.nodes.size();
  request.optimize = false;
  const plan::Prepared before = plan::prepare(module, request, &evaluator);
  if (before.staged)
    throw Error(ErrorCode::unsupported,
                "the shapes of this model depend on data, so passes run on its parts while it runs; see what they make "
                "with motley explain");
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
  fmt::print("\n{}", table.text());
  fmt::print("nodes: {} in the model, {} with shapes and constants worked out, {} after the passes\n",
             summary.nodes_of_model, summary.nodes_before, summary.nodes_after);
}

Json to_json(const PassSummary& summary) {
  Json json = {{"nodes_of_model", summary.nodes_of_model},
               {"nodes_before", summary.nodes_before},
               {"nodes_after", summary.nodes_after},
               {"passes", Json::array()}};
  for (const auto& pass : summary.passes)
    json["passes"].push_back({{"name", pass.name}, {"purpose", pass.purpose}, {"rewrites", pass.rewrites}});
  return json;
}

}  // namespace motley::cli
