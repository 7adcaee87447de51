// All that a report says, as one JSON document; the page (tools/report) shows it and computes nothing of its own but
// how to draw it. The form, "motley.report/1"; a member that is not known is missing, times are nanoseconds:
//
//   tool, date        the program, and when it was written (UTC)
//   inputs            [{path, kind: table|journal, tool, rows, transfers, plans, sha256 | trials, notes, damaged}]
//   warnings          [text]: rows that are not used and why, damaged lines, devices that were lost, …
//   devices           [{id, plugin, fingerprint: {hw, driver, kernels: {key: value}}, rows, trials, here}] as the
//   inputs name
//                     them; `here`: "as measured", or why its rows do not count so on the devices of this machine
//   transfers, plans  the tables' rows as they are
//   problems          [{problem, device, default_ns, choice, choice_is_default, choice_ns, ratio, failed, trials,
//                       configs: [{config, ending, ns, mad_ns, ratio, ratio_high, runs, rigor, reason, strikes, banned,
//                                  order, default, choice}],
//                       curve: [[trial, best ns so far]],
//                       importance: [{parameter, share, values}]}], see importance.hpp
//                     `ending`: measured, invalid, wrong, crashed, hung, failed, interrupted
//   notes             the journals' other records, without checksums ("session", "plan", …); where no table is given,
//                     rows of devices, kernels, transfers and plans are taken from them
//   left_out          [{problem, device, reason}]: problems whose default does not work there
//   session           with a model, or from the notes of a journal (then `planned` is true): {model, devices, inputs,
//   outputs, table, passes, lost, …_bytes, runs, run_ns,
//                       nodes: [{name, op, origins, device, segment, reason, predicted_ns, measured_ns, kernel,
//                                provenance: measured|near|estimated, problem, config, config_source,
//                                inputs, outputs: [{name, type, shape}], refused: [{device, reason}],
//                                runner_up: {device, more}}],
//                       cost: {policy, decided_by, note, unit, cost, bound, rival, predicted_ns, planner_ns,
//                              side_by_side}, as PlanCost
//                       edges: [{from, to, tensor, transfer_ns}], `from` and `to` as indices of nodes
//                       critical_path: [index of a node], by measured times where there are some
//                       segments: [{segment, device, nodes, predicted_ns, without_prediction, measured_ns}],
//                       transfers: [{tensor, from, to, way, bytes, segment, measured_ns}],
//                       events: [{kind, name, device, segment, begin_ns, end_ns, detail, bytes}] of the median run}
//   comparison        with another table: {before, after: path, compared, geometric_mean,
//                       rows: [{problem, device, before, after: {config, ns, observations}, config_changed, ratio}],
//                       others: [{kind, what, name, before, after}]}
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "report/journal_file.hpp"
#include "report/session.hpp"

namespace motley::tuner {

struct ReportTable {
  std::string path;
  nlohmann::json document;  // as table::parse_document returns it
};
struct ReportJournal {
  std::string path;
  JournalFile file;
};

struct ReportInputs {
  std::vector<ReportTable> tables;
  std::vector<ReportJournal> journals;
  std::optional<TracedSession> session;
  // Without a session: the tables' rows that count for no device here as measured; nothing where nobody looked.
  std::optional<std::vector<TableUse::Unused>> unused;
  std::optional<ReportTable> compare;  // the table before; the inputs' tables are the one after
  std::string tool, date;
};

// A table or a journal, told by its first bytes, into `inputs`. Throws what table::read_document and read_journal
// throw.
void read_report_input(const std::filesystem::path& path, ReportInputs& inputs);

// Throws Error(invalid_argument) for a comparison without a table among the inputs.
nlohmann::json report_facts(const ReportInputs& inputs);

}  // namespace motley::tuner
