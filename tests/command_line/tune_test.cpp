// motley tune: from a model to a table that is used, and what a stop, a kill, a fault leave behind.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <random>
#include <set>
#include <thread>

#include "ir_builder.hpp"
#include "json_schema.hpp"
#include "model/model_file.hpp"
#include "program.hpp"

namespace motley::test {

namespace {

using nlohmann::json;

// Alone, so that a machine's GPU drivers play no part.
const std::vector<std::string> kCpu = {"--devices", "cpu"};

std::vector<std::string> tune(const std::string& model, const std::string& table, std::vector<std::string> more) {
  std::vector<std::string> all = {"tune", model, "-o", table};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

json parsed(const std::string& path) {
  const std::vector<char> bytes = read_file(path);
  return json::parse(bytes.begin(), bytes.end());
}

json kernels_of(const std::string& table) { return parsed(table)["kernels"]; }

// What is whole of a journal: all up to the last new line.
std::string whole_lines(const std::string& path) {
  if (!std::filesystem::exists(path)) return {};
  const std::vector<char> bytes = read_file(path);
  const std::string text(bytes.begin(), bytes.end());
  const size_t end = text.rfind('\n');
  return end == std::string::npos ? std::string() : text.substr(0, end + 1);
}

std::vector<json> records(const std::string& path) {
  std::vector<json> all;
  const std::string text = whole_lines(path);
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    all.push_back(json::parse(text.substr(at, end - at)));
    at = end + 1;
  }
  return all;
}

// "" where each record is one of schema/journal.schema.json.
std::string problem_of_journal(const std::string& path) {
  const json schema = parsed(MOTLEY_SOURCE_DIR "/schema/journal.schema.json");
  const JsonSchema journal(schema);
  for (const json& record : records(path))
    if (const std::string problem = journal.problem_of(record); !problem.empty()) return record.dump() + ": " + problem;
  return "";
}

// One relu of 20,000 numbers.
std::string relu_model(const Scratch& scratch) {
  graph::Module module;
  module.producer = "test";
  module.graphs.emplace_back();
  Graph& g = module.main();
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(20000)});
  g.inputs = {x};
  g.outputs = {node(g, "y", Op::Unary, {x}, DataType::float32, unary(schema::UnaryFunction::relu))};
  const std::string path = scratch / "relu.motley";
  model::write_model(module, path);
  return path;
}

// A process that is not waited for.
class Background {
 public:
  explicit Background(const std::vector<std::string>& arguments) {
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
      posix_spawn_file_actions_addopen(&files, descriptor, "/dev/null", O_RDWR, 0);
    std::vector<std::string> all{"motley"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& a : all) argv.push_back(a.data());
    argv.push_back(nullptr);
    const int error = posix_spawn(&pid_, MOTLEY_PROGRAM, &files, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    if (error) throw std::runtime_error("cannot start " MOTLEY_PROGRAM);
  }
  // Its exit code; -1 where a signal ended it.
  int end_with(int signal) const {
    kill(pid_, signal);
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = 0;
};

}  // namespace

TEST(Tune, WritesATableThatKnowsEveryNodeAndIsUsed) {
  const Scratch scratch;
  const std::string table = scratch / "t.json";
  const Outcome tuned = motley(tune(digits_onnx(), table, kCpu));
  ASSERT_TRUE(succeeds(tuned));
  EXPECT_NE(tuned.out.find("0 left out"), std::string::npos) << tuned.out;
  EXPECT_TRUE(succeeds(motley({"table", "validate", table})));
  EXPECT_FALSE(std::filesystem::exists(table + ".journal.work"));
  const json plan = parsed(table)["plans"].at(0);
  EXPECT_GT(plan["expected_ns"], 0);

  const Outcome explained = motley({"explain", digits_onnx(), "--table", table, "--json"});
  ASSERT_TRUE(succeeds(explained));
  const json all = explained.json();
  // What a session takes is what was raced: devices and configs.
  std::map<std::string, std::string> configs;
  for (const json& segment : plan["segments"])
    for (size_t i = 0; i < segment["nodes"].size(); ++i) configs[segment["nodes"][i]] = segment["configs"][i];
  EXPECT_EQ(configs.size(), all["nodes"].size());
  for (const json& node : all["nodes"]) {
    EXPECT_EQ(node["config_source"], "race") << node.dump();
    EXPECT_EQ(node["config"], configs.at(node["node"])) << node.dump();
  }
  EXPECT_EQ(all["plan"]["decided_by"], "race") << all["plan"].dump();
  EXPECT_EQ(all["plan"]["predicted_ns"], plan["expected_ns"]);
  EXPECT_GE(plan["expected_ns"], plan["bound_ns"]);
  // The race is on record: what each plan was predicted to take, and what it took.
  std::set<std::string> raced;
  json note;
  for (const json& record : records(table + ".journal"))
    if (record.value("kind", "") == "plan") note = record;
  ASSERT_FALSE(note.is_null());
  for (const json& candidate : note["candidates"]) {
    raced.insert(candidate["name"]);
    EXPECT_GT(candidate["predicted_ns"], 0) << candidate.dump();
    EXPECT_GE(candidate["runs"], 3) << candidate.dump();
  }
  EXPECT_TRUE(raced.contains("untuned"));
  EXPECT_TRUE(raced.contains(note["winner"]));
  EXPECT_EQ(note["measured_ns"], plan["expected_ns"]);
  EXPECT_EQ(problem_of_journal(table + ".journal"), "");
  EXPECT_GT(note["factors"].begin().value(), 0);

  const std::string picture = digit_picture("3_0.png");
  const Outcome plain = motley({"run", digits_onnx(), picture, "--top", "1", "--devices", "cpu"}),
                with = motley({"run", digits_onnx(), picture, "--top", "1", "--devices", "cpu", "--table", table});
  ASSERT_TRUE(succeeds(with));
  EXPECT_EQ(with.out.substr(0, with.out.find('(')), plain.out.substr(0, plain.out.find('(')));
}

TEST(Tune, GoesOnOnlyWhenTold) {
  const Scratch scratch;
  const std::string table = scratch / "t.json";
  EXPECT_TRUE(fails_with(motley(tune(digits_onnx(), table, {"--devices", "cpu", "--resume"})), "no journal"));
  ASSERT_TRUE(succeeds(motley(tune(digits_onnx(), table, kCpu))));
  EXPECT_TRUE(fails_with(motley(tune(digits_onnx(), table, kCpu)), "--resume"));
  const std::string before = whole_lines(table + ".journal");
  ASSERT_TRUE(succeeds(motley(tune(digits_onnx(), table, {"--devices", "cpu", "--resume"}))));
  EXPECT_TRUE(whole_lines(table + ".journal").starts_with(before));
}

TEST(Tune, EstimateMeasuresNothing) {
  const Scratch scratch;
  const Outcome listed = motley(tune(digits_onnx(), scratch / "t.json", {"--devices", "cpu", "--rigor", "estimate"}));
  ASSERT_TRUE(succeeds(listed));
  EXPECT_NE(listed.out.find("conv f32 n=1 c=1 m=16"), std::string::npos) << listed.out;
  EXPECT_EQ(scratch.file_count(), 0u);
}

TEST(Tune, ShardsAreDisjointAndMakeTheWholeTogether) {
  const Scratch scratch;
  std::set<std::string> seen, of_one;
  for (const char* part : {"1/1", "1/2", "2/2"}) {
    const std::string table = scratch / (std::string(1, part[0]) + part[2] + ".json");
    ASSERT_TRUE(succeeds(motley(tune(digits_onnx(), table, {"--devices", "cpu", "--shard", part}))));
    std::set<std::string> problems;
    for (const json& row : kernels_of(table)) problems.insert(row["problem_key"]);
    if (std::string(part) == "1/1") {
      of_one = problems;
      continue;
    }
    EXPECT_LT(problems.size(), of_one.size());
    for (const std::string& problem : problems) EXPECT_TRUE(seen.insert(problem).second) << problem;
  }
  EXPECT_EQ(seen, of_one);
  const std::string merged = scratch / "merged.json";
  ASSERT_TRUE(succeeds(motley({"table", "merge", scratch / "12.json", scratch / "22.json", "-o", merged})));
  EXPECT_TRUE(succeeds(motley({"table", "validate", merged})));
  // Nothing but the plans is left to measure.
  ASSERT_TRUE(succeeds(motley(tune(digits_onnx(), merged, kCpu))));
  for (const json& record : records(merged + ".journal")) {
    EXPECT_NE(record.value("kind", ""), "start") << record.dump();
  }
  EXPECT_EQ(parsed(merged)["plans"].size(), 1u);
}

TEST(Tune, MoreShardsThanProblemsLeaveTheLastOnesEmpty) {
  const Scratch scratch;
  const std::string table = scratch / "t.json";
  ASSERT_TRUE(succeeds(motley(tune(digits_onnx(), table, {"--devices", "cpu", "--shard", "1000000000/1000000000"}))));
  EXPECT_EQ(kernels_of(table).size(), 0u);
}

TEST(Tune, AModelThatIsNamedTwiceIsTunedOnce) {
  const Scratch scratch;
  const Outcome tuned =
      motley(tune(digits_onnx(), scratch / "t.json", {digits_onnx(), "--devices", "cpu", "--time", "2s"}));
  ASSERT_EQ(tuned.code, 0) << tuned.err;
  const size_t first = tuned.out.find("digits.onnx  ");
  EXPECT_EQ(tuned.out.find("digits.onnx  ", first + 1), std::string::npos) << tuned.out;
}

TEST(Tune, WrongArgumentsAreExplained) {
  const Scratch scratch;
  const std::string table = scratch / "t.json";
  EXPECT_TRUE(fails_with(motley(tune(digits_onnx(), table, {"--time", "soon"})), "--time (soon)"));
  EXPECT_TRUE(fails_with(motley(tune(digits_onnx(), table, {"--shard", "3/2"})), "--shard (3/2)"));
  EXPECT_TRUE(fails_with(motley(tune(digits_onnx(), table, {"--devices", "tpu*"})), "tpu*"));
  EXPECT_TRUE(fails_with(motley(tune("/no/such/model.onnx", table, {})), "/no/such/model.onnx"));
  EXPECT_EQ(motley(tune(digits_onnx(), table, {"--error-budget", "nan"})).code, 2);
  for (const char* seed : {"-1", "x", "1.5", "99999999999999999999"})
    EXPECT_EQ(motley(tune(digits_onnx(), table, {"--seed", seed})).code, 2) << seed;
  EXPECT_TRUE(fails_with(
      motley(tune(digits_onnx(), table, {MOTLEY_SOURCE_DIR "/schema/valid/model/small.motley", "--shape", "none=1,2"})),
      "none=1,2"));
  EXPECT_TRUE(fails_with(motley(tune(digits_onnx(), table, {"--time", ""})), "--time ()"));
  EXPECT_TRUE(fails_with(motley(tune(digits_onnx(), table, {"--journal", scratch / "." + "/t.json"})), "one file"));
  EXPECT_TRUE(fails_with(motley(tune(digits_onnx(), "/proc/none/t.json", kCpu)), "cannot create the folder"));
  EXPECT_EQ(scratch.file_count(), 0u);
}

// Each with a journal of its own: neither takes the other's rows away.
TEST(Tune, TwoTunersMayWriteOneTable) {
  const Scratch scratch;
  const std::string table = scratch / "t.json";
  const auto part = [&](const std::string& which, const std::string& journal) {
    return tune(digits_onnx(), table,
                {"--devices", "cpu", "--time", "2s", "--shard", which, "--journal", scratch / journal});
  };
  const Background other(part("1/2", "first"));
  ASSERT_TRUE(succeeds(motley(part("2/2", "second"))));
  EXPECT_EQ(other.end_with(0), 0);  // no signal: it ends by itself
  std::set<std::string> of_journals, of_table;
  for (const char* journal : {"first", "second"})
    for (const json& record : records(scratch / journal))
      if (record.value("kind", "") == "kernel" && !record["rows"].empty()) of_journals.insert(record["problem"]);
  for (const json& row : kernels_of(table)) of_table.insert(row["problem_key"]);
  EXPECT_GE(of_table.size(), 2u);
  EXPECT_EQ(of_table, of_journals);
}

TEST(Tune, WhatIsLostOfAJournalIsSaid) {
  const Scratch scratch;
  const std::string table = scratch / "t.json", journal = table + ".journal";
  const std::vector<std::string> one = {"--devices", "cpu", "--shard", "12/12"};
  ASSERT_TRUE(succeeds(motley(tune(digits_onnx(), table, one))));
  std::string text = whole_lines(journal);
  text[text.find("\"ending\"")] = 'x';
  write_text(journal, text);
  const Outcome resumed = motley(tune(digits_onnx(), table, {one[0], one[1], one[2], one[3], "--resume"}));
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_NE(resumed.err.find("one line of the journal"), std::string::npos) << resumed.err;
}

TEST(Tune, AnInterruptWritesWhatIsKnown) {
  const Scratch scratch;
  const std::string table = scratch / "t.json";
  const Background tuning(tune(digits_onnx(), table, {"--devices", "cpu", "--rigor", "exhaustive"}));
  while (!std::filesystem::exists(table)) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(tuning.end_with(SIGINT), 0);
  EXPECT_TRUE(succeeds(motley({"table", "validate", table})));
  EXPECT_GE(parsed(table)["kernels"].size(), 1u);
  EXPECT_EQ(motley(tune(digits_onnx(), table, {"--devices", "cpu", "--time", "1s", "--resume"})).code, 0);
}

// Crashes, exits, hangs, wrong results, writes where it may not, what goes wrong late or when it goes, a refusal: none
// of them is in the table.
TEST(TuneSlow, FaultyConfigsAreQuarantined) {
  const Scratch scratch;
  const std::string table = scratch / "t.json";
  const Outcome tuned =
      motley(tune(relu_model(scratch), table, {"--devices", "faulty", "--plugin", MOTLEY_FAULTY_PLUGIN}));
  ASSERT_TRUE(succeeds(tuned));
  std::map<std::string, std::string> endings, reasons;
  for (const json& record : records(table + ".journal")) {
    if (record.value("kind", "") != "done") continue;
    endings[record["config"]] = record["ending"];
    reasons[record["config"]] = record["reason"];
  }
  const std::map<std::string, std::string> expected = {
      {"mode=plain", "measured"}, {"mode=fast", "measured"}, {"mode=crash", "crashed"},   {"mode=exit", "crashed"},
      {"mode=hang", "hung"},      {"mode=wrong", "wrong"},   {"mode=nan", "wrong"},       {"mode=stray", "wrong"},
      {"mode=below", "wrong"},    {"mode=input", "wrong"},   {"mode=second", "crashed"},  {"mode=drift", "wrong"},
      {"mode=gone", "crashed"},   {"mode=throw", "failed"},  {"mode=thread", "measured"}, {"mode=refused", "invalid"}};
  EXPECT_EQ(endings, expected) << tuned.out << tuned.err;
  EXPECT_NE(reasons["mode=drift"].find("element"), std::string::npos)
      << "blamed for what another wrote: " << reasons["mode=drift"];
  EXPECT_EQ(problem_of_journal(table + ".journal"), "");
  std::set<std::string> configs;
  for (const json& row : kernels_of(table)) configs.insert(row["config"]);
  for (const std::string& config : configs)
    EXPECT_TRUE(config.empty() || config == "mode=fast" || config == "mode=thread") << config;
  EXPECT_TRUE(configs.contains(""));
}

// Whatever was in the journal when the tuner died is there afterwards, and the table is whole at any time.
TEST(TuneSlow, AKillLosesNoRecord) {
  const char* asked = std::getenv("MOTLEY_KILLS");
  const int kills = asked ? std::atoi(asked) : 20;
  const Scratch scratch;
  const std::string table = scratch / "t.json", journal = table + ".journal";
  std::mt19937 random(7);
  std::string before;
  for (int i = 0; i < kills; ++i) {
    std::vector<std::string> more = {"--devices", "cpu", "--rigor", "exhaustive"};
    if (std::filesystem::exists(journal)) more.emplace_back("--resume");
    const Background tuning(tune(digits_onnx(), table, more));
    // However slow the machine is: killed at some moment after it wrote something.
    while (whole_lines(journal).size() <= before.size()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 400));
    tuning.end_with(SIGKILL);
    const std::string now = whole_lines(journal);
    ASSERT_TRUE(now.starts_with(before)) << "kill " << i << " took records away";
    before = now;
    if (std::filesystem::exists(table)) {
      ASSERT_TRUE(succeeds(motley({"table", "validate", table})));
    }
  }
  EXPECT_GE(std::count(before.begin(), before.end(), '\n'), kills);
  std::set<std::pair<std::string, std::string>> done;
  for (const json& record : records(journal))
    if (record.value("kind", "") == "kernel") done.emplace(record["device"], record["problem"]);
  ASSERT_TRUE(succeeds(motley(tune(digits_onnx(), table, {"--devices", "cpu", "--resume"}))));
  EXPECT_TRUE(whole_lines(journal).starts_with(before));
  std::set<std::pair<std::string, std::string>> rows;
  for (const json& row : kernels_of(table)) rows.emplace(row["device"], row["problem_key"]);
  for (const auto& problem : done) EXPECT_TRUE(rows.contains(problem)) << problem.second;
}

}  // namespace motley::test
