// Solving workloads.
#include "answers.hpp"

#include <chrono>
#include <stdexcept>

namespace placement_bench {

namespace {

std::vector<uint32_t> per_node(const std::vector<uint32_t>& block, const std::vector<uint32_t>& device) {
  std::vector<uint32_t> result(block.size());
  for (size_t n = 0; n < result.size(); ++n) result[n] = device[block[n]];
  return result;
}

double load_of(const Workload& w, const std::vector<uint32_t>& block, const motley::place::Stages& stages,
               bool contiguous) {
  std::string why;
  const double ms = load_ms(w, per_node(block, stages.device), contiguous, why);
  if (ms < 0) throw std::runtime_error("the split breaks a rule: " + why);
  return ms;
}

double since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

Pipelines solve_throughput(const Workload& w, uint64_t moves) {
  auto begin = std::chrono::steady_clock::now();
  const std::vector<uint32_t> block = blocks_of(w);
  const motley::place::StageProblem problem = stage_problem(w, block);
  const motley::place::Stages stages = split_contiguous(problem);
  Pipelines result;
  result.contiguous = {load_of(w, block, stages, true), double(stages.bound_ns) / kPicoseconds, since(begin)};
  begin = std::chrono::steady_clock::now();
  const motley::place::Stages freely = moves ? split_freely(problem, stages, moves) : split_freely(problem, stages);
  result.free = {load_of(w, block, freely, false), double(freely.bound_ns) / kPicoseconds, since(begin)};
  return result;
}

Answer solve_latency(const Workload& w, uint64_t moves) {
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<uint32_t> block = blocks_of(w);
  motley::place::CallOptions options;
  options.moves = moves;
  const motley::place::Calls calls = plan_calls(call_problem(w, block), options);
  std::string why;
  const double ms = latency_ms(w, per_node(block, calls.device), why);
  if (ms < 0) throw std::runtime_error("the calls break a rule: " + why);
  return {ms, double(calls.bound_ns) / kPicoseconds, since(begin)};
}

}  // namespace placement_bench
