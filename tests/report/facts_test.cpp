// A report's facts, from tables, journals and a traced session.
#include "report/facts.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>

#include "report/page.hpp"
#include "samples.hpp"
#include "table/text.hpp"
#include "temporary_folder.hpp"

namespace motley::tuner {
namespace {

using nlohmann::json;

const json& find(const json& list, const char* member, const std::string& value) {
  const auto at = std::find_if(list.begin(), list.end(), [&](const json& row) { return row.at(member) == value; });
  if (at == list.end()) throw std::runtime_error("no " + value);
  return *at;
}

struct Files {
  TemporaryFolder folder;
  ReportInputs inputs;
  void add_table(const json& document, const std::string& name = "table.json") {
    publish_table(document, folder / name);
    read_report_input(folder / name, inputs);
  }
  void add_journal() {
    write_sample_journal(folder / "journal");
    read_report_input(folder / "journal", inputs);
  }
};

TEST(Facts, OfAnEmptyTable) {
  Files files;
  files.add_table(empty_document("nobody"));
  const json facts = report_facts(files.inputs);
  EXPECT_EQ(facts["inputs"].size(), 1u);
  EXPECT_EQ(facts["inputs"][0]["kind"], "table");
  EXPECT_EQ(facts["inputs"][0]["rows"], 0);
  for (const char* list : {"devices", "problems", "transfers", "plans", "warnings", "notes"})
    EXPECT_TRUE(facts[list].empty()) << list;
  EXPECT_FALSE(facts.contains("session"));
}

TEST(Facts, OfATable) {
  Files files;
  files.add_table(sample_table(5));
  const json facts = report_facts(files.inputs);
  ASSERT_EQ(facts["problems"].size(), 5u);
  ASSERT_EQ(facts["devices"].size(), 1u);
  EXPECT_EQ(facts["devices"][0]["rows"], 10);
  EXPECT_EQ(facts["devices"][0]["fingerprint"]["hw"]["cpu"], "Sample <b>CPU</b>");
  for (const json& problem : facts["problems"]) {
    EXPECT_EQ(problem["choice_is_default"], problem["ratio"] == 1);
    EXPECT_FALSE(problem["choice_is_default"]);
    EXPECT_NEAR(problem["choice_ns"].get<double>() / problem["default_ns"].get<double>(),
                problem["ratio"].get<double>(), 1e-3);
    EXPECT_TRUE(find(problem["configs"], "config", "")["default"]);
    EXPECT_TRUE(find(problem["configs"], "config", problem["choice"])["choice"]);
  }
}

TEST(Facts, RowsThatDoNotCountHere) {
  Files files;
  files.add_table(sample_table(2));
  EXPECT_FALSE(report_facts(files.inputs)["devices"][0].contains("here")) << "nobody looked";
  files.inputs.unused.emplace();
  EXPECT_EQ(report_facts(files.inputs)["devices"][0]["here"], "as measured");
  const std::string id = report_facts(files.inputs)["devices"][0]["id"];
  files.inputs.unused->push_back({id, "measured with another driver", 4});
  const json facts = report_facts(files.inputs);
  EXPECT_EQ(facts["devices"][0]["here"], "measured with another driver");
  EXPECT_EQ(facts["warnings"],
            json::array({"4 rows of " + id + " not used as measured here: measured with another driver"}));
}

TEST(Facts, OfAJournalWithFailures) {
  Files files;
  files.add_journal();
  const json facts = report_facts(files.inputs);
  ASSERT_EQ(facts["problems"].size(), 2u);
  const json& problem = find(facts["problems"], "problem", std::string("conv ") + kHostile);
  EXPECT_EQ(problem["configs"].size(), 61u);
  EXPECT_EQ(problem["failed"], 5);
  std::map<std::string, size_t> endings;
  for (const json& config : problem["configs"]) {
    ++endings[config["ending"]];
    if (config["ending"] == "measured") continue;
    EXPECT_FALSE(config["reason"].get<std::string>().empty());
    EXPECT_FALSE(config.contains("ns")) << "what failed has no time";
    EXPECT_FALSE(config.contains("choice"));
  }
  EXPECT_EQ(endings,
            (std::map<std::string, size_t>{
                {"measured", 56}, {"wrong", 1}, {"crashed", 1}, {"hung", 1}, {"invalid", 1}, {"interrupted", 1}}));
  const json& standard = find(problem["configs"], "config", "kc=256,mc=96,nc=384");
  EXPECT_TRUE(standard["default"]);
  EXPECT_EQ(standard["order"], 1);
  // Nobody timed the default by itself; the others' times and ratios tell.
  EXPECT_NEAR(problem["default_ns"].get<double>(), 480000, 480000 * 0.02);
  EXPECT_TRUE(problem["choice"].get<std::string>().starts_with("kc=512,mc=144,")) << problem["choice"];
  EXPECT_EQ(problem["importance"][0]["parameter"], "kc");
  EXPECT_GT(problem["importance"][0]["share"], 0.8);
  EXPECT_EQ(facts["left_out"].size(), 1u);
  EXPECT_GE(facts["warnings"].size(), 2u);
}

TEST(Facts, CurveOnlyFalls) {
  Files files;
  files.add_journal();
  const json facts = report_facts(files.inputs);
  for (const json& problem : facts["problems"]) {
    const json& curve = problem["curve"];
    ASSERT_GT(curve.size(), 2u);
    for (size_t i = 1; i < curve.size(); ++i) {
      EXPECT_GT(curve[i][0], curve[i - 1][0]);
      EXPECT_LT(curve[i][1], curve[i - 1][1]);
    }
    EXPECT_EQ(curve[0][0], 1) << "it begins with the default";
    EXPECT_LE(curve.back()[0], problem["trials"]);
  }
}

TEST(Facts, TableAndJournalMeetByDeviceAndProblem) {
  Files files;
  files.add_table(sample_table(3));
  files.add_journal();
  const json facts = report_facts(files.inputs);
  EXPECT_EQ(facts["devices"].size(), 1u);
  EXPECT_EQ(facts["devices"][0]["trials"], 2 * 61);
  ASSERT_EQ(facts["problems"].size(), 4u);
  const json& both = find(facts["problems"], "problem", "matmul f32 b=1 m=16 n=128 k=64");
  EXPECT_EQ(both["configs"].size(), 61u) << "the table's default and chosen config are among those of the journal";
  EXPECT_EQ(both["default_ns"], 20000) << "the table's, measured";
  EXPECT_EQ(both["choice"], "kc=512,mc=144,nc=384") << "the table's choice counts";
}

TEST(Facts, NotesOfTheTunerStandInForATable) {
  Files files;
  const json table = sample_table(1);
  {
    Journal journal(files.folder / "journal");
    journal.note("device", {{"row", table["devices"][0]}});
    for (const int round : {1, 2})
      journal.note("kernel", {{"device", table["devices"][0]["id"]},
                              {"problem", table["kernels"][0]["problem_key"]},
                              {"rows", round == 1 ? json::array({table["kernels"][0]}) : table["kernels"]}});
    journal.note("transfer", {{"row", table["transfers"][0]}});
  }
  read_report_input(files.folder / "journal", files.inputs);
  const json facts = report_facts(files.inputs);
  EXPECT_EQ(facts["warnings"], json::array());
  ASSERT_EQ(facts["problems"].size(), 1u);
  EXPECT_EQ(facts["problems"][0]["configs"].size(), 2u) << "the later note replaces the one before";
  EXPECT_EQ(facts["devices"][0]["plugin"], "cpu");
  EXPECT_EQ(facts["transfers"].size(), 1u);
}

TEST(Facts, StrangeNotesAreAWarning) {
  Files files;
  {
    Journal journal(files.folder / "journal");
    journal.note("kernel", {{"device", 7}, {"rows", "many"}, {"problem", json::array()}});
    journal.note("left_out", {{"device", 7}});
    journal.note("plan", {{"row", 1}});
  }
  read_report_input(files.folder / "journal", files.inputs);
  const json facts = report_facts(files.inputs);
  ASSERT_EQ(facts["warnings"].size(), 1u);
}

TEST(Facts, ComparisonOfTwoTables) {
  Files files;
  files.add_table(sample_table(5));
  files.inputs.compare = ReportTable{"before.json", sample_table(7, 1.5)};
  const json comparison = report_facts(files.inputs)["comparison"];
  EXPECT_EQ(comparison["compared"], 5);
  EXPECT_EQ(comparison["rows"].size(), 7u);
  double logs = 0;
  size_t gone = 0, changed = 0;
  for (const json& row : comparison["rows"]) {
    gone += !row.contains("after");
    if (!row.contains("ratio")) continue;
    changed += row["config_changed"].get<bool>();
    EXPECT_LE(row["ratio"], 1) << "the pace before was slower";
    logs += std::log(row["ratio"].get<double>()) / 5;
  }
  EXPECT_EQ(gone, 2u);
  EXPECT_EQ(changed, 2u);
  EXPECT_NEAR(comparison["geometric_mean"].get<double>(), std::exp(logs), 1e-9);
  EXPECT_LT(comparison["geometric_mean"], 0.99);
}

TEST(Facts, ComparisonNeedsATable) {
  Files files;
  files.add_journal();
  files.inputs.compare = ReportTable{"before.json", sample_table(1)};
  EXPECT_THROW(report_facts(files.inputs), Error);
}

TEST(Facts, InputsThatAreNeither) {
  Files files;
  std::FILE* file = std::fopen((files.folder / "x").c_str(), "w");
  std::fputs("nothing of that kind\n", file);
  std::fclose(file);
  EXPECT_THROW(read_report_input(files.folder / "x", files.inputs), Error);
  EXPECT_THROW(read_report_input(files.folder / "absent", files.inputs), Error);
  EXPECT_THROW(read_report_input(files.folder / "", files.inputs), Error);
}

TEST(Facts, AJournalWithoutItsHeadIsOneStill) {
  Files files;
  files.add_journal();
  std::ifstream whole(files.folder / "journal");
  std::string head;
  std::getline(whole, head);
  std::ofstream(files.folder / "rest") << whole.rdbuf();
  read_report_input(files.folder / "rest", files.inputs);
  ASSERT_EQ(files.inputs.journals.size(), 2u);
  EXPECT_EQ(files.inputs.journals[1].file.trials.size(), files.inputs.journals[0].file.trials.size());
  EXPECT_EQ(files.inputs.journals[1].file.damaged, 0u);
}

TEST(Facts, PlacementOfAJournalsPlan) {
  Files files;
  files.add_journal();
  const json facts = report_facts(files.inputs)["session"];
  EXPECT_TRUE(facts["planned"]);
  ASSERT_EQ(facts["nodes"].size(), 4u);
  EXPECT_EQ(facts["nodes"][3]["name"], kHostile);
  EXPECT_EQ(facts["nodes"][3]["measured_ns"], 24000);
  EXPECT_EQ(facts["edges"].size(), 3u);
  EXPECT_EQ(facts["critical_path"], json({0, 2, 3}));
  EXPECT_EQ(facts["run_ns"], 760000);
  EXPECT_TRUE(facts["events"].empty());
}

TEST(Facts, OfATracedSession) {
  RuntimeOptions places;
  places.plugin_folders = {MOTLEY_PLUGINS};
  places.standard_places = false;
  places.select = {"cpu", "reference"};
  const Runtime runtime(places);
  CompileOptions options;
  options.devices = {"cpu", "reference"};
  options.pins = {{"far*", "reference"}};
  options.trace = true;
  Session session = runtime.compile(Model::from_module(sample_network(4)), options);
  for (int i = 0; i < 3; ++i) session.run();
  Files files;
  files.add_table(sample_table(1));
  files.inputs.session = TracedSession{"net.motley",           runtime.devices(), session.input_names(),
                                       session.output_names(), session.explain(), session.trace()};
  const json facts = report_facts(files.inputs)["session"];
  ASSERT_GT(facts["nodes"].size(), 8u);
  size_t far = 0, timed = 0, crossing = 0;
  for (const json& node : facts["nodes"]) {
    far += node["device"] == "reference";
    timed += node.contains("measured_ns");
    EXPECT_FALSE(node["outputs"].empty());
    EXPECT_EQ(node["outputs"][0]["shape"], json({1, 16, 32, 32}));
  }
  EXPECT_GT(far, 0u);
  EXPECT_GT(timed, facts["nodes"].size() / 2);
  for (const json& edge : facts["edges"]) {
    ASSERT_LT(edge["from"], edge["to"]);
    crossing +=
        facts["nodes"][edge["from"].get<size_t>()]["device"] != facts["nodes"][edge["to"].get<size_t>()]["device"];
  }
  EXPECT_GT(crossing, 0u);
  EXPECT_EQ(facts["runs"], 3);
  EXPECT_GT(facts["critical_path"].size(), 3u);
  EXPECT_GT(facts["segments"].size(), 1u);
  EXPECT_FALSE(facts.contains("planned")) << "a session counts for more than a journal's notes";
  EXPECT_EQ(facts["cost"]["policy"], "latency");
  // Hostile names went in, and none gets out.
  const std::string text = html_safe_json(facts);
  EXPECT_NE(text.find("onerror"), std::string::npos);
  EXPECT_EQ(text.find('<'), std::string::npos);
  EXPECT_EQ(json::parse(text), facts);
}

}  // namespace
}  // namespace motley::tuner
