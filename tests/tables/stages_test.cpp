// What is tuned of a network whose shapes depend on data.
#include <gtest/gtest.h>

#include <algorithm>

#include "campaign/workload.hpp"
#include "graphs.hpp"
#include "ir_builder.hpp"

namespace motley::test {
namespace {

TEST(TunedStages, LaterOnesAreThoseOfARun) {
  const plugin::Registry registry = plugin::discover(
      {.files = {MOTLEY_PLUGINS "/cpu.json", MOTLEY_PLUGINS "/reference.json"}, .standard_places = false});
  plan::Request request;
  request.devices = registry.devices;
  request.shapes = {{"x", {40}}};
  const Model model = keep_positive();
  std::vector<tuner::PlannedModel> planned;
  planned.push_back(tuner::plan_model(model.module(), request));
  EXPECT_FALSE(planned[0].is_whole);
  std::string ended_by;
  const std::vector<tuner::PlannedStage> later = tuner::plan_later(model.module(), request, planned[0], ended_by);
  EXPECT_EQ(ended_by, "");
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
  EXPECT_FALSE(has("Unary(neg)", "")) << "before a run nobody knows how many are kept";
  planned[0].stages.insert(planned[0].stages.end(), later.begin(), later.end());
  // Made-up numbers are positive, so that all are kept.
  EXPECT_TRUE(has("Unary(neg)", " 40 "));
}

}  // namespace
}  // namespace motley::test
