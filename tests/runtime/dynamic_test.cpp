// Networks whose shapes depend on data: planned in stages, each plan once per shape.
#include <gtest/gtest.h>

#include "graph/infer.hpp"
#include "graphs.hpp"
#include "ir_builder.hpp"

namespace motley::test {
namespace {

std::vector<float> run(Session& s, const std::vector<float>& x) {
  s.input("x").copy_from(x);
  s.run();
  const auto y = s.output("y").as<float>();
  return {y.begin(), y.end()};
}

TEST(Dynamic, OutputsTakeTheSizeThatTheDataSay) {
  const Runtime rt = runtime_with();
  for (const char* device : {"cpu", "reference"}) {
    Session s = rt.compile(keep_positive(), {.devices = {device}, .input_shapes = {{"x", {5}}}});
    EXPECT_EQ(run(s, {1, -1, 2, -2, 3}), (std::vector<float>{-1, -2, -3}));
    EXPECT_EQ(s.output("y").shape()[0], 3);
    EXPECT_EQ(run(s, {-1, -1, -2, -2, -3}), (std::vector<float>{}));
    EXPECT_EQ(run(s, {1, 1, 1, 1, 1}), (std::vector<float>{-1, -1, -1, -1, -1}));
    const size_t plans = s.plans_made();
    EXPECT_EQ(run(s, {3, -1, 2, -2, 1}), (std::vector<float>{-3, -2, -1})) << "sizes as in the first run";
    EXPECT_EQ(s.plans_made(), plans) << "which plan nothing again";
    s.resize({{"x", {2}}});
    EXPECT_EQ(run(s, {0, 7}), (std::vector<float>{-7}));
    EXPECT_FALSE(s.explain().nodes.empty());
  }
}

// data (3,4) sliced from a computed start; reshaped to a computed shape.
TEST(Dynamic, ComputedStartsAndShapes) {
  graph::Module module;
  module.graphs.emplace_back();
  Graph& g = module.main();
  const TensorId data = tensor(g, "data", DataType::float32, Dims{Dim(3), Dim(4)}),
                 start = tensor(g, "start", DataType::int64, Dims{Dim(1)}),
                 shape = tensor(g, "shape", DataType::int64, Dims{Dim(2)});
  const TensorId twice = tensor(g, "twice", DataType::int64), cut = tensor(g, "cut", DataType::float32),
                 y = tensor(g, "y", DataType::float32);
  g.inputs = {data, start, shape};
  g.outputs = {y};
  g.add_node("twice", Op::Binary, {start, start}, {twice}, binary(schema::BinaryFunction::add));
  g.add_node("slice", Op::Slice, {data, twice, g.add_int64("end", {4}), g.add_int64("axis", {1})}, {cut},
             schema::NoAttributesT{});
  g.add_node("reshape", Op::Reshape, {cut, shape}, {y}, schema::ReshapeAttributesT{});
  const Runtime rt = runtime_with();
  Session s = rt.compile(Model::from_module(std::move(module)));
  std::vector<float> values(12);
  for (size_t i = 0; i < 12; ++i) values[i] = static_cast<float>(i);
  s.input("data").copy_from(values);
  s.input("start").copy_from(std::vector<int64_t>{1});
  s.input("shape").copy_from(std::vector<int64_t>{2, 3});
  s.run();
  const auto got = s.output("y").as<float>();
  EXPECT_EQ(std::vector<float>(got.begin(), got.end()), (std::vector<float>{2, 3, 6, 7, 10, 11}));
  EXPECT_EQ(s.output("y").shape()[0], 2);
  s.input("start").copy_from(std::vector<int64_t>{0});
  s.input("shape").copy_from(std::vector<int64_t>{-1, 2});
  s.run();
  EXPECT_EQ(s.output("y").shape()[0], 6);
  s.input("shape").copy_from(std::vector<int64_t>{5, 5});
  EXPECT_THROW(s.run(), Error) << "12 elements do not fit 5x5";
}

// while i < n and sum < limit: sum += i + outer; collects sum.
Model summing_loop() {
  graph::Module module;
  module.graphs.resize(2);
  Graph& body = module.graphs[1];
  {
    const TensorId i = tensor(body, "i", DataType::int64, Dims{}), c = tensor(body, "c", DataType::bool_, Dims{}),
                   sum = tensor(body, "sum_in", DataType::float32, Dims{});
    const TensorId outer = tensor(body, "outer", DataType::float32);  // captured
    const TensorId fi = tensor(body, "fi", DataType::float32), t = tensor(body, "t", DataType::float32),
                   next = tensor(body, "sum_out", DataType::float32, Dims{}),
                   go = tensor(body, "go", DataType::bool_, Dims{}),
                   seen = tensor(body, "seen", DataType::float32, Dims{});
    body.inputs = {i, c, sum};
    body.outputs = {go, next, seen};
    schema::CastAttributesT cast;
    cast.to = DataType::float32;
    body.add_node("cast", Op::Cast, {i}, {fi}, cast);
    body.add_node("plus", Op::Binary, {fi, outer}, {t}, binary(schema::BinaryFunction::add));
    body.add_node("acc", Op::Binary, {sum, t}, {next}, binary(schema::BinaryFunction::add));
    schema::CompareAttributesT less;
    less.function = schema::CompareFunction::less;
    body.add_node(
        "less", Op::Compare,
        {next, body.add_constant("limit", DataType::float32, {}, graph::Constant::of(std::vector<float>{20}))}, {go},
        less);
    body.add_node("copy", Op::Identity, {next}, {seen}, schema::NoAttributesT{});
  }
  Graph& g = module.main();
  const TensorId n = tensor(g, "n", DataType::int64, Dims{}), x = tensor(g, "x", DataType::float32, Dims{}),
                 outer = tensor(g, "outer", DataType::float32), sum = tensor(g, "sum", DataType::float32),
                 all = tensor(g, "all", DataType::float32), y = tensor(g, "y", DataType::float32);
  g.inputs = {n, x};
  g.outputs = {sum, y};
  g.add_node("outer", Op::Binary, {x, x}, {outer}, binary(schema::BinaryFunction::add));
  schema::LoopAttributesT loop;
  loop.body_graph = 1;
  const TensorId zero = g.add_constant("zero", DataType::float32, {}, graph::Constant::of(std::vector<float>{0}));
  g.add_node("loop", Op::Loop, {n, graph::kNone, zero}, {sum, all}, loop);
  g.add_node("neg", Op::Unary, {all}, {y}, unary(schema::UnaryFunction::neg));
  return Model::from_module(std::move(module));
}

TEST(Dynamic, LoopRunsUntilItsConditionOrItsCount) {
  const Runtime rt = runtime_with();
  Session s = rt.compile(summing_loop());
  const auto go = [&](int64_t n, float x) {
    s.input("n").copy_from(std::vector<int64_t>{n});
    s.input("x").copy_from(std::vector<float>{x});
    s.run();
    const auto y = s.output("y").as<float>();
    return std::vector<float>(y.begin(), y.end());
  };
  EXPECT_EQ(go(3, 0.5f), (std::vector<float>{-1, -3, -6}));
  EXPECT_EQ(s.output("sum").as<float>()[0], 6);
  EXPECT_EQ(go(100, 1), (std::vector<float>{-2, -5, -9, -14, -20})) << "stopped by its condition";
  EXPECT_EQ(go(0, 1), (std::vector<float>{}));
}

TEST(Dynamic, ABodyWithinItselfIsAnError) {
  graph::Module module = summing_loop().module();
  Graph& body = module.graphs[1];
  schema::LoopAttributesT loop;
  loop.body_graph = 1;
  body.add_node("again", Op::Loop, {body.inputs[0], graph::kNone, body.inputs[2]},
                {tensor(body, "last", DataType::float32), tensor(body, "all_of_them", DataType::float32)}, loop);
  const Runtime rt = runtime_with();
  EXPECT_THROW(rt.compile(Model::from_module(std::move(module))), Error);
}

TEST(Dynamic, AnEndlessLoopEndsWithAnError) {
  graph::Module module = summing_loop().module();
  Graph& body = module.graphs[1];
  body.outputs[0] = body.inputs[1];  // the condition stays true
  const Runtime rt = runtime_with();
  CompileOptions options;
  options.limits.max_iterations = 50;
  Session s = rt.compile(Model::from_module(std::move(module)), options);
  s.input("n").copy_from(std::vector<int64_t>{INT64_MAX});
  s.input("x").copy_from(std::vector<float>{1});
  try {
    s.run();
    FAIL() << "ran";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::limit) << e.what();
  }
}

TEST(Dynamic, IfTakesTheBranchThatTheDataSay) {
  graph::Module module;
  module.graphs.resize(3);
  for (size_t k : {1u, 2u}) {
    Graph& branch = module.graphs[k];
    const TensorId x = tensor(branch, "twice", DataType::float32);  // captured, computed outside
    const TensorId y = tensor(branch, "branch_y", DataType::float32);
    branch.outputs = {y};
    branch.add_node("branch", Op::Unary, {x}, {y},
                    unary(k == 1 ? schema::UnaryFunction::neg : schema::UnaryFunction::abs));
  }
  Graph& g = module.main();
  const TensorId x = tensor(g, "x", DataType::float32, Dims{Dim(2)}),
                 limit = tensor(g, "limit", DataType::float32, Dims{}), twice = tensor(g, "twice", DataType::float32),
                 sum = tensor(g, "sum", DataType::float32), c = tensor(g, "c", DataType::bool_),
                 z = tensor(g, "z", DataType::float32), y = tensor(g, "y", DataType::float32);
  g.inputs = {x, limit};
  g.outputs = {y};
  g.add_node("twice", Op::Binary, {x, x}, {twice}, binary(schema::BinaryFunction::add));
  schema::ReduceAttributesT reduce;
  reduce.keepdims = false;
  g.add_node("sum", Op::Reduce, {twice}, {sum}, reduce);
  schema::CompareAttributesT greater;
  greater.function = schema::CompareFunction::greater;
  g.add_node("greater", Op::Compare, {sum, limit}, {c}, greater);
  schema::IfAttributesT branches;
  branches.then_graph = 1;
  branches.else_graph = 2;
  g.add_node("if", Op::If, {c}, {z}, branches);
  g.add_node("exp", Op::Unary, {z}, {y}, unary(schema::UnaryFunction::square));
  g.nodes.back().name = "square";
  g.nodes.back().attributes.Set(unary(schema::UnaryFunction::relu));
  const Runtime rt = runtime_with();
  Session s = rt.compile(Model::from_module(std::move(module)));
  s.input("limit").copy_from(std::vector<float>{0});
  EXPECT_EQ(run(s, {3, -1}), (std::vector<float>{0, 2})) << "then: neg, relu";
  EXPECT_EQ(run(s, {-3, 1}), (std::vector<float>{6, 2})) << "else: abs, relu";
  EXPECT_EQ(run(s, {3, -1}), (std::vector<float>{0, 2}));
}

}  // namespace
}  // namespace motley::test
