// Planning a model for tuning: kernels that it runs may crash or hang, and cost no more than the device that they are
// of.
#include <algorithm>
#include <cstdlib>

#include "campaign/planning.hpp"
#include "graphs.hpp"
#include "ir_builder.hpp"
#include "model/model_file.hpp"
#include "program.hpp"

namespace motley::test {
namespace {

// x → add a folded relu → relu → y: relu of a constant runs when the network is planned.
Model folded_relu() {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  constexpr int64_t kMany = 5000;  // few numbers the core computes itself
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(kMany)});
  const TensorId c = constant(g, "c", DataType::float32, {kMany}, noise(kMany, 3));
  const TensorId r = node(g, "r", Op::Unary, {c}, DataType::float32, unary(schema::UnaryFunction::relu));
  const TensorId sum = node(g, "sum", Op::Binary, {x, r}, DataType::float32, binary(schema::BinaryFunction::add));
  g.inputs = {x};
  g.outputs = {node(g, "y", Op::Unary, {sum}, DataType::float32, unary(schema::UnaryFunction::relu))};
  return Model::from_module(std::move(module));
}

// The device's default kernel goes wrong in this way, in processes that start while the object lives.
class Fault {
 public:
  explicit Fault(const char* mode) { setenv("MOTLEY_FAULTY_DEFAULT", mode, 1); }
  ~Fault() { unsetenv("MOTLEY_FAULTY_DEFAULT"); }
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;
};

struct Planned {
  tuner::PlannedModel model;
  std::vector<tuner::Quarantined> quarantined;
  std::string said;
};

class TunePlanning : public testing::Test {
 protected:
  // Plans a model with the faulty device beside cpu and reference.
  Planned plan(const Model& model, const InputShapes& shapes, std::vector<tuner::Quarantined> known = {}) const {
    const std::string path = scratch_ / "model.motley";
    model::write_model(model.module(), path);
    const plugin::Registry registry =
        plugin::discover({.files = {MOTLEY_PLUGINS "/cpu.json", MOTLEY_PLUGINS "/reference.json", MOTLEY_FAULTY_PLUGIN},
                          .standard_places = false});
    plan::DeviceList devices = registry.devices;  // the fastest first, as the program has them: or so it says it is
    std::stable_partition(devices.begin(), devices.end(), [](const auto& d) { return d->name() == "faulty"; });
    Planned planned;
    planned.quarantined = std::move(known);
    tuner::PlanningOptions options;
    options.worker = {MOTLEY_PROGRAM, "tune-worker", "--plugin", MOTLEY_FAULTY_PLUGIN};
    options.folder = scratch_.path();
    options.patience = std::chrono::seconds(8);
    options.say = [&](const std::string& line) { planned.said += line + "\n"; };
    planned.model = tuner::plan_in_worker({path, Model::from_module(graph::Module()), shapes}, 0, devices, options,
                                          planned.quarantined);
    return planned;
  }
  Scratch scratch_;
};

size_t nodes_in(const tuner::PlannedModel& model) {
  size_t count = 0;
  for (const tuner::PlannedStage& stage : model.stages) count += stage.graph.nodes.size();
  return count;
}

TEST_F(TunePlanning, WithoutFaultsItIsAsInThisProcess) {
  const Planned planned = plan(folded_relu(), {});
  EXPECT_TRUE(planned.quarantined.empty());
  EXPECT_EQ(planned.said, "");
  ASSERT_EQ(planned.model.stages.size(), 1u);
  EXPECT_TRUE(planned.model.is_whole);
  EXPECT_EQ(planned.model.stages[0].graph.nodes.size(), 1u)
      << "the constant is folded, and relu is part of the addition";
  EXPECT_EQ(planned.model.stages[0].hash.size(), 32u);
}

TEST_F(TunePlanning, ACrashWhileFoldingCostsTheDevice) {
  const Fault fault("crash");
  const Planned planned = plan(folded_relu(), {});
  ASSERT_EQ(planned.quarantined.size(), 1u) << planned.said;
  EXPECT_EQ(planned.quarantined[0].device, "faulty");
  EXPECT_NE(planned.quarantined[0].reason.find("signal"), std::string::npos);
  EXPECT_NE(planned.said.find("a kernel of faulty crashed"), std::string::npos) << planned.said;
  EXPECT_EQ(nodes_in(planned.model), 1u);
  // The next time nobody has to find that out again.
  const Planned again = plan(folded_relu(), {}, planned.quarantined);
  EXPECT_EQ(again.said, "");
  EXPECT_EQ(nodes_in(again.model), 1u);
}

TEST_F(TunePlanning, ACrashInTheFirstStageCostsTheDeviceAndNotTheLaterStages) {
  const Fault fault("crash");
  const Planned planned = plan(keep_positive(), {{"x", {40}}});
  ASSERT_EQ(planned.quarantined.size(), 1u) << planned.said;
  EXPECT_EQ(planned.quarantined[0].device, "faulty");
  EXPECT_FALSE(planned.model.is_whole);
  EXPECT_EQ(planned.model.stages.size(), 2u) << "relu; gather and neg";
}

TEST_F(TunePlanning, AHangIsEnded) {
  const Fault fault("hang");
  const Planned planned = plan(keep_positive(), {{"x", {40}}});
  ASSERT_EQ(planned.quarantined.size(), 1u) << planned.said;
  EXPECT_NE(planned.said.find("took longer than"), std::string::npos) << planned.said;
  EXPECT_EQ(planned.model.stages.size(), 2u);
}

TEST_F(TunePlanning, WhatTheWorkerRefusesIsSaidAsTheRuntimeSaysIt) {
  try {
    plan(keep_positive(), {{"x", {40, 2}}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    EXPECT_NE(std::string(error.what()).find("rank 2"), std::string::npos) << error.what();
  }
}

// Whatever passes and lowering made of a stage, a session plans it again from its file as it is.
TEST_F(TunePlanning, EveryStageCanBeRunAlone) {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(40)});
  const auto add = [&](const char* name, Op op, std::vector<TensorId> inputs, DataType type, auto attributes) {
    const TensorId id = tensor(g, name, type);
    g.add_node(name, op, std::move(inputs), {id}, attributes);
    return id;
  };
  g.inputs = {x};
  const TensorId found = add("found", Op::NonZero, {x}, DataType::int64, schema::NoAttributesT{});
  const TensorId turned = add("turned", Op::Transpose, {found}, DataType::int64, schema::TransposeAttributesT{});
  const TensorId flat =
      add("flat", Op::Squeeze, {turned, g.add_int64("one", {1})}, DataType::int64, schema::AxesAttributesT{});
  const TensorId kept = add("kept", Op::Gather, {x, flat}, DataType::float32, schema::AxisAttributesT{});
  schema::AxisAttributesT axis;
  const TensorId twice = add("twice", Op::Concat, {kept, kept}, DataType::float32, axis);
  g.outputs = {add("y", Op::Unary, {twice}, DataType::float32, unary(schema::UnaryFunction::neg))};
  for (const Model& model : {keep_positive(), Model::from_module(std::move(module))}) {
    const Planned planned = plan(model, {{"x", {40}}});
    EXPECT_GE(planned.model.stages.size(), 1u);
    for (const tuner::PlannedStage& stage : planned.model.stages) EXPECT_TRUE(stage.optimize) << stage.file;
  }
}

// Each stage has its own plan, which a session follows when it gets there.
TEST_F(TunePlanning, StagesAreRacedAndFollowed) {
  const std::string model = scratch_ / "model.motley", table = scratch_ / "t.json";
  model::write_model(keep_positive().module(), model);
  const Outcome tuned = motley({"tune", model, "-o", table, "--devices", "cpu", "--shape", "x=60000"});
  ASSERT_EQ(tuned.code, 0) << tuned.err;
  EXPECT_NE(tuned.out.find("(stage 1)"), std::string::npos) << tuned.out;
  EXPECT_NE(tuned.out.find("(stage 2)"), std::string::npos) << tuned.out << tuned.err;
  const std::vector<char> bytes = read_file(table);
  EXPECT_EQ(nlohmann::json::parse(bytes.begin(), bytes.end())["plans"].size(), 2u) << tuned.out << tuned.err;

  const Runtime runtime = runtime_with();
  Session session =
      runtime.compile(keep_positive(), {.input_shapes = {{"x", {60000}}}, .table = table, .bad_table = BadTable::fail});
  session.input("x").copy_from(std::vector<float>(60000, 2));
  session.run();
  size_t raced = 0;
  for (const Placement& p : session.explain().nodes) raced += p.config_source == "race";
  EXPECT_GE(raced, 3u) << session.explain().to_string();  // relu; gather, neg
}

// The whole program goes on without the device, and remembers.
TEST_F(TunePlanning, TuningGoesOnAfterACrash) {
  const Fault fault("crash");
  const std::string model = scratch_ / "model.motley", table = scratch_ / "t.json";
  model::write_model(keep_positive().module(), model);
  const std::vector<std::string> what = {"--plugin", MOTLEY_FAULTY_PLUGIN, "--devices", "cpu,faulty", "--shape",
                                         "x=40"};
  const auto with = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), what.begin(), what.end());
    return motley(arguments);
  };
  const Outcome listed = with({"tune", model, "-o", table, "--rigor", "estimate"});
  EXPECT_EQ(listed.code, 0) << listed.err;
  EXPECT_NE(listed.out.find("Unary(neg)"), std::string::npos) << listed.out;
  const Outcome tuned = with({"tune", model, "-o", table});
  ASSERT_EQ(tuned.code, 0) << tuned.err;
  EXPECT_NE(tuned.err.find("a kernel of faulty crashed"), std::string::npos) << tuned.err;
  const std::vector<char> bytes = read_file(table);
  const auto document = nlohmann::json::parse(bytes.begin(), bytes.end());
  EXPECT_FALSE(document["kernels"].empty());
  const Outcome again = with({"tune", model, "-o", table, "--resume"});
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.err.find("a kernel of faulty crashed"), std::string::npos) << "it is remembered";
}

}  // namespace
}  // namespace motley::test
