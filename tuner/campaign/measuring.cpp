// One problem on its device's worker, and the table's row of what came of it.
#include "campaign/measuring.hpp"

#include "base/sha256.hpp"
#include "base/text.hpp"
#include "table/rows.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

// Files of a problem are the same for all devices that run it, and for its candidates of other precision.
json opening(const Desk& desk, const Problem& problem) {
  const std::string name = base::sha256_hex(problem.key.data(), problem.key.size()).substr(0, 24);
  const auto file = desk.options.work / (name + ".motley"), answers = desk.options.work / (name + ".answers");
  if (!std::filesystem::exists(file)) save_problem(problem.graph, file);
  return {{"do", "open"},
          {"file", file.string()},
          {"answers", answers.string()},
          {"device", device_of(desk, problem).device->name()},
          {"precision", static_cast<int>(problem.precision)}};
}

}  // namespace

const TunedDevice& device_of(const Desk& desk, const Problem& problem) { return desk.devices[problem.device]; }

Supervisor supervisor_for(const Desk& desk, const Problem& problem, std::function<std::string(size_t)> text) {
  return {desk.workers[problem.device],          opening(desk, problem), desk.journal,
          device_of(desk, problem).journal_name, problem.name(),         std::move(text)};
}

json row_for(const Desk& desk, const Problem& problem, const Measured& measured, const std::string& config,
             Rigor rigor) {
  ObservedConfig observed;
  observed.problem = problem.key;
  observed.device = device_of(desk, problem).id();
  observed.config = config;
  observed.candidate = problem.candidate;
  observed.median_ns = measured.median_ns;
  observed.mad_ns = measured.mad_ns;
  observed.runs = measured.runs;
  observed.log_ratio = measured.log_ratio_to_default;
  observed.max_abs = measured.error.max_abs;
  observed.max_rel = measured.error.max_rel;
  observed.rigor = to_string(rigor);
  return kernel_row(observed);
}

void leave_out(Desk& desk, const Problem& problem, const std::string& reason) {
  const TunedDevice& device = device_of(desk, problem);
  ++desk.result.left_out;
  desk.ledger.leave_out(problem, device.id(), reason);
  desk.say(base::text("left out: % on % (%)", {problem.name(), device.device->name(), reason}));
}

}  // namespace motley::tuner
