// Deciding by cost: the question for the solvers, and what follows from their answer.
#include <chrono>
#include <cstring>

#include "plan/cost.hpp"
#include "plan/entry.hpp"
#include "plan/layout.hpp"
#include "plan/offers.hpp"

namespace motley::plan {

using graph::Graph;

namespace {

// The devices that were assigned, as the planner calls them.
void keep_order(const Assignment& assignment, Question& question) {
  place::Sketch& sketch = question.sketch;
  for (int32_t d : assignment.device) sketch.incumbent.push_back(question.worker[static_cast<size_t>(d)]);
  for (int32_t offer : assignment.offer) {
    int32_t number = -1;
    for (size_t o = 0; o < question.offered.size() && offer >= 0; ++o)
      if (question.offered[o].offer == static_cast<size_t>(offer)) number = static_cast<int32_t>(o);
    sketch.incumbent_offer.push_back(number);
  }
}

// Only kernels are left to choose: no node goes to another device.
void keep_devices(const Assignment& assignment, Question& question) {
  place::Sketch& sketch = question.sketch;
  const auto worker_of = [&](size_t n) { return question.worker[static_cast<size_t>(assignment.device[n])]; };
  const size_t workers = question.device.size();
  for (size_t i = 0; i < sketch.cost_ns.size(); ++i)
    if (static_cast<size_t>(worker_of(i / workers)) != i % workers) sketch.cost_ns[i] = place::kForbidden;
  for (place::Sketch::Offer& offer : sketch.offers)
    for (uint32_t n : offer.nodes)
      if (worker_of(n) != static_cast<int32_t>(offer.worker)) offer.cost_ns = place::kForbidden;
}

// What nodes cost where they are assigned. What a kernel of several nodes costs stands at the first.
void fill_costs(const Question& question, Assignment& assignment) {
  const size_t workers = question.device.size();
  assignment.costs.resize(assignment.device.size());
  for (size_t n = 0; n < assignment.device.size(); ++n) {
    const auto worker = static_cast<size_t>(question.worker[static_cast<size_t>(assignment.device[n])]);
    const int32_t offer = n < assignment.offer.size() ? assignment.offer[n] : -1;
    for (size_t o = 0; o < question.offered.size() && offer >= 0; ++o) {
      if (question.offered[o].offer != static_cast<size_t>(offer)) continue;
      const place::Sketch::Offer& row = question.sketch.offers[o];
      assignment.costs[n].ns = row.nodes[0] == n ? static_cast<double>(row.cost_ns) : 0;
      assignment.costs[n].source = row.source;
    }
    if (offer >= 0) continue;
    const place::Ns ns = question.sketch.cost_ns[n * workers + worker];
    assignment.costs[n].ns = ns < place::kForbidden ? static_cast<double>(ns) : 0;
    assignment.costs[n].source = question.sketch.cost_source[n * workers + worker];
  }
}

}  // namespace

void ask(const Question& question, Assignment& assignment) {
  Decision& decision = assignment.decision;
  const auto begin = std::chrono::steady_clock::now();
  const place::Answer answer = place::answer(question.sketch);
  decision.planner_ns = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
  using Kind = place::Choice::Kind;
  decision.by = answer.kind == Kind::mixed    ? Decision::By::planner
                : answer.kind == Kind::single ? Decision::By::single
                                              : Decision::By::order;
  decision.run_ns = static_cast<double>(answer.run_ns);
  decision.cost = static_cast<double>(answer.cost);
  decision.bound = static_cast<double>(answer.bound);
  decision.rival = answer.rival < place::kForbidden ? static_cast<double>(answer.rival) : 0;
  decision.side_by_side = answer.side_by_side;
  decision.late = answer.late;
  decision.doubt = answer.doubt;
  decision.error = static_cast<double>(answer.error_ppb) * 1e-9;
  decision.unbudgeted = answer.unbudgeted < place::kForbidden ? static_cast<double>(answer.unbudgeted) : 0;
  const auto device_of = [&](int32_t worker) { return worker < 0 ? -1 : question.device[static_cast<size_t>(worker)]; };
  const auto offer_of = [&](int32_t number) {
    return number < 0 ? -1 : static_cast<int32_t>(question.offered[static_cast<size_t>(number)].offer);
  };
  std::vector<Offer>& offers = assignment.support.offers;
  for (size_t o = 0; o < question.offered.size(); ++o) {
    offers[question.offered[o].offer].config = question.offered[o].config;
    offers[question.offered[o].offer].error_ppb = question.sketch.offers[o].error_ppb;
  }
  assignment.offer.assign(question.offered.empty() ? 0 : answer.worker.size(), -1);
  for (size_t n = 0; n < answer.worker.size(); ++n) assignment.device[n] = device_of(answer.worker[n]);
  for (size_t n = 0; n < assignment.offer.size(); ++n) assignment.offer[n] = offer_of(answer.offer[n]);
  fill_costs(question, assignment);
  for (size_t n = 0; n < answer.worker.size(); ++n) {
    NodeCost& cost = assignment.costs[n];
    cost.runner_up = device_of(answer.runner_up[n]);
    cost.more = static_cast<double>(answer.more[n]);
    cost.runner_up_offer = offer_of(answer.runner_up_offer[n]);
    cost.left_out = offer_of(answer.left_out[n]);
    cost.left_out_more = static_cast<double>(answer.left_out_more[n]);
  }
}

namespace {

void plan(const Graph& graph, const Request& request, Assignment& assignment) {
  const bool devices = has_choice(assignment.support, graph.nodes.size());
  const bool order_decides = request.ordered && request.policy == Policy::latency && !request.deadline_ns;
  Question question = make_question(graph, request, assignment);
  const bool stay = !devices || (order_decides && !question.measured && !request.parts);
  if (stay && !has_offers(request, assignment.support)) return;
  question.sketch.aim = static_cast<place::Aim>(request.policy);
  if (stay) keep_devices(assignment, question);
  else if (request.ordered) keep_order(assignment, question);
  ask(question, assignment);
  if (stay) assignment.decision.by = Decision::By::order;
  else if (!assignment.raced) assignment.split = find_split(graph, request, question);
  if (!assignment.raced && !request.parts) assignment.layouts = find_layouts(graph, request, question, assignment);
}

void price_as_it_is(const Graph& graph, const Request& request, Assignment& assignment) {
  Question question = make_question(graph, request, assignment);
  question.sketch.aim = static_cast<place::Aim>(request.policy);
  keep_order(assignment, question);
  question.sketch.keep_incumbent = true;
  ask(question, assignment);
}

bool decide_safely(const Graph& graph, const Request& request, Ask what, Assignment& assignment, std::string& wrong) {
  try {
    if (what == Ask::cut) follow_raced_split(graph, request, assignment);
    else (what == Ask::plan ? plan : price_as_it_is)(graph, request, assignment);
    return true;
  } catch (const std::exception& error) {
    wrong = error.what();
    return false;
  }
}

}  // namespace

}  // namespace motley::plan

extern "C" __attribute__((visibility("default"))) motley::plan::DecideFn motley_planner_entry(
    const char* build, size_t request_bytes, size_t assignment_bytes) {
  using namespace motley::plan;
  const bool same = std::strcmp(build, MOTLEY_VERSION) == 0 && request_bytes == sizeof(Request) &&
                    assignment_bytes == sizeof(Assignment);
  return same ? decide_safely : nullptr;
}
