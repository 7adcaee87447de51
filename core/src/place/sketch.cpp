// From flat lists to a query, and back.
#include "place/sketch.hpp"

#include "base/text.hpp"

namespace motley::place {

namespace {

[[noreturn]] void wrong(const char* what) {
  base::fail(ErrorCode::invalid_argument, "the planner's question has %", {what});
}

void add_workers(const Sketch& sketch, Query& query, std::vector<uint32_t>& place) {
  Problem& problem = query.problem;
  problem.devices.push_back({"host memory"});  // no device has a blank in its name
  query.background.push_back(false);
  for (const Sketch::Worker& worker : sketch.workers) {
    query.workers.push_back({worker.name, worker.milliwatts, worker.avoided});
    place.push_back(worker.own_place ? static_cast<uint32_t>(problem.devices.size()) : 0);
    if (!worker.own_place) continue;
    problem.devices.push_back({worker.name, worker.memory_bytes ? worker.memory_bytes : kUnlimited});
    query.background.push_back(worker.background);
  }
  const auto devices = static_cast<uint32_t>(problem.devices.size());
  for (uint32_t format = 0; format < sketch.formats; ++format)
    for (uint32_t p = 0; p < devices; ++p) {
      problem.places.push_back({p, format});
      if (format) query.background.push_back(query.background[p]);
    }
  for (size_t m = 0; m + 1 < sketch.moves.size(); m += 2)
    problem.moves.push_back({sketch.moves[m], sketch.moves[m + 1]});
  query.move_source = sketch.move_source;
}

void add_nodes(const Sketch& sketch, Problem& problem) {
  for (int64_t bytes : sketch.tensor_bytes) problem.tensors.push_back({bytes});
  const auto tensor = [&](uint32_t t) -> Tensor& {
    if (t >= problem.tensors.size()) wrong("a tensor that there is not");
    return problem.tensors[t];
  };
  for (uint32_t t : sketch.given) tensor(t).home = 0;
  for (uint32_t t : sketch.wanted) tensor(t).wanted = 0;
  size_t at = 0;
  const auto next = [&] {
    if (at >= sketch.edges.size()) wrong("a list of edges that ends too soon");
    return sketch.edges[at++];
  };
  while (at < sketch.edges.size()) {
    Node node;
    for (uint32_t count = next(); count; --count) node.inputs.push_back(next());
    for (uint32_t count = next(); count; --count) node.outputs.push_back(next());
    problem.nodes.push_back(std::move(node));
  }
}

// The candidate of each node and worker, or -1.
std::vector<int32_t> add_candidates(const Sketch& sketch, const std::vector<uint32_t>& place, Problem& problem) {
  const size_t workers = sketch.workers.size(), count = problem.nodes.size() * workers;
  if (sketch.cost_ns.size() != count || sketch.cost_source.size() != count ||
      sketch.constant_bytes.size() != problem.nodes.size())
    wrong("costs for another number of nodes");
  std::vector<int32_t> number(count, -1);
  for (size_t i = 0; i < count; ++i) {
    if (sketch.cost_ns[i] >= kForbidden) continue;
    const auto worker = static_cast<uint32_t>(i % workers), node = static_cast<uint32_t>(i / workers);
    Candidate candidate;
    candidate.nodes = {node};
    candidate.input_place = candidate.output_place = place[worker];
    candidate.cost_ns = sketch.cost_ns[i];
    candidate.provenance = sketch.cost_source[i];
    candidate.memory_bytes = sketch.workers[worker].memory_bytes ? sketch.constant_bytes[node] : 0;
    candidate.tag = worker;
    number[i] = static_cast<int32_t>(problem.candidates.size());
    problem.candidates.push_back(std::move(candidate));
  }
  return number;
}

// After the others, so that an offer's candidate is known by its number.
void add_offers(const Sketch& sketch, const std::vector<uint32_t>& place, Problem& problem) {
  for (const Sketch::Offer& offer : sketch.offers) {
    if (offer.worker >= sketch.workers.size()) wrong("an offer of a worker that there is not");
    Candidate candidate;
    candidate.nodes = offer.nodes;
    if (offer.format >= sketch.formats) wrong("an offer in a format that there is not");
    const auto devices = static_cast<uint32_t>(problem.devices.size());
    candidate.input_place = candidate.output_place = place[offer.worker] + offer.format * devices;
    candidate.cost_ns = offer.cost_ns;
    candidate.provenance = offer.source;
    candidate.error_ppb = offer.error_ppb;
    candidate.tag = offer.worker;
    for (uint32_t n : offer.nodes) {
      if (n >= problem.nodes.size()) wrong("an offer for a node that there is not");
      if (sketch.workers[offer.worker].memory_bytes) candidate.memory_bytes += sketch.constant_bytes[n];
    }
    problem.candidates.push_back(std::move(candidate));
  }
}

// After those, in the same way. Each holds the node's constants whole, as if either had them all.
void add_pairs(const Sketch& sketch, const std::vector<uint32_t>& place, Problem& problem) {
  for (const Sketch::Pair& pair : sketch.pairs) {
    if (pair.node >= problem.nodes.size() || pair.worker >= place.size() || pair.helper >= place.size())
      wrong("a pair of workers, or a node for it, that there is not");
    Candidate candidate;
    candidate.nodes = {pair.node};
    candidate.input_place = candidate.output_place = place[pair.worker];
    candidate.helper = static_cast<int32_t>(problem.places[place[pair.helper]].device);
    candidate.cost_ns = pair.cost_ns;
    candidate.provenance = pair.source;
    candidate.tag = pair.worker;
    if (sketch.workers[pair.worker].memory_bytes) candidate.memory_bytes = sketch.constant_bytes[pair.node];
    if (sketch.workers[pair.helper].memory_bytes) candidate.helper_bytes = sketch.constant_bytes[pair.node];
    problem.candidates.push_back(std::move(candidate));
  }
}

Query query_of(const Sketch& sketch) {
  Query query;
  std::vector<uint32_t> place;  // per worker
  add_workers(sketch, query, place);
  add_nodes(sketch, query.problem);
  const std::vector<int32_t> number = add_candidates(sketch, place, query.problem);
  const size_t singles = query.problem.candidates.size();
  add_offers(sketch, place, query.problem);
  add_pairs(sketch, place, query.problem);
  query.problem.error_budget_ppb = sketch.error_budget_ppb;
  query.aim = sketch.aim;
  query.deadline_ns = sketch.deadline_ns;
  query.keep_incumbent = sketch.keep_incumbent;
  for (size_t n = 0; n < sketch.incumbent.size(); ++n) {
    const auto worker = static_cast<size_t>(sketch.incumbent[n]);
    if (n < sketch.incumbent_offer.size() && sketch.incumbent_offer[n] >= 0) {
      query.incumbent.push_back(static_cast<uint32_t>(singles) + static_cast<uint32_t>(sketch.incumbent_offer[n]));
      continue;
    }
    const size_t at = n * sketch.workers.size() + worker;
    if (worker >= sketch.workers.size() || at >= number.size() || number[at] < 0)
      wrong("an incumbent that does not run");
    query.incumbent.push_back(static_cast<uint32_t>(number[at]));
  }
  return query;
}

}  // namespace

Answer answer(const Sketch& sketch) {
  const Query query = query_of(sketch);
  const Choice choice = choose(query);
  Answer answer;
  answer.kind = choice.kind;
  answer.run_ns = choice.run_ns;
  answer.cost = choice.cost;
  answer.bound = choice.bound;
  answer.rival = choice.rival_cost;
  answer.side_by_side = choice.side_by_side;
  answer.late = choice.late;
  answer.error_ppb = choice.error_ppb;
  answer.unbudgeted = choice.unbudgeted;
  answer.doubt = choice.doubt;
  const auto pairs = static_cast<int32_t>(query.problem.candidates.size() - sketch.pairs.size());
  const auto singles = pairs - static_cast<int32_t>(sketch.offers.size());
  const auto offer = [&](int32_t c) { return c < singles || c >= pairs ? -1 : c - singles; };
  const auto worker = [&](size_t c) { return static_cast<int32_t>(query.problem.candidates[c].tag); };
  for (size_t n = 0; n < choice.candidates.size(); ++n) {
    const RunnerUp& second = choice.runners_up[n];
    answer.worker.push_back(worker(choice.candidates[n]));
    answer.runner_up.push_back(second.candidate < 0 ? -1 : worker(static_cast<size_t>(second.candidate)));
    answer.more.push_back(second.more);
    const auto own = static_cast<int32_t>(choice.candidates[n]);
    answer.offer.push_back(offer(own));
    answer.pair.push_back(own < pairs ? -1 : own - pairs);
    answer.runner_up_offer.push_back(offer(second.candidate));
    answer.left_out.push_back(offer(second.left_out));
    answer.left_out_more.push_back(second.left_out_more);
  }
  return answer;
}

}  // namespace motley::place
