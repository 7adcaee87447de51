// motley table, and --table.
#include "program.hpp"

namespace motley::test {

namespace {

const std::string kTable = MOTLEY_SOURCE_DIR "/schema/valid/dispatch_table/everything.json";

// What `motley explain --table` says of the digits network's nodes, by node.
std::map<std::string, nlohmann::json> nodes_with(const std::string& table) {
  const Outcome outcome = motley({"explain", digits_onnx(), "--devices", "cpu", "--no-fallback", "--table", table, "--json"});
  EXPECT_TRUE(succeeds(outcome));
  std::map<std::string, nlohmann::json> nodes;
  const nlohmann::json all = outcome.json();
  for (const auto& node : all["nodes"]) nodes[node["node"]] = node;
  return nodes;
}

std::string t4_results() {
  return R"({"schema_version": "1.0.0", "metadata": {"timeunit": "miliseconds"}, "results": [
    {"configuration": {"mc": 96, "kc": 256}, "invalidity": "correct", "times": {"runtimes": [9, 2.0, 2.01, 1.99]}, "measurements": []},
    {"configuration": {"mc": 48, "kc": 256}, "invalidity": "correct", "times": {"runtimes": [9, 1.0, 1.01, 0.99]}, "measurements": []},
    {"configuration": {"mc": 384, "kc": 256}, "invalidity": "timeout", "times": {}, "measurements": []}]})";
}

}  // namespace

TEST(Table, ValidateSaysWhatIsWrong) {
  const Outcome good =
      motley({"table", "validate", kTable, MOTLEY_SOURCE_DIR "/schema/valid/dispatch_table/empty.json"});
  ASSERT_TRUE(succeeds(good));
  EXPECT_NE(good.out.find("2 devices, 6 kernels, 2 transfers, 1 plans\n"), std::string::npos) << good.out;
  const Outcome other =
      motley({"table", "validate", MOTLEY_SOURCE_DIR "/schema/valid/dispatch_table/other_order.json"});
  EXPECT_NE(other.out.find("not in canonical form"), std::string::npos) << other.out;
  EXPECT_TRUE(fails_with(
      motley({"table", "validate", MOTLEY_SOURCE_DIR "/schema/invalid/dispatch_table/two_keys.json"}), "twice (runs)"));
  EXPECT_TRUE(fails_with(motley({"table", "validate", "/no/such/table.json"}), "/no/such/table.json"));
  const Outcome all = motley({"table", "validate", "/no/such/table.json", kTable, MOTLEY_SOURCE_DIR "/README.md"});
  EXPECT_EQ(all.code, 1);
  EXPECT_NE(all.out.find("2 devices, 6 kernels"), std::string::npos)
      << "one that is good is said to be, whatever others are";
  for (const char* file : {"/no/such/table.json", "README.md"})
    EXPECT_NE(all.err.find(file), std::string::npos) << all.err;
}

TEST(Table, LongValuesAreCutInMessages) {
  const Scratch scratch;
  write_text(scratch / "long.json", "{\"schema\": \"" + std::string(100000, 'm') + "\",\n \"sha256\": \"\"\n}");
  const Outcome outcome = motley({"table", "validate", scratch / "long.json"});
  EXPECT_TRUE(fails_with(outcome, "mmm…"));
  EXPECT_LT(outcome.err.size(), 1000u);
}

TEST(Table, ShowPrintsTheChoices) {
  const Outcome text = motley({"table", "show", kTable});
  ASSERT_TRUE(succeeds(text));
  for (const char* word : {"algorithm=winograd", "0.640", "(default)", "vulkan-86dc6baa1360", "12.0 us", "10.5"})
    EXPECT_NE(text.out.find(word), std::string::npos) << word << "\n" << text.out;
  const Outcome json = motley({"table", "show", kTable, "--json"});
  ASSERT_TRUE(succeeds(json));
  EXPECT_EQ(json.json()["decisions"].size(), 3u);
}

TEST(Table, MergeAndDiff) {
  const Scratch scratch;
  const std::string merged = scratch / "merged.json";
  ASSERT_TRUE(succeeds(motley(
      {"table", "merge", kTable, MOTLEY_SOURCE_DIR "/schema/valid/dispatch_table/empty.json", kTable, "-o", merged})));
  EXPECT_EQ(read_file(merged), read_file(kTable));
  const Outcome same = motley({"table", "diff", kTable, merged});
  ASSERT_TRUE(succeeds(same));
  EXPECT_EQ(same.out, "the tables say the same\n");
  const Outcome gone =
      motley({"table", "diff", kTable, MOTLEY_SOURCE_DIR "/schema/valid/dispatch_table/empty.json", "--json"});
  ASSERT_TRUE(succeeds(gone));
  EXPECT_EQ(gone.json().size(), 8u) << "2 devices, 3 problems, 2 transfers, 1 plan";
  const Outcome refused =
      motley({"table", "merge", kTable, MOTLEY_SOURCE_DIR "/schema/invalid/dispatch_table/wrong_hash.json", "-o",
              scratch / "x.json"});
  EXPECT_TRUE(fails_with(refused, "wrong_hash.json"));
  EXPECT_EQ(scratch.file_count(), 1u);
}

// Results of another tuner become a table that a network then uses.
TEST(Table, ImportLookUpAndExport) {
  const Scratch scratch;
  const std::string problem = [] {
    for (const auto& [name, node] : nodes_with(kTable))
      if (node["problem_key"].get<std::string>().starts_with("conv ")) return node["problem_key"].get<std::string>();
    return std::string();
  }();
  ASSERT_NE(problem, "");
  write_text(scratch / "t4.json", t4_results());
  const std::string table = scratch / "t.json";
  const Outcome imported = motley({"table", "import-t4", scratch / "t4.json", "--problem", problem, "--default",
                                   "mc=96,kc=256", "--device", "cpu", "-o", table});
  ASSERT_TRUE(succeeds(imported));
  EXPECT_NE(imported.out.find("2 configs; 1 that failed"), std::string::npos) << imported.out;

  const Outcome asked = motley({"table", "lookup", table, "--problem", problem, "--json"});
  ASSERT_TRUE(succeeds(asked));
  bool found = false;
  for (const auto& answer : asked.json())
    if (answer["device"] == "cpu")
      found = answer["source"] == "exact" && answer["config"] == "kc=256,mc=48" && answer["median_ns"] == 1000000;
  EXPECT_TRUE(found) << asked.out;

  const Outcome of_model = motley({"table", "lookup", table, digits_onnx(), "--devices", "cpu"});
  ASSERT_TRUE(succeeds(of_model));
  EXPECT_NE(of_model.out.find("kc=256,mc=48"), std::string::npos) << of_model.out;
  EXPECT_NE(of_model.out.find("1 exact"), std::string::npos) << of_model.out;
  size_t exact = 0;
  for (const auto& [name, node] : nodes_with(table)) {
    if (node["config_source"] != "exact") continue;
    ++exact;
    EXPECT_EQ(node["estimate_ns"], 1000000);
  }
  EXPECT_EQ(exact, 1u);
  ASSERT_TRUE(succeeds(motley({"run", digits_onnx(), digit_picture("3_0.png"), "--table", table})));

  ASSERT_TRUE(succeeds(motley(
      {"table", "export-t4", table, "--problem", problem, "--default", "mc=96,kc=256", "-o", scratch / "back.json"})));
  const std::vector<char> back = read_file(scratch / "back.json");
  EXPECT_EQ(nlohmann::json::parse(back)["results"].size(), 2u);
}

TEST(Table, WrongArgumentsAndFiles) {
  EXPECT_EQ(motley({"table"}).code, 2);
  EXPECT_EQ(motley({"table", "polish"}).code, 2);
  EXPECT_EQ(motley({"table", "merge", kTable}).code, 2) << "no -o";
  EXPECT_EQ(motley({"table", "diff", kTable}).code, 2);
  EXPECT_TRUE(fails_with(motley({"table", "lookup", kTable}), "--problem"));
  EXPECT_TRUE(fails_with(motley({"explain", digits_onnx(), "--table", digits_onnx()}), "digits.onnx"));
  EXPECT_TRUE(fails_with(motley({"table", "export-t4", kTable, "--problem", "none", "-o", "/tmp/none"}), "none"));
  EXPECT_TRUE(fails_with(motley({"table", "export-t4", kTable, "--problem",
                                 "matmul f32 b=1 m=1 n=1000 k=512 b=constant", "-o", "/tmp/none"}),
                         "--default"));
  EXPECT_TRUE(
      fails_with(motley({"table", "export-t4", kTable, "--problem", "p", "--device", "moon", "-o", "/tmp/none"}),
                 "on the device \"moon\""));
  const Scratch scratch;
  write_text(scratch / "t4.json", t4_results());
  EXPECT_TRUE(fails_with(motley({"table", "import-t4", scratch / "t4.json", "--problem", "p", "--default",
                                 "mc=96,kc=256", "-o", scratch / "none.json"}),
                         "--device"));
  EXPECT_NE(motley({"table", "--help"}).out.find("Example: motley table "), std::string::npos);
  for (const char* command : {"validate", "show", "diff", "merge", "lookup", "import-t4", "export-t4"}) {
    const Outcome help = motley({"table", command, "--help"});
    ASSERT_TRUE(succeeds(help));
    EXPECT_NE(help.out.find("Example: motley table "), std::string::npos) << help.out;
  }
}

}  // namespace motley::test
