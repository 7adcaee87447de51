// Gathers a report's facts.
#include "report/facts.hpp"

#include <map>

#include "base/file.hpp"
#include "base/text.hpp"
#include "journal/record.hpp"
#include "report/comparison.hpp"
#include "report/devices.hpp"
#include "report/planned.hpp"
#include "report/problems.hpp"
#include "table/merge.hpp"
#include "table/text.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

json input_facts(const ReportTable& table) {
  const json& d = table.document;
  return {{"path", table.path},
          {"kind", "table"},
          {"tool", d.at("tool")},
          {"rows", d.at("kernels").size()},
          {"transfers", d.at("transfers").size()},
          {"plans", d.at("plans").size()},
          {"sha256", d.value("sha256", "")}};
}

json input_facts(const ReportJournal& journal) {
  return {{"path", journal.path},
          {"kind", "journal"},
          {"trials", journal.file.trials.size()},
          {"notes", journal.file.notes.size()},
          {"damaged", journal.file.damaged}};
}

json merged(const std::vector<ReportTable>& tables) {
  std::vector<json> documents;
  for (const ReportTable& table : tables) documents.push_back(table.document);
  return merge_tables(documents);
}

// The table that a journal's notes amount to, for journals without one.
json table_of_notes(const ReportInputs& inputs) {
  json document = empty_document("journal");
  std::map<std::string, json> latest;  // what a later note replaces
  for (const ReportJournal& journal : inputs.journals)
    for (const json& note : journal.file.notes) {
      const auto kind = note.value("kind", "");
      if (kind == "device") latest[kind + note.at("row").at("id").dump()] = note;
      if (kind == "kernel") latest[kind + note.at("device").dump() + note.at("problem").dump()] = note;
      if (kind == "transfer")
        latest[kind + note.at("row").at("from").dump() + note.at("row").at("to").dump() +
               note.at("row").at("kind").dump()] = note;
      if (kind == "plan")
        latest[kind + note.at("row").at("graph_hash").dump() + note.at("row").at("devices").dump() +
               (note.at("row").value("error", 0.0) > 0 ? "with an error" : "") +
               (note.at("row").contains("cuts") ? "with cuts" : "")] = note;
    }
  for (const auto& [name, note] : latest) {
    const auto kind = note.at("kind").get<std::string>();
    if (kind == "kernel")
      for (const json& row : note.at("rows")) document["kernels"].push_back(row);
    else document[kind + "s"].push_back(note.at("row"));
  }
  // As strict as with a file.
  return table::parse_document(table_text(canonical(document)), "what the journal notes");
}

// One document of all rows; null where the notes are not fit for one, which is a warning.
json all_rows(const ReportInputs& inputs, json& warnings) {
  if (!inputs.tables.empty()) return merged(inputs.tables);
  try {
    return table_of_notes(inputs);
  } catch (const std::exception& error) {
    warnings.push_back(base::text("the journal's notes are no table: %", {error.what()}));
    return nullptr;
  }
}

json left_out(const ReportInputs& inputs) {
  std::map<std::string, json> latest;
  for (const ReportJournal& journal : inputs.journals)
    for (const json& note : journal.file.notes) {
      const auto text = [&](const char* name) {
        const auto at = note.find(name);
        return at != note.end() && at->is_string() ? at->get<std::string>() : std::string();
      };
      const std::string kind = text("kind"), problem = text("problem"), device = text("device");
      if (kind == "left_out")
        latest[device + "\n" + problem] = {{"problem", problem}, {"device", device}, {"reason", text("reason")}};
      if (kind == "kernel") latest.erase(device + "\n" + problem);
    }
  json list = json::array();
  for (auto& [name, facts] : latest) list.push_back(std::move(facts));
  return list;
}

std::string many(size_t count, const char* what) { return base::text("% %%", {count, what, count == 1 ? "" : "s"}); }

void warn_of_session(const json& session, json& warnings) {
  for (const json& lost : session.at("lost"))
    warnings.push_back(base::text("the device % is no longer used: %",
                                  {lost["device"].get<std::string>(), lost["reason"].get<std::string>()}));
  const json& table = session.at("table");
  if (!table.is_object()) return;
  if (const auto problem = table["problem"].get<std::string>(); !problem.empty())
    warnings.push_back(base::text("the table is not used: %", {problem}));
  if (const auto refused = table["refused"].get<size_t>(); refused > 0)
    warnings.push_back(base::text("% of the table refused by the devices here", {many(refused, "config")}));
  if (const auto missed = table["lookups"].value("none", size_t{0}); missed > 0)
    warnings.push_back(base::text("% of the model not in the table", {many(missed, "node")}));
}

// Rows that count for less than they could on this machine, and what that says of each device.
void warn_of_unused(const ReportInputs& inputs, json& facts) {
  if (inputs.tables.empty() || (!inputs.session && !inputs.unused)) return;
  const auto& unused = inputs.session ? inputs.session->explanation.table.unused : *inputs.unused;
  for (json& device : facts["devices"]) device["here"] = "as measured";
  for (const TableUse::Unused& u : unused) {
    facts["warnings"].push_back(
        base::text("% of % not used as measured here: %", {many(u.rows, "row"), u.device, u.reason}));
    for (json& device : facts["devices"])
      if (device["id"] == u.device) device["here"] = u.reason;
  }
}

void warn_of_inputs(const ReportInputs& inputs, const json& problems, json& warnings) {
  for (const ReportJournal& journal : inputs.journals)
    if (journal.file.damaged)
      warnings.push_back(base::text("the journal \"%\" has % that cannot be read, skipped",
                                    {journal.path, many(journal.file.damaged, "line")}));
  size_t failed = 0, interrupted = 0;
  for (const json& problem : problems)
    for (const json& config : problem["configs"]) {
      failed += config["ending"] != "measured";
      interrupted += config["ending"] == "interrupted";
    }
  if (failed) warnings.push_back(base::text("% failed, see Failures", {many(failed, "config")}));
  if (interrupted) warnings.push_back(base::text("% begun and never finished", {many(interrupted, "config")}));
}

json notes_of(const ReportInputs& inputs) {
  json notes = json::array();
  for (const ReportJournal& journal : inputs.journals)
    for (json note : journal.file.notes) {
      note.erase("crc32c");
      notes.push_back(std::move(note));
    }
  return notes;
}

// How many rows and trials each device has.
void count_by_device(json& facts, const json& kernels) {
  std::map<std::string, size_t> rows, trials;
  for (const json& row : kernels) ++rows[row.at("device").get<std::string>()];
  for (const json& problem : facts["problems"])
    trials[problem["device"].get<std::string>()] += problem["trials"].get<size_t>();
  for (json& device : facts["devices"]) {
    const auto id = device["id"].get<std::string>();
    device["rows"] = rows[id];
    device["trials"] = trials[id];
  }
}

// Problems and devices of rows and trials, and the rows that need no joining.
void add_rows(const json& document, const std::vector<ReportJournal>& journals, json& facts) {
  ReportDevices devices;
  ReportProblems problems;
  if (document.is_object()) {
    devices.add_table(document);
    problems.add_table(document);
    facts["transfers"] = document["transfers"];
    facts["plans"] = document["plans"];
  }
  for (const ReportJournal& journal : journals) problems.add_journal(journal.file, devices);
  facts["problems"] = problems.facts();
  facts["devices"] = devices.facts();
  count_by_device(facts, document.is_object() ? document["kernels"] : json::array());
}

json compare(const ReportInputs& inputs, const json& document) {
  if (inputs.tables.empty())
    base::fail(ErrorCode::invalid_argument, "there is no table to compare with \"%\": name one among the inputs",
               {inputs.compare->path});
  json facts = comparison_facts(inputs.compare->document, document);
  facts["before"] = inputs.compare->path;
  facts["after"] = inputs.tables.front().path;
  return facts;
}

}  // namespace

void read_report_input(const std::filesystem::path& path, ReportInputs& inputs) {
  std::string first(kMaxRecordBytes, '\0');
  const std::string what = base::text("the file \"%\"", {path.string()});
  first.resize(base::read_at(base::open_for_reading(path).get(), 0, first.data(), first.size(), what));
  if (looks_like_journal(first)) inputs.journals.push_back({path.string(), read_journal(path)});
  else inputs.tables.push_back({path.string(), table::read_document(path)});
}

json report_facts(const ReportInputs& inputs) {
  json facts = {{"schema", "motley.report/1"}, {"tool", inputs.tool},       {"date", inputs.date},
                {"inputs", json::array()},     {"warnings", json::array()}, {"transfers", json::array()},
                {"plans", json::array()}};
  for (const ReportTable& table : inputs.tables) facts["inputs"].push_back(input_facts(table));
  for (const ReportJournal& journal : inputs.journals) facts["inputs"].push_back(input_facts(journal));
  const json document = all_rows(inputs, facts["warnings"]);
  add_rows(document, inputs.journals, facts);
  facts["notes"] = notes_of(inputs);
  facts["left_out"] = left_out(inputs);
  warn_of_inputs(inputs, facts["problems"], facts["warnings"]);
  warn_of_unused(inputs, facts);
  if (inputs.session) {
    facts["session"] = session_facts(*inputs.session);
    warn_of_session(facts["session"], facts["warnings"]);
  } else {
    std::vector<json> notes = facts["notes"];
    if (auto planned = planned_facts(notes)) facts["session"] = std::move(*planned);
  }
  if (inputs.compare) facts["comparison"] = compare(inputs, document);
  return facts;
}

}  // namespace motley::tuner
