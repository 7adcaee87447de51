// motley run --debug-bisect and motley info --passes.
#include "graph/graph.hpp"
#include "model/model_file.hpp"
#include "program.hpp"

namespace motley::test {

namespace {

// abs → relu → neg over 13 elements: the relu of the broken plugin is wrong where the count is no multiple of 8.
std::string three_nodes(const Scratch& scratch) {
  graph::Module module;
  module.graphs.emplace_back();
  graph::Graph& g = module.main();
  const auto tensor = [&](const char* name) {
    graph::Tensor t;
    t.name = name;
    t.type = schema::DataType::float32;
    t.shape = graph::Dims{graph::Dim(13)};
    return g.add_tensor(std::move(t));
  };
  const auto x = tensor("x"), a = tensor("a"), b = tensor("b"), y = tensor("y");
  const auto unary = [&](const char* name, schema::UnaryFunction function, graph::TensorId in, graph::TensorId out) {
    schema::UnaryAttributesT attributes;
    attributes.function = function;
    g.add_node(name, schema::Op::Unary, {in}, {out}, std::move(attributes));
  };
  unary("first", schema::UnaryFunction::abs, x, a);
  unary("second", schema::UnaryFunction::relu, a, b);
  unary("third", schema::UnaryFunction::neg, b, y);
  g.inputs = {x};
  g.outputs = {y};
  const std::string path = scratch / "three.motley";
  model::write_model(module, path);
  return path;
}

// abs(abs(x)) in the shape that an input gives: neither shape nor rank of the result is known before the run.
std::string reshaped_by_data(const Scratch& scratch) {
  graph::Module module;
  module.graphs.emplace_back();
  graph::Graph& g = module.main();
  const auto tensor = [&](const char* name, schema::DataType type, std::optional<graph::Dims> shape) {
    graph::Tensor t;
    t.name = name;
    t.type = type;
    t.shape = std::move(shape);
    return g.add_tensor(std::move(t));
  };
  const auto x = tensor("x", schema::DataType::float32, graph::Dims{graph::Dim(6)}),
             shape = tensor("shape", schema::DataType::int64, graph::Dims{graph::Dim(2)}),
             once = tensor("once", schema::DataType::float32, std::nullopt),
             twice = tensor("twice", schema::DataType::float32, std::nullopt),
             y = tensor("y", schema::DataType::float32, std::nullopt);
  schema::UnaryAttributesT abs;
  abs.function = schema::UnaryFunction::abs;
  g.add_node("first", schema::Op::Unary, {x}, {once}, abs);
  g.add_node("second", schema::Op::Identity, {once}, {twice}, schema::NoAttributesT());
  g.add_node("third", schema::Op::Reshape, {twice, shape}, {y}, schema::ReshapeAttributesT());
  g.inputs = {x, shape};
  g.outputs = {y};
  const std::string path = scratch / "reshaped.motley";
  model::write_model(module, path);
  return path;
}

}  // namespace

TEST(Bisect, NamesTheNodeOfABrokenDevice) {
  const Scratch scratch;
  const std::string model = three_nodes(scratch);
  const std::vector<std::string> broken{"run",       model,   "--debug-bisect", "--plugin", MOTLEY_BROKEN_PLUGIN,
                                        "--devices", "broken"};
  setenv("MOTLEY_BREAK", "wrong_tail", 1);
  const Outcome outcome = motley(broken);
  EXPECT_TRUE(fails_with(outcome, "the tensor \"b\" of node \"second\" (Unary(relu)) on broken is the first"));
  auto json = broken;
  json.push_back("--json");
  const Outcome machine = motley(json);
  unsetenv("MOTLEY_BREAK");
  EXPECT_EQ(machine.code, 1);
  EXPECT_EQ(machine.json()["difference"]["tensor"], "b");
  EXPECT_NEAR(machine.json()["difference"]["largest"].get<double>(), 0.5, 1e-5);
}

TEST(Bisect, FindsNothingOnGoodDevices) {
  const Outcome outcome = motley({"run", digits_onnx(), "--debug-bisect", "--devices", "cpu"});
  ASSERT_TRUE(succeeds(outcome));
  EXPECT_NE(outcome.out.find("none differs"), std::string::npos) << outcome.out;
  EXPECT_TRUE(succeeds(motley({"run", digits_onnx(), digit_picture("7_0.png"), "--debug-bisect"})));
}

TEST(Bisect, TakesOneRun) {
  const std::string picture = digit_picture("7_0.png");
  EXPECT_TRUE(fails_with(motley({"run", digits_onnx(), picture, picture, "--debug-bisect"}), "2 given"));
}

TEST(Passes, AreListedWithCounts) {
  const Outcome outcome = motley({"info", digits_onnx(), "--passes", "--json"});
  ASSERT_TRUE(succeeds(outcome));
  const auto optimizer = outcome.json()["optimizer"];
  EXPECT_LT(optimizer["nodes_after"].get<int>(), optimizer["nodes_before"].get<int>());
  size_t rewrites = 0;
  for (const auto& pass : optimizer["passes"]) {
    EXPECT_FALSE(pass["purpose"].get<std::string>().empty());
    rewrites += pass["rewrites"].get<size_t>();
  }
  EXPECT_GT(rewrites, 0u);
  EXPECT_NE(motley({"info", digits_onnx(), "--passes"}).out.find("after the passes"), std::string::npos);
}

TEST(Passes, OfAModelThatRunsInStages) {
  const Scratch scratch;
  const std::string model = reshaped_by_data(scratch);
  const Outcome outcome = motley({"info", model, "--passes"});
  ASSERT_TRUE(succeeds(outcome));
  EXPECT_NE(outcome.out.find("depend on data"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("unknown rank"), std::string::npos) << outcome.out;
  const auto json = motley({"info", model, "--passes", "--json"}).json();
  EXPECT_TRUE(json["outputs"][0]["shape"].is_null());
  EXPECT_GE(json["optimizer"]["plans"].get<int>(), 1);
  EXPECT_EQ(json["optimizer"]["nodes_of_model"], 3);
  EXPECT_FALSE(json["optimizer"]["passes"].empty());
}

}  // namespace motley::test
