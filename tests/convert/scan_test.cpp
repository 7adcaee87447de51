// Scan of every form: unrolled where it is short, run by the core where its length is open or great.
#include <gtest/gtest.h>

#include <algorithm>

#include "model_builder.hpp"
#include "motley/motley.hpp"

namespace motley::test {
namespace {

using graph::Op;

Runtime built_plugins() {
  RuntimeOptions options;
  options.standard_places = false;
  options.plugin_folders = {MOTLEY_PLUGINS};
  return Runtime(options);
}

// sum += x · w, with w from around the scan; collects the sums. `steps` 0 is an open length.
onnx::ModelProto scanning(int opset, int64_t steps, std::vector<int64_t> batch = {}) {
  auto model = new_model(opset);
  auto& graph = *model.mutable_graph();
  const auto value = [&](const char* name, std::vector<int64_t> shape) {
    shape.insert(shape.begin(), batch.begin(), batch.end());
    auto& info = *graph.add_input();
    add_value(info, name, shape);
    auto& dims = *info.mutable_type()->mutable_tensor_type()->mutable_shape();
    for (int d = 0; d < dims.dim_size(); ++d)
      if (dims.dim(d).dim_value() == 0) dims.mutable_dim(d)->set_dim_param(d == 0 && !batch.empty() ? "batch" : "length");
  };
  value("start", {2});
  value("x", {steps, 2});
  add_floats(graph, "w", {2}, {1, -2});
  std::vector<std::string> inputs{"start", "x"};
  if (opset < 9) inputs.insert(inputs.begin(), "");
  auto& node = add_node(graph, "Scan", inputs, {"last", "sums"});
  set_attribute(node, "num_scan_inputs", 1);
  if (opset < 9) set_attribute(node, "directions", std::vector<int64_t>{1});
  else set_attribute(node, "scan_input_directions", std::vector<int64_t>{1});
  onnx::GraphProto body;
  body.set_name("body");
  add_value(*body.add_input(), "sum", {2});
  add_value(*body.add_input(), "step", {2});
  add_node(body, "Mul", {"step", "w"}, {"weighted"});
  add_node(body, "Add", {"sum", "weighted"}, {"next"});
  add_node(body, "Identity", {"next"}, {"seen"});
  for (const char* name : {"next", "seen"}) add_value(*body.add_output(), name, {2});
  auto* attribute = node.add_attribute();
  attribute->set_name("body");
  attribute->set_type(onnx::AttributeProto::GRAPH);
  *attribute->mutable_g() = body;
  graph.add_output()->set_name("last");
  graph.add_output()->set_name("sums");
  return model;
}

bool stays_a_scan(const graph::Module& module) {
  const auto& nodes = module.main().nodes;
  return std::any_of(nodes.begin(), nodes.end(), [](const graph::Node& n) { return n.op == Op::Scan; });
}

std::vector<float> floats(Session& s, const char* name) {
  const auto y = s.output(name).as<float>();
  return {y.begin(), y.end()};
}

TEST(ImportScan, ShortOnesAreUnrolledAndOthersStay) {
  EXPECT_FALSE(stays_a_scan(import(scanning(9, 3))));
  EXPECT_FALSE(stays_a_scan(import(scanning(13, 1024))));
  EXPECT_TRUE(stays_a_scan(import(scanning(9, 0))));
  EXPECT_TRUE(stays_a_scan(import(scanning(13, 1025))));
  EXPECT_TRUE(stays_a_scan(import(scanning(8, 3, {4}))));
}

TEST(ImportScan, LengthComesWithTheShapesOfTheInputs) {
  const Runtime rt = built_plugins();
  const Model model = Model::from_module(import(scanning(9, 0)));
  Session s = rt.compile(model, {.input_shapes = {{"x", {3, 2}}}});
  s.input("start").copy_from(std::vector<float>{1, 1});
  s.input("x").copy_from(std::vector<float>{1, 2, 3, 4, 5, 6});
  s.run();
  EXPECT_EQ(floats(s, "sums"), (std::vector<float>{6, -11, 9, -19, 10, -23})) << "from the last step to the first";
  EXPECT_EQ(floats(s, "last"), (std::vector<float>{10, -23}));
  s.resize({{"x", {2000, 2}}});
  s.input("start").copy_from(std::vector<float>{0, 0});
  s.input("x").copy_from(std::vector<float>(4000, 1));
  s.run();
  EXPECT_EQ(floats(s, "last"), (std::vector<float>{2000, -4000}));
  s.resize({{"x", {0, 2}}});
  s.input("start").copy_from(std::vector<float>{5, 6});
  s.run();
  EXPECT_EQ(floats(s, "last"), (std::vector<float>{5, 6}));
  EXPECT_EQ(s.output("sums").shape()[1], 2);
}

// The form of operator set 8 has a batch in front, and each element of it is scanned by itself.
TEST(ImportScan, TheFormWithABatch) {
  const Runtime rt = built_plugins();
  for (int64_t batch : {0, 2}) {  // open, and fixed
    Session s = rt.compile(Model::from_module(import(scanning(8, 0, {batch}))),
                           {.input_shapes = {{"start", {2, 2}}, {"x", {2, 3, 2}}}});
    s.input("start").copy_from(std::vector<float>{1, 1, 0, 0});
    s.input("x").copy_from(std::vector<float>{1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 7, 7});
    s.run();
    EXPECT_EQ(floats(s, "last"), (std::vector<float>{10, -23, 7, -14}));
    EXPECT_EQ(floats(s, "sums"), (std::vector<float>{6, -11, 9, -19, 10, -23, 7, -14, 7, -14, 7, -14}));
    const auto shape = s.output("sums").shape();
    EXPECT_EQ(std::vector<int64_t>(shape.begin(), shape.end()), (std::vector<int64_t>{2, 3, 2}));
  }
  auto lengths = scanning(8, 3, {2});
  lengths.mutable_graph()->mutable_node(0)->set_input(0, "lengths");
  add_ints(*lengths.mutable_graph(), "lengths", {3, 2});
  EXPECT_THROW(import(lengths), convert::UnsupportedOps);
}

TEST(ImportScan, WhatIsWrongWithOne) {
  const auto message = [](const onnx::ModelProto& model) -> std::string {
    try {
      import(model);
      return "imported";
    } catch (const Error& e) {
      return e.what();
    }
  };
  auto model = scanning(9, 3);
  auto& node = *model.mutable_graph()->mutable_node(0);
  for (auto& attribute : *node.mutable_attribute())
    if (attribute.name() == "num_scan_inputs") attribute.set_i(3);
  EXPECT_NE(message(model).find("scans 3 of its 2 inputs"), std::string::npos) << message(model);
  model = scanning(9, 3);
  model.mutable_graph()->mutable_node(0)->add_input("x");
  EXPECT_NE(message(model).find("a body of 2 inputs (expected 3)"), std::string::npos) << message(model);
}

}  // namespace
}  // namespace motley::test
