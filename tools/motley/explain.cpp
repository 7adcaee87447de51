// motley explain: which node runs on which device, and why.
#include <fmt/format.h>

#include <memory>

#include "command.hpp"
#include "common.hpp"
#include "text.hpp"

namespace motley::cli {

namespace {

struct ExplainOptions {
  std::string model;
  SessionOptions session;
  bool json = false;
};

Json describe(const TableUse& use) {
  if (use.path.empty()) return nullptr;
  Json json = {{"path", use.path.string()},
               {"problem", use.problem},
               {"rows", use.rows},
               {"lookups", use.lookups},
               {"refused", use.refused}};
  json["unused"] = Json::array();
  for (const TableUse::Unused& u : use.unused)
    json["unused"].push_back({{"device", u.device}, {"reason", u.reason}, {"rows", u.rows}});
  return json;
}

Json describe(const PlanCost& cost) {
  return {{"policy", to_string(cost.policy)},
          {"decided_by", cost.decided_by},
          {"note", cost.note},
          {"predicted_ns", cost.predicted_ns},
          {"cost", cost.cost},
          {"bound", cost.bound},
          {"rival", cost.rival},
          {"unit", cost.unit},
          {"side_by_side", cost.side_by_side},
          {"planner_ns", cost.planner_ns},
          {"error_budget", cost.error_budget},
          {"error", cost.error},
          {"without_budget", cost.without_budget},
          {"deadline_ns", cost.deadline_ns},
          {"late", cost.late}};
}

Json describe(const Explanation& explanation) {
  Json json;
  json["nodes"] = Json::array();
  for (const Placement& p : explanation.nodes) {
    Json refused = Json::object();
    for (const auto& [device, why] : p.refused) refused[device] = why;
    json["nodes"].push_back({{"node", p.node},
                             {"op", p.op},
                             {"origins", p.origins},
                             {"device", p.device},
                             {"segment", p.segment},
                             {"reason", p.reason},
                             {"estimate_ns", p.estimate_ns},
                             {"cost_source", p.cost_source},
                             {"runner_up", p.runner_up},
                             {"runner_up_more", p.runner_up_more},
                             {"precision", p.precision},
                             {"error", p.error},
                             {"fused_with", p.fused_with},
                             {"part_of", p.part_of},
                             {"layout", p.layout},
                             {"share", p.share},
                             {"part_axis", p.part_axis},
                             {"left_out", p.left_out},
                             {"left_out_more", p.left_out_more},
                             {"problem_key", p.problem_key},
                             {"config", p.config},
                             {"config_source", p.config_source},
                             {"refused", refused}});
  }
  json["transfers"] = Json::array();
  for (const Transfer& t : explanation.transfers)
    json["transfers"].push_back({{"tensor", t.tensor},
                                 {"from", t.from},
                                 {"to", t.to},
                                 {"way", t.way},
                                 {"bytes", t.bytes},
                                 {"segment", t.segment}});
  json["lost"] = Json::object();
  for (const auto& [device, why] : explanation.lost) json["lost"][device] = why;
  json["passes"] = Json::object();
  for (const auto& [pass, rewrites] : explanation.passes) json["passes"][pass] = rewrites;
  json["activation_bytes"] = explanation.activation_bytes;
  json["constant_bytes"] = explanation.constant_bytes;
  json["resident_bytes"] = explanation.resident_bytes;
  json["plan"] = describe(explanation.cost);
  json["table"] = describe(explanation.table);
  return json;
}

void explain(const ExplainOptions& options) {
  const Model model = open_model(options.model);
  const CompileOptions compile = compile_options(options.session, model, only_device_set(options.session));
  const Runtime runtime = make_runtime(options.session);
  const Session session = runtime.compile(model, compile);
  const Explanation explanation = session.explain();
  if (options.json) print_json(describe(explanation));
  else fmt::print("{}", printable(explanation.to_string(), Newlines::keep));
}

}  // namespace

void add_explain(CLI::App& app) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App* command = app.add_subcommand("explain", "Say which node runs where, and why");
  command->footer("Example: motley explain model.motley --devices cpu");
  command->add_option("MODEL", options->model, "A .motley or .onnx file")->required();
  command->add_flag("--json", options->json, "Print JSON");
  add_session_options(*command, options->session);
  command->callback([options] { explain(*options); });
}

}  // namespace motley::cli
