// The dispatch table of a session.
#include "run/tables.hpp"

#include "base/environment.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "table/reader.hpp"

namespace motley::detail {

namespace {

std::filesystem::path table_path(const SessionState& session) {
  if (!session.options.table.empty()) return session.options.table;
  if (!session.runtime->table.empty()) return session.runtime->table;
  const char* named = base::environment("MOTLEY_TABLE");
  return named ? named : "";
}

// Rows of devices that are not here are no reason for a warning: merged tables are full of them.
void report(const table::Unused& u, const TableUse& use) {
  if (u.rows == 0) return;
  base::log(u.stale ? base::LogLevel::warning : base::LogLevel::info, "table",
            base::text("% of % rows of \"%\" (device %) were %%",
                       {u.rows, use.rows, use.path.string(), u.device, u.reason, (u.stale ? "; tune again" : "")}));
}

}  // namespace

void use_table(SessionState& session) {
  TableUse use;
  use.path = table_path(session);
  if (use.path.empty()) return;
  try {
    auto advisor = std::make_shared<const table::Advisor>(table::load_reader(), table::load_table(use.path),
                                                          session.request.devices);
    use.rows = advisor->table().kernels.size();
    for (const table::Unused& u : advisor->unused()) {
      use.unused.push_back({u.device, u.reason, u.rows});
      report(u, use);
    }
    session.request.advisor = std::move(advisor);
  } catch (const Error& error) {
    if (session.options.bad_table == BadTable::fail) throw;
    use.problem = error.what();
    base::log(base::LogLevel::warning, "table", base::text("not used: %", {use.problem}));
  }
  session.table_use = std::move(use);
}

void explain_choice(const plan::Segment& segment, uint32_t node, Placement& row, TableUse& use) {
  for (const table::NodeChoice& choice : segment.choices) {
    if (choice.node != node) continue;
    const table::Answer& answer = choice.answer;
    row.problem_key = choice.problem;
    row.config = answer.config;
    row.config_source = table::to_string(answer.source);
    if (answer.source == table::Source::candidate) return;
    ++use.lookups[row.config_source];
    use.refused += answer.refused;
    const std::string config = answer.config.empty() ? "default" : answer.config;
    if (answer.source == table::Source::none) row.reason += "; not in the table";
    else if (answer.from.empty()) row.reason += base::text("; table: % (%)", {config, row.config_source});
    else row.reason += base::text("; table: % (%: %)", {config, row.config_source, answer.from});
  }
}

}  // namespace motley::detail
