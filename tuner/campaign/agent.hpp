// The worker's side of a tuning: what a worker process does when it is asked.
#pragma once

#include <functional>

#include "motley/motley.hpp"
#include "plugin/registry.hpp"

namespace motley::tuner {

struct AgentOptions {
  RuntimeOptions runtime;
  uint32_t threads = 0;  // 0: all
  std::function<Model(const std::filesystem::path& path)> open_model;
};

// Answers requests until the tuner is gone. Beside those of Supervisor, each with "do":
//   open      {"file", "answers", "device", "precision"} → {"checked": whether the reference could run it}
//             the problem that "check" and "run" are about from now on; precision: a number of DataType, 0: its own
//   edges     {"devices"} → {"edges": [{"from", "to", "kind"}]}; "host" is the host
//   move      {"from", "to", "kind", "bytes"} → {"ns"}
//   fence     {"device"} → {"ns"}
//   plan      {"model", "shapes", "devices", "to"} → {"whole", "stages"}
//             to: how files begin that it writes; stages: a list of {"file", "hash", "optimize"}
//   later     as plan → {"stages", "ended_by"}: what a run on made-up inputs plans after that
//   compile   {"model", "shapes", "optimize", "devices", "fallback", "error_budget", "split", "table"}
//             → {"plan": its number, "nodes", "transfers", "cuts", "decided_by", "error", "bound_ns"}
//   run_plan  {"plan", "warm", "runs"} → {"ns": a list}; "warm": how many more runs go before
void serve_agent(const AgentOptions& options);

}  // namespace motley::tuner
