// What is tuned of a network whose shapes depend on data.
#include <gtest/gtest.h>

#include <algorithm>

#include "campaign/workload.hpp"
#include "graphs.hpp"
#include "ir_builder.hpp"

namespace motley::test {
namespace {

// x (n) → relu → nonzero → gather the kept values → neg: how many are kept is known once relu has run.
Model keep_positive() {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(std::string("n"))});
  const TensorId r = tensor(g, "r", DataType::float32), nz = tensor(g, "nz", DataType::int64),
                 flat = tensor(g, "flat", DataType::int64), kept = tensor(g, "kept", DataType::float32),
                 y = tensor(g, "y", DataType::float32);
  g.inputs = {x};
  g.outputs = {y};
  g.add_node("relu", Op::Unary, {x}, {r}, unary(schema::UnaryFunction::relu));
  g.add_node("nonzero", Op::NonZero, {r}, {nz}, schema::NoAttributesT{});
  g.add_node("flat", Op::Squeeze, {nz, g.add_int64("zero", {0})}, {flat}, schema::AxesAttributesT{});
  g.add_node("gather", Op::Gather, {r, flat}, {kept}, schema::AxisAttributesT{});
  g.add_node("neg", Op::Unary, {kept}, {y}, unary(schema::UnaryFunction::neg));
  return Model::from_module(std::move(module));
}

TEST(TunedStages, LaterOnesAreThoseOfARun) {
  const plugin::Registry registry = plugin::discover(
      {.files = {MOTLEY_PLUGINS "/cpu.json", MOTLEY_PLUGINS "/reference.json"}, .standard_places = false});
  std::vector<tuner::PlannedModel> planned;
  planned.push_back(tuner::plan_model({{}, keep_positive(), {{"x", {40}}}}, registry.devices));
  EXPECT_FALSE(planned[0].is_whole);
  std::vector<tuner::TunedDevice> cpu;
  for (const auto& device : registry.devices)
    if (device->name() == "cpu") cpu.push_back(tuner::describe_device(device));
  const auto has = [&](const char* op, const char* shape) {
    const auto problems = tuner::collect(planned, cpu);
    return std::any_of(problems.begin(), problems.end(), [&](const tuner::Problem& p) {
      return p.key.find(op) != std::string::npos && p.key.find(shape) != std::string::npos;
    });
  };
  EXPECT_TRUE(has("Unary(relu)", " 40 "));
  // Made-up numbers are positive, so that all are kept.
  EXPECT_TRUE(has("Unary(neg)", " 40 "));
  planned[0].later.clear();
  EXPECT_FALSE(has("Unary(neg)", "")) << "before a run nobody knows how many are kept";
}

}  // namespace
}  // namespace motley::test
