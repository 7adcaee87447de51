// Plans with operators split over two devices take part in the race, and the table has one only where it won.
#include "graph/infer.hpp"
#include "graphs.hpp"
#include "ir_builder.hpp"
#include "model/model_file.hpp"
#include "program.hpp"

namespace motley::test {
namespace {

using nlohmann::json;

// A convolution that takes the simulated devices, which compute as the reference does, far longer than a move.
Model convolution() {
  constexpr int64_t kChannels = 48, kSide = 24;
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(1), Dim(kChannels), Dim(kSide), Dim(kSide)});
  g.inputs = {x};
  std::vector<float> values = noise(static_cast<size_t>(kChannels * kChannels * 9), 7);
  for (float& v : values) v *= 0.1F;
  const TensorId weights = constant(g, "w", DataType::float32, {kChannels, kChannels, 3, 3}, values);
  schema::ConvAttributesT conv;
  conv.strides = {1, 1};
  conv.dilations = {1, 1};
  conv.pads = {1, 1, 1, 1};
  g.outputs = {node(g, "y", Op::Conv, {x, weights}, DataType::float32, conv)};
  graph::infer_shapes(module);
  return Model::from_module(std::move(module));
}

std::vector<json> records_of(const std::string& journal) {
  const std::vector<char> bytes = read_file(journal);
  const std::string text(bytes.begin(), bytes.end());
  std::vector<json> records;
  for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
    records.push_back(json::parse(text.substr(at, end - at)));
  return records;
}

TEST(TuneSplits, AreRacedAndKeptOnlyWhereTheyWon) {
  const Scratch scratch;
  const std::string model = scratch / "m.motley", table = scratch / "t.json";
  model::write_model(convolution().module(), model);
  const std::vector<std::string> on = {"--plugin", MOTLEY_TEST_PLUGINS "/libmotley_soc.so"};
  const auto with_plugin = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), on.begin(), on.end());
    return motley(arguments);
  };
  const Outcome tuned = with_plugin({"tune", model, "-o", table, "--devices", "soc:twins.gpu,soc:twins.npu"});
  ASSERT_TRUE(succeeds(tuned));

  json split, whole;  // in the race
  for (const json& record : records_of(table + ".journal"))
    if (record.value("kind", "") == "plan")
      for (const json& c : record["candidates"])
        (c["name"].get<std::string>().find("operators split") != std::string::npos ? split : whole) = c;
  ASSERT_FALSE(split.is_null()) << tuned.out << tuned.err;
  EXPECT_GT(split["runs"], 0) << split;
  EXPECT_GT(split["measured_ns"], 0) << split;

  const std::vector<char> bytes = read_file(table);
  const json document = json::parse(bytes.begin(), bytes.end());
  ASSERT_FALSE(document["plans"].empty());
  json with_cuts, without;
  for (const json& row : document["plans"]) (row.contains("cuts") ? with_cuts : without) = row;
  ASSERT_FALSE(without.is_null()) << "there is always one for sessions that want no splits";
  const json explained = with_plugin({"explain", model, "--table", table, "--json"}).json();
  EXPECT_EQ(explained["plan"]["decided_by"], "race") << explained;
  size_t parts = 0;
  for (const json& node : explained["nodes"]) parts += node.value("part_of", "") != "";
  if (with_cuts.is_null()) {
    EXPECT_EQ(parts, 0u) << explained;
  } else {
    EXPECT_LT(with_cuts["expected_ns"], without["expected_ns"]);
    EXPECT_EQ(with_cuts["cuts"].size(), 1u) << with_cuts;
    EXPECT_EQ(with_cuts["cuts"][0]["node"], "y") << with_cuts;
    EXPECT_EQ(parts, 2u) << explained;
  }
}

}  // namespace
}  // namespace motley::test
