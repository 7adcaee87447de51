// Building a plan: prepare, lower, assign, partition, compile, lay out memory.
#include "plan/plan.hpp"

#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "base/text.hpp"
#include "model/serialize.hpp"
#include "plan/layout.hpp"
#include "plan/offers.hpp"
#include "plan/split.hpp"
#include "plugin/call.hpp"

namespace motley::plan {

using graph::Graph;
using graph::TensorId;

Segment::Segment(Segment&& other) noexcept
    : spec(std::move(other.spec)),
      device(std::move(other.device)),
      handle(other.handle),
      lane(other.lane),
      executable(std::exchange(other.executable, nullptr)),
      requirements(other.requirements),
      constants(std::move(other.constants)),
      choices(std::move(other.choices)) {}

Segment::~Segment() {
  if (executable) device->api().exec_release(executable);
}

namespace {

// What the dispatch table says for a segment's nodes, by their index in the segment.
std::vector<motley_node_config> configs_of(const Segment& segment) {
  std::vector<motley_node_config> configs;
  const std::vector<uint32_t>& nodes = segment.spec.nodes;
  for (const table::NodeChoice& choice : segment.choices) {
    const auto place = std::find(nodes.begin(), nodes.end(), choice.node) - nodes.begin();
    if (!choice.answer.config.empty()) configs.push_back({static_cast<uint32_t>(place), choice.answer.config.c_str()});
  }
  return configs;
}

// A table moves no node to another device: what a device does not compile with its configs, it gets without. False
// where there were none.
bool drop_configs(Segment& segment) {
  bool any = false;
  for (table::NodeChoice& choice : segment.choices) {
    if (choice.answer.config.empty() && choice.answer.source != table::Source::candidate) continue;
    any = true;
    choice.answer = {table::Source::none, "", 0, "", choice.answer.refused + 1};
  }
  return any;
}

// The configs of candidates that the plan chose for nodes of the segment. That of a fused one goes to its first node.
void take_offers(const Assignment& assignment, Segment& segment) {
  if (assignment.offer.empty()) return;
  for (const uint32_t n : segment.spec.nodes) {
    if (assignment.offer[n] < 0) continue;
    auto choice = std::find_if(segment.choices.begin(), segment.choices.end(),
                               [n](const table::NodeChoice& known) { return known.node == n; });
    if (choice == segment.choices.end()) choice = segment.choices.insert(choice, table::NodeChoice{n, "", {}});
    const Offer& offer = assignment.support.offers[static_cast<size_t>(assignment.offer[n])];
    choice->answer = {table::Source::candidate, n == offer.nodes[0] ? offer.config : std::string(), 0, "", 0};
  }
}

// Compiles one segment. Returns the device's message where it refuses.
std::string compile_segment(const Graph& graph, SegmentSpec spec, const Lane& lane, const Request& request,
                            const Assignment& assignment, Segment& segment) {
  const model::SerializedGraph serialized = model::serialize_segment(graph, spec.nodes, spec.inputs, spec.outputs);
  const motley_graph view = serialized.view();
  motley_compile_options options{};
  options.struct_size = sizeof options;
  options.slice_ns = request.slice_ns;
  std::array<char, 512> text{};
  motley_error error{sizeof error, static_cast<uint32_t>(text.size()), text.data()};
  const size_t d = spec.device;
  segment.spec = std::move(spec);
  segment.device = lane.device;
  segment.handle = lane.handle;
  plugin::Device* device = lane.device.get();
  if (request.advisor)
    segment.choices = request.advisor->choose(graph, segment.spec.nodes, *device, assignment.configs,
                                              reserved_for(assignment.support, d));
  take_offers(assignment, segment);
  const std::vector<motley_node_config> configs = configs_of(segment);
  options.configs = configs.data();
  options.config_count = static_cast<uint32_t>(configs.size());
  motley_status status = device->api().compile(lane.handle, &view, &options, &segment.executable, &error);
  if (status != MOTLEY_OK && status != MOTLEY_DEVICE_LOST && drop_configs(segment)) {
    options.config_count = 0;
    status = device->api().compile(lane.handle, &view, &options, &segment.executable, &error);
  }
  if (status == MOTLEY_DEVICE_LOST) plugin::throw_failure(status, *device, lane.handle, "compile", text.data());
  if (status != MOTLEY_OK || !segment.executable) {
    segment.executable = nullptr;
    return text[0] ? text.data() : "no message";
  }
  segment.constants = serialized.owners;
  segment.requirements.struct_size = sizeof segment.requirements;
  segment.requirements.alignment = 64;
  if (device->api().exec_requirements) {
    const motley_status said = device->api().exec_requirements(segment.executable, &segment.requirements);
    if (said == MOTLEY_DEVICE_LOST)
      plugin::throw_failure(said, *device, lane.handle, "compile", "it was lost on the way");
    if (said != MOTLEY_OK) return "it does not say what memory it needs";
  }
  const uint32_t alignment = segment.requirements.alignment;
  if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > 4096)
    return base::text("it asks for an alignment of % (a power of two up to 4096 is allowed)", {alignment});
  return {};
}

// Compiles all segments; false where a device refused one, with its nodes added to `denied`.
bool compile_all(Plan& plan, std::vector<SegmentSpec> specs, const Request& request,
                 Denied& denied) {
  for (SegmentSpec& spec : specs) {
    const size_t d = spec.device;
    Segment segment;
    const std::vector<Lane>& lanes = plan.schedule.lanes;
    while (lanes[segment.lane].device != plan.devices[d]) ++segment.lane;
    if (is_in_place(plan, spec.nodes[0])) {
      segment.device = lanes[segment.lane].device;
      segment.spec = std::move(spec);
      plan.segments.push_back(std::move(segment));
      continue;
    }
    const std::string refusal =
        compile_segment(plan.graph, std::move(spec), lanes[segment.lane], request, plan.assignment, segment);
    if (!refusal.empty()) {
      for (uint32_t n : segment.spec.nodes) denied[{d, plan.graph.nodes[n].name}] = refusal;
      plan.segments.clear();
      return false;
    }
    plan.segments.push_back(std::move(segment));
  }
  return true;
}

// No device wants more of its tensors' addresses than aliases have.
bool aliases_fit(const Plan& plan) {
  for (const Segment& segment : plan.segments)
    if (!plan.aliases.empty() && segment.requirements.alignment > kViewAlignment) return false;
  return true;
}

// Nodes in segments of their own: those that are kept, and parts of operators, so that another device's part, and what
// it waits for, begins at once.
std::set<std::string> alone_in(const Plan& plan) {
  std::set<std::string> names = plan.kept_nodes;
  for (size_t i = 0; plan.split && i < plan.split->parts.size(); ++i) names.insert(plan.split->parts[i].name);
  for (size_t i = 0; plan.split && i < plan.split->views.size(); ++i) names.insert(plan.split->views[i].node);
  return names;
}

}  // namespace

std::shared_ptr<const Plan> build_plan(Prepared prepared, const Request& request) {
  auto plan = std::make_shared<Plan>();
  plan->devices = request.devices;
  plan->passes = std::move(prepared.passes);
  plan->kept_nodes = std::move(prepared.kept_nodes);
  plan->output_count = prepared.output_count;
  plan->output_names = std::move(prepared.output_names);
  const std::vector<std::string> keep(plan->kept_nodes.begin(), plan->kept_nodes.end());
  lower_for(prepared.graph, request, keep);
  plan->graph = std::move(prepared.graph);

  std::vector<bool> queued;
  for (const auto& device : plan->devices) queued.push_back(device->has_queues());
  Denied denied;
  Graph whole;  // of what is split, or has other layouts
  bool may_split = true, may_lay_out = true, is_laid_out = false;
  while (true) {
    plan->assignment = assign(plan->graph, request, denied);
    std::shared_ptr<Layouts> layouts = std::move(plan->assignment.layouts);
    is_laid_out = false;
    if ((may_split && plan->assignment.split) || (may_lay_out && layouts)) whole = plan->graph;
    if (may_split && plan->assignment.split) take_split(*plan, request);
    if (may_lay_out && layouts) is_laid_out = take_layouts(*plan, std::move(layouts));
    plan->schedule = lanes_for(plan->devices, plan->assignment.device);
    find_aliases(*plan);
    std::vector<SegmentSpec> specs =
        partition(plan->graph, plan->assignment.device, alone_in(*plan), queued, plan->assignment.offer);
    order_segments(specs, plan->devices, plan->schedule);
    const size_t before = denied.size();
    Denied in_layouts;  // what these refuse are other kernels for the same nodes
    if (compile_all(*plan, std::move(specs), request, is_laid_out ? in_layouts : denied) && aliases_fit(*plan)) break;
    if (!in_layouts.empty()) {
      const auto& [where, why] = *in_layouts.begin();
      base::log(base::LogLevel::warning, "plan",
                base::text("all tensors stay row-major: % fails to compile a segment with % in nhwc (%)",
                           {plan->devices[where.first]->name(), where.second, why}));
    }
    plan->segments.clear();
    may_split = false;
    may_lay_out = may_lay_out && !is_laid_out;
    if (is_laid_out || plan->split) plan->graph = std::move(whole), plan->split = nullptr;
    else if (denied.size() == before)
      base::fail(ErrorCode::internal, "a segment failed to compile twice on the same device");
  }
  make_steps(*plan);
  plan_memory(*plan, request.limits);
  return plan;
}

}  // namespace motley::plan
