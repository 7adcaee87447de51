// motley tune on networks that are not as usual: names with control characters, and more nodes than there is time for.
#include <algorithm>
#include <set>

#include "ir_builder.hpp"
#include "model/model_file.hpp"
#include "program.hpp"

namespace motley::test {
namespace {

using nlohmann::json;

// A chain of unary ops whose results, and so its nodes, have these names.
std::string chain(const Scratch& scratch, const std::vector<std::string>& names) {
  graph::Module module;
  module.producer = "test";
  module.graphs.emplace_back();
  Graph& g = module.main();
  TensorId last = tensor(g, "in\nput", DataType::float32, Dims{Dim(20000)});
  g.inputs = {last};
  for (size_t i = 0; i < names.size(); ++i)
    last = node(g, names[i], Op::Unary, {last}, DataType::float32,
                unary(i % 2 ? schema::UnaryFunction::tanh : schema::UnaryFunction::exp));
  g.outputs = {last};
  const std::string path = scratch / "chain.motley";
  model::write_model(module, path);
  return path;
}

json table_at(const std::string& path) {
  const std::vector<char> bytes = read_file(path);
  return json::parse(bytes.begin(), bytes.end());
}

// But for new lines at the ends of lines.
bool has_control(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\n') || c == 0x7f; });
}

const std::vector<std::string> kOddNames = {"new\nline",  "tab\there",           "\x1b[31mred", "bell\a",
                                            "del\x7f",    "c1\u009b3",           "\u202etxt",   "quo\"te\\",
                                            "a,b=c*?[x]", std::string("n\0l", 3)};

}  // namespace

TEST(TuneOddModels, NamesWithControlCharactersAreRacedAndFound) {
  const Scratch scratch;
  const std::string model = chain(scratch, kOddNames), table = scratch / "t.json";
  const Outcome tuned = motley({"tune", model, "-o", table, "--devices", "cpu"});
  ASSERT_TRUE(succeeds(tuned));
  EXPECT_FALSE(has_control(tuned.out)) << tuned.out;
  EXPECT_TRUE(succeeds(motley({"table", "validate", table})));
  const json plan = table_at(table).at("plans").at(0);
  std::set<std::string> nodes;
  for (const json& segment : plan.at("segments"))
    for (const json& node : segment["nodes"]) nodes.insert(node);
  EXPECT_EQ(nodes, std::set<std::string>(kOddNames.begin(), kOddNames.end()));

  const Outcome asked = motley({"explain", model, "--table", table, "--json"});
  ASSERT_TRUE(succeeds(asked));
  const json facts = asked.json();
  EXPECT_EQ(facts["plan"]["decided_by"], "race");
  for (const json& node : facts["nodes"]) EXPECT_EQ(node["config_source"], "race") << node;
}

TEST(TuneOddModels, NoCommandSendsControlCharactersToTheTerminal) {
  const Scratch scratch;
  const std::string model = chain(scratch, kOddNames), table = scratch / "t.json";
  ASSERT_EQ(motley({"tune", model, "-o", table, "--devices", "cpu", "--time", "1s"}).code, 0);
  const std::vector<std::vector<std::string>> commands = {{"info", model},
                                                          {"info", model, "--passes"},
                                                          {"explain", model},
                                                          {"explain", model, "--table", table},
                                                          {"bench", model, "--nodes", "--runs", "2"},
                                                          {"table", "show", table},
                                                          {"table", "lookup", table, model},
                                                          {"run", model}};
  for (const std::vector<std::string>& command : commands) {
    const Outcome outcome = motley(command);
    for (const std::string& text : {outcome.out, outcome.err}) {
      EXPECT_FALSE(has_control(text)) << command[0] << ": " << text;
      for (const char* obeyed : {"\u009b", "\u202e"}) EXPECT_EQ(text.find(obeyed), std::string::npos) << command[0];
    }
  }
  // A name is in one line.
  EXPECT_NE(motley({"explain", model}).out.find("new?line"), std::string::npos);
}

TEST(TuneOddModels, NamesThatAreNoUtf8AreSaidOnce) {
  const Scratch scratch;
  const std::string model = chain(scratch, {"bad\xff", "fine"}), table = scratch / "t.json";
  const Outcome tuned = motley({"tune", model, "-o", table, "--devices", "cpu"});
  ASSERT_EQ(tuned.code, 0) << tuned.err;
  EXPECT_NE(tuned.err.find("is no UTF-8"), std::string::npos) << tuned.err;
  EXPECT_EQ(std::count(tuned.err.begin(), tuned.err.end(), '\n'), 1) << tuned.err;
  EXPECT_GT(table_at(table).at("kernels").size(), 0u);
  EXPECT_TRUE(fails_with(motley({"tune", model, "-o", scratch / "t\xff.json", "--devices", "cpu"}), "is no UTF-8"));
}

TEST(TuneOddModels, WhatDoesNotFitIntoTheTimeIsSkippedAndSaid) {
  const Scratch scratch;
  std::vector<std::string> names(400);
  for (size_t i = 0; i < names.size(); ++i) names[i] = "node" + std::to_string(i);
  const std::string model = chain(scratch, names), table = scratch / "t.json";
  const Outcome tuned = motley({"tune", model, "-o", table, "--devices", "cpu", "--time", "0.01s"});
  ASSERT_EQ(tuned.code, 0) << tuned.err;
  EXPECT_NE(tuned.err.find("no plan of chain.motley is kept: "), std::string::npos) << tuned.err;
  EXPECT_NE(tuned.out.find("the time did not suffice"), std::string::npos) << tuned.out;
  EXPECT_EQ(table_at(table).at("plans").size(), 0u);
  EXPECT_TRUE(succeeds(motley({"tune", model, "-o", table, "--devices", "cpu", "--resume"})));
  EXPECT_EQ(table_at(table).at("plans").size(), 1u);
}

}  // namespace motley::test
