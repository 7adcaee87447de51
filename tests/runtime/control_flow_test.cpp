// If, Loop and Scan inside one another, what they capture, and where they end.
#include <gtest/gtest.h>

#include <thread>

#include "graphs.hpp"
#include "ir_builder.hpp"

namespace motley::test {
namespace {

using schema::BinaryFunction;
using schema::CompareFunction;
using schema::NoAttributesT;

// A body of a Loop: iteration "NAME/i", condition "NAME/c", and what it carries.
struct LoopGraph {
  Graph& graph;
  std::string name;
  TensorId i, c;

  LoopGraph(Graph& g, std::string n) : graph(g), name(std::move(n)) {
    i = tensor(g, name + "/i", DataType::int64, Dims{});
    c = tensor(g, name + "/c", DataType::bool_, Dims{});
    g.inputs = {i, c};
  }
  TensorId carried(const std::string& what, DataType type, std::optional<Dims> shape = std::nullopt) {
    const TensorId id = tensor(graph, name + "/" + what, type, std::move(shape));
    graph.inputs.push_back(id);
    return id;
  }
};

TensorId add(Graph& g, const std::string& name, TensorId a, TensorId b, DataType type = DataType::float32) {
  return node(g, name, Op::Binary, {a, b}, type, binary(BinaryFunction::add));
}
TensorId copy(Graph& g, const std::string& name, TensorId a, DataType type) {
  return node(g, name, Op::Identity, {a}, type, NoAttributesT());
}

schema::LoopAttributesT body(int32_t graph) {
  schema::LoopAttributesT a;
  a.body_graph = graph;
  return a;
}

std::vector<float> floats(Session& s, const std::string& name) {
  const auto y = s.output(name).as<float>();
  return {y.begin(), y.end()};
}
std::vector<int64_t> shape_of(Session& s, const std::string& name) {
  const auto shape = s.output(name).shape();
  return {shape.begin(), shape.end()};
}
template <class T>
void set(Session& s, const std::string& name, const std::vector<T>& values) {
  s.input(name).copy_from(values);
}

// for i < n: if i is even: for j < i + 1: sum += x, where x is from outermost; else sum = -sum.
TEST(ControlFlow, ALoopInAnIfInALoop) {
  graph::Module module;
  module.graphs.resize(5);
  Graph& main = module.main();
  const TensorId n = tensor(main, "n", DataType::int64, Dims{}), x = tensor(main, "x", DataType::float32, Dims{});
  main.inputs = {n, x};
  add(main, "twice", x, x);
  const TensorId zero = constant<float>(main, "zero", DataType::float32, {}, {0}),
                 sum = tensor(main, "sum", DataType::float32);
  main.add_node("outer", Op::Loop, {n, graph::kNone, zero}, {sum}, body(1));
  main.outputs = {add(main, "y", sum, x)};
  {
    LoopGraph outer(module.graphs[1], "outer");
    Graph& g = outer.graph;
    outer.carried("sum", DataType::float32, Dims{});
    const TensorId rest = node(g, "rest", Op::Binary,
                               {outer.i, constant<int64_t>(g, "two", DataType::int64, {}, {2})}, DataType::int64,
                               binary(BinaryFunction::mod));
    const TensorId even =
        node(g, "even", Op::Compare, {rest, constant<int64_t>(g, "none", DataType::int64, {}, {0})}, DataType::bool_,
             compare(CompareFunction::equal));
    add(g, "count", outer.i, constant<int64_t>(g, "one", DataType::int64, {}, {1}), DataType::int64);
    const TensorId next = tensor(g, "outer/next", DataType::float32);
    schema::IfAttributesT branches;
    branches.then_graph = 2;
    branches.else_graph = 3;
    g.add_node("if", Op::If, {even}, {next}, branches);
    g.outputs = {copy(g, "outer/go", outer.c, DataType::bool_), next};
  }
  {  // then: an inner loop over what the outer one carries
    Graph& g = module.graphs[2];
    const TensorId count = tensor(g, "count", DataType::int64), start = tensor(g, "outer/sum", DataType::float32),
                   end = tensor(g, "then/sum", DataType::float32);
    g.add_node("inner", Op::Loop, {count, graph::kNone, start}, {end}, body(4));
    g.outputs = {end};
  }
  {
    Graph& g = module.graphs[3];
    const TensorId start = tensor(g, "outer/sum", DataType::float32);
    g.outputs = {node(g, "minus", Op::Unary, {start}, DataType::float32, unary(schema::UnaryFunction::neg))};
  }
  {  // reads "twice", which only the main graph has
    LoopGraph inner(module.graphs[4], "inner");
    Graph& g = inner.graph;
    const TensorId carried = inner.carried("sum", DataType::float32, Dims{});
    const TensorId twice = tensor(g, "twice", DataType::float32);
    g.outputs = {copy(g, "inner/go", inner.c, DataType::bool_), add(g, "inner/next", carried, twice)};
  }
  const Runtime rt = runtime_with();
  Session s = rt.compile(Model::from_module(std::move(module)));
  const auto expected = [](int64_t count, float value) {
    float total = 0;
    for (int64_t i = 0; i < count; ++i) total = i % 2 ? -total : total + 2 * value * static_cast<float>(i + 1);
    return std::vector<float>{total + value};
  };
  for (int64_t count : {0, 1, 2, 5}) {
    set<int64_t>(s, "n", {count});
    set<float>(s, "x", {0.5f});
    s.run();
    EXPECT_EQ(floats(s, "y"), expected(count, 0.5f)) << count;
  }
  const size_t plans = s.plans_made();
  set<float>(s, "x", {3});
  s.run();
  EXPECT_EQ(floats(s, "y"), expected(5, 3));
  EXPECT_EQ(s.plans_made(), plans) << "other values of the same shapes";
}

// One loop's result is computed on, and captured by the next loop.
TEST(ControlFlow, ALoopCapturesWhatALoopMade) {
  graph::Module module;
  module.graphs.resize(3);
  Graph& main = module.main();
  const TensorId n = tensor(main, "n", DataType::int64, Dims{}), x = tensor(main, "x", DataType::float32, Dims{});
  main.inputs = {n, x};
  const TensorId a = tensor(main, "a", DataType::float32), b = tensor(main, "b", DataType::float32);
  main.add_node("first", Op::Loop, {n, graph::kNone, x}, {a}, body(1));
  add(main, "captured", a, a);
  main.add_node("second", Op::Loop, {n, graph::kNone, x}, {b}, body(2));
  main.outputs = {b};
  for (int32_t k : {1, 2}) {
    LoopGraph loop(module.graphs[static_cast<size_t>(k)], "loop" + std::to_string(k));
    const TensorId v = loop.carried("v", DataType::float32, Dims{});
    const TensorId other = k == 1 ? v : tensor(loop.graph, "captured", DataType::float32);
    loop.graph.outputs = {loop.c, add(loop.graph, loop.name + "/next", v, other)};
  }
  const Runtime rt = runtime_with();
  Session s = rt.compile(Model::from_module(std::move(module)));
  set<int64_t>(s, "n", {3});
  set<float>(s, "x", {1});
  s.run();
  EXPECT_EQ(floats(s, "b"), (std::vector<float>{1 + 3 * 16}));  // 1 doubled three times, and twice that three times
}

// A weight of the main graph that a body reads stays a constant there: the product is planned once, its weight packed.
TEST(ControlFlow, WeightsAroundABodyStayConstants) {
  graph::Module module;
  module.graphs.resize(2);
  Graph& main = module.main();
  const TensorId n = tensor(main, "n", DataType::int64, Dims{}),
                 x = tensor(main, "x", DataType::float32, Dims{Dim(1), Dim(2)});
  main.inputs = {n, x};
  constant<float>(main, "w", DataType::float32, {2, 2}, {0, 1, 2, 0});
  const TensorId y = tensor(main, "y", DataType::float32);
  main.add_node("loop", Op::Loop, {n, graph::kNone, x}, {y}, body(1));
  main.outputs = {y};
  LoopGraph loop(module.graphs[1], "loop");
  const TensorId v = loop.carried("v", DataType::float32, Dims{Dim(1), Dim(2)}),
                 w = tensor(loop.graph, "w", DataType::float32);
  loop.graph.outputs = {
      loop.c, node(loop.graph, "product", Op::MatMul, {v, w}, DataType::float32, schema::MatMulAttributesT())};
  const Runtime rt = runtime_with();
  Session s = rt.compile(Model::from_module(std::move(module)), {.devices = {"cpu"}});
  set<int64_t>(s, "n", {3});
  set<float>(s, "x", {1, 3});
  s.run();
  EXPECT_EQ(floats(s, "y"), (std::vector<float>{12, 2}));
  const Explanation e = s.explain();
  EXPECT_GE(e.constant_bytes + e.resident_bytes, 16u) << e.to_string();
  const size_t plans = s.plans_made();
  set<int64_t>(s, "n", {40});
  s.run();
  EXPECT_EQ(s.plans_made(), plans);
}

// The carried value grows: v = concat(v, i), until its condition says no. Its trip count is absent.
graph::Module growing(int64_t limit) {
  graph::Module module;
  module.graphs.resize(2);
  Graph& main = module.main();
  const TensorId go = tensor(main, "go", DataType::bool_, Dims{}),
                 x = tensor(main, "x", DataType::float32, Dims{Dim(1)});
  main.inputs = {go, x};
  const TensorId y = tensor(main, "y", DataType::float32), all = tensor(main, "all", DataType::int64);
  main.add_node("loop", Op::Loop, {graph::kNone, go, x}, {y, all}, body(1));
  main.outputs = {y, all};
  LoopGraph loop(module.graphs[1], "loop");
  Graph& g = loop.graph;
  const TensorId v = loop.carried("v", DataType::float32);
  const TensorId f = node(g, "f", Op::Cast, {loop.i}, DataType::float32, cast_to(DataType::float32));
  const TensorId piece = node(g, "piece", Op::Reshape, {f, g.add_int64("one", {1})}, DataType::float32,
                              schema::ReshapeAttributesT());
  const TensorId next =
      node(g, "next", Op::Concat, {v, piece}, DataType::float32, schema::AxisAttributesT());
  const TensorId more =
      node(g, "more", Op::Compare, {loop.i, constant<int64_t>(g, "limit", DataType::int64, {}, {limit})},
           DataType::bool_, compare(CompareFunction::less));
  g.outputs = {more, next, copy(g, "seen", loop.i, DataType::int64)};
  return module;
}

TEST(ControlFlow, CarriedShapesMayChange) {
  const Runtime rt = runtime_with();
  Session s = rt.compile(Model::from_module(growing(4)));
  s.input("go").copy_from(std::span<const bool>(std::array<bool, 1>{true}));
  set<float>(s, "x", {7});
  for (int round = 0; round < 2; ++round) {
    s.run();
    EXPECT_EQ(floats(s, "y"), (std::vector<float>{7, 0, 1, 2, 3, 4}));
    EXPECT_EQ(shape_of(s, "all"), (std::vector<int64_t>{5}));
  }
  s.input("go").copy_from(std::span<const bool>(std::array<bool, 1>{false}));
  s.run();
  EXPECT_EQ(floats(s, "y"), (std::vector<float>{7})) << "no iteration";
  EXPECT_EQ(shape_of(s, "all"), (std::vector<int64_t>{0}));
}

// More shapes than plans are kept: old ones go, and the result is right.
TEST(ControlFlow, ManyShapesDoNotKeepEveryPlan) {
  const Runtime rt = runtime_with();
  Session s = rt.compile(Model::from_module(growing(300)));
  s.input("go").copy_from(std::span<const bool>(std::array<bool, 1>{true}));
  set<float>(s, "x", {7});
  s.run();
  EXPECT_EQ(s.output("y").elements(), 302);
  EXPECT_EQ(floats(s, "y").back(), 300);
  EXPECT_LT(s.explain().nodes.size(), 300u) << "plans of the last run that are still there";
}

// A count of 2^63 - 1 with an end after five, and no end at all.
graph::Module counting(bool ends) {
  graph::Module module;
  module.graphs.resize(2);
  Graph& main = module.main();
  const TensorId n = tensor(main, "n", DataType::int64, Dims{}), x = tensor(main, "x", DataType::float32, Dims{});
  main.inputs = {n, x};
  const TensorId y = tensor(main, "y", DataType::float32);
  main.add_node("loop", Op::Loop, {ends ? n : graph::kNone, graph::kNone, x}, {y}, body(1));
  main.outputs = {y};
  LoopGraph loop(module.graphs[1], "loop");
  Graph& g = loop.graph;
  const TensorId v = loop.carried("v", DataType::float32, Dims{});
  const TensorId next = add(g, "next", v, constant<float>(g, "one", DataType::float32, {}, {1}));
  const TensorId go = node(g, "go", Op::Compare, {next, constant<float>(g, "five", DataType::float32, {}, {5})},
                           DataType::bool_, compare(ends ? CompareFunction::less : CompareFunction::greater_or_equal));
  g.outputs = {go, next};
  return module;
}

TEST(ControlFlow, AGreatCountEndsEarly) {
  const Runtime rt = runtime_with();
  Session s = rt.compile(Model::from_module(counting(true)));
  set<int64_t>(s, "n", {INT64_MAX});
  set<float>(s, "x", {0});
  s.run();
  EXPECT_EQ(floats(s, "y"), (std::vector<float>{5}));
}

TEST(ControlFlow, AnEndlessLoopIsCancelled) {
  const Runtime rt = runtime_with();
  CompileOptions options;
  options.limits.max_iterations = UINT64_MAX;
  Session s = rt.compile(Model::from_module(counting(false)), options);
  set<float>(s, "x", {5});
  std::future<void> running = s.run_async();
  // A cancel that comes before the run begins is for no run, so it is said until heard.
  while (running.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) s.cancel();
  try {
    running.get();
    FAIL() << "an endless loop ended";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::cancelled) << e.what();
  }
  set<float>(s, "x", {1});  // 2 is not five or more: one iteration
  s.run();
  EXPECT_EQ(floats(s, "y"), (std::vector<float>{2})) << "the session goes on";
}

TEST(ControlFlow, WhatALoopCollectsIsLimited) {
  const Runtime rt = runtime_with();
  CompileOptions options;
  options.limits.max_run_bytes = 1 << 20;
  graph::Module module = growing(INT64_MAX);
  Graph& g = module.graphs[1];
  g.outputs[1] = g.inputs[2];  // v stays as it is
  g.outputs[2] = node(g, "block", Op::Expand, {g.inputs[2], g.add_int64("wide", {10'000})}, DataType::float32,
                      NoAttributesT());
  g.tensor(g.outputs[2]).type = DataType::float32;
  module.main().tensors[static_cast<size_t>(module.main().outputs[1])].type = DataType::float32;
  Session s = rt.compile(Model::from_module(std::move(module)), options);
  s.input("go").copy_from(std::span<const bool>(std::array<bool, 1>{true}));
  try {
    s.run();
    FAIL() << "ran";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::limit) << e.what();
    EXPECT_NE(std::string(e.what()).find("max_run_bytes"), std::string::npos) << e.what();
  }
}

// Outputs that are collected in no step have the shape of those that would be.
TEST(ControlFlow, NoIterationsGiveEmptyOutputsOfTheRightShape) {
  graph::Module module;
  module.graphs.resize(2);
  Graph& main = module.main();
  const TensorId n = tensor(main, "n", DataType::int64, Dims{}),
                 x = tensor(main, "x", DataType::float32, Dims{Dim(2), Dim(3)});
  main.inputs = {n, x};
  const TensorId y = tensor(main, "y", DataType::float32), all = tensor(main, "all", DataType::float32);
  main.add_node("loop", Op::Loop, {n, graph::kNone, x}, {y, all}, body(1));
  main.outputs = {y, node(main, "minus", Op::Unary, {all}, DataType::float32, unary(schema::UnaryFunction::neg))};
  LoopGraph loop(module.graphs[1], "loop");
  const TensorId v = loop.carried("v", DataType::float32);
  schema::TransposeAttributesT turn;
  turn.perm = {1, 0};
  loop.graph.outputs = {loop.c, copy(loop.graph, "next", v, DataType::float32),
                        node(loop.graph, "turned", Op::Transpose, {v}, DataType::float32, turn)};
  const Runtime rt = runtime_with();
  Session s = rt.compile(Model::from_module(std::move(module)));
  set<float>(s, "x", {1, 2, 3, 4, 5, 6});
  for (int64_t count : {0, 2, 0}) {
    set<int64_t>(s, "n", {count});
    s.run();
    EXPECT_EQ(shape_of(s, "minus"), (std::vector<int64_t>{count, 3, 2}));
    EXPECT_EQ(shape_of(s, "y"), (std::vector<int64_t>{2, 3}));
  }
}

// ---- Scan

struct ScanForm {
  std::vector<int64_t> in_axes, in_directions, out_axes, out_directions;
};

// state (2) += a + b over a and b, cut along an axis each; collects the state, and a's slice negated.
Model scanning(const ScanForm& form) {
  graph::Module module;
  module.graphs.resize(2);
  Graph& main = module.main();
  const auto open = [](const char* rows, const char* columns) { return Dims{Dim(std::string(rows)), Dim(std::string(columns))}; };
  const TensorId state = tensor(main, "state", DataType::float32, Dims{Dim(2)}),
                 a = tensor(main, "a", DataType::float32, open("a0", "a1")),
                 b = tensor(main, "b", DataType::float32, open("b0", "b1"));
  main.inputs = {state, a, b};
  main.outputs = {tensor(main, "last", DataType::float32), tensor(main, "states", DataType::float32),
                  tensor(main, "minus", DataType::float32)};
  schema::ScanAttributesT scan;
  scan.body_graph = 1;
  scan.num_scan_inputs = 2;
  scan.scan_input_axes = form.in_axes;
  scan.scan_input_directions = form.in_directions;
  scan.scan_output_axes = form.out_axes;
  scan.scan_output_directions = form.out_directions;
  main.add_node("scan", Op::Scan, {state, a, b}, main.outputs, scan);
  Graph& g = module.graphs[1];
  const TensorId s = tensor(g, "s", DataType::float32), x = tensor(g, "x", DataType::float32),
                 y = tensor(g, "z", DataType::float32);
  g.inputs = {s, x, y};
  const TensorId next = add(g, "next", add(g, "with_x", s, x), y);
  g.outputs = {next, copy(g, "seen", next, DataType::float32),
               node(g, "neg", Op::Unary, {x}, DataType::float32, unary(schema::UnaryFunction::neg))};
  return Model::from_module(std::move(module));
}

// What it gives, from the definition.
void expect_scan(const ScanForm& form, int64_t steps) {
  const auto at = [](const std::vector<int64_t>& list, size_t i) { return i < list.size() ? list[i] : 0; };
  const Runtime rt = runtime_with();
  const auto axis = [&](const std::vector<int64_t>& list, size_t k) { return (at(list, k) + 2) % 2; };
  const auto shape = [&](size_t k) {
    return axis(form.in_axes, k) == 0 ? std::vector<int64_t>{steps, 2} : std::vector<int64_t>{2, steps};
  };
  Session s = rt.compile(scanning(form), {.input_shapes = {{"a", shape(0)}, {"b", shape(1)}}});
  const std::vector<float> a = noise(static_cast<size_t>(2 * steps), 1), b = noise(static_cast<size_t>(2 * steps), 2);
  set(s, "a", a);
  set(s, "b", b);
  set<float>(s, "state", {1, -1});
  s.run();
  const auto element = [&](const std::vector<float>& v, size_t k, int64_t step, int64_t i) {
    const int64_t t = at(form.in_directions, k) ? steps - 1 - step : step;
    return v[static_cast<size_t>(axis(form.in_axes, k) == 0 ? t * 2 + i : i * steps + t)];
  };
  const auto collected = [&](size_t k, int64_t step, int64_t i) {
    const int64_t t = at(form.out_directions, k) ? steps - 1 - step : step;
    return static_cast<size_t>(axis(form.out_axes, k) == 0 ? t * 2 + i : i * steps + t);
  };
  std::vector<float> state{1, -1}, states(a.size()), minus(a.size());
  for (int64_t t = 0; t < steps; ++t)
    for (int64_t i = 0; i < 2; ++i) {
      float& value = state[static_cast<size_t>(i)];
      value = value + element(a, 0, t, i) + element(b, 1, t, i);
      states[collected(0, t, i)] = value;
      minus[collected(1, t, i)] = -element(a, 0, t, i);
    }
  EXPECT_EQ(floats(s, "last"), state);
  EXPECT_EQ(floats(s, "states"), states);
  EXPECT_EQ(floats(s, "minus"), minus);
  const std::vector<int64_t> first{steps, 2}, second{2, steps};
  EXPECT_EQ(shape_of(s, "states"), axis(form.out_axes, 0) == 0 ? first : second);
  EXPECT_EQ(shape_of(s, "minus"), axis(form.out_axes, 1) == 0 ? first : second);
  const size_t plans = s.plans_made();
  s.run();
  EXPECT_EQ(s.plans_made(), plans);
}

TEST(Scan, OverEveryAxisInEveryDirection) {
  for (int64_t steps : {0, 1, 3})
    for (const ScanForm& form : std::initializer_list<ScanForm>{
             {},
             {{0, 1}, {}, {1, 0}, {}},
             {{1, 0}, {0, 1}, {0, 1}, {1, 0}},
             {{-1, -2}, {1, 1}, {-1, -2}, {1, 1}},
             {{1, 1}, {1, 0}, {1, 1}, {0, 1}}}) {
      SCOPED_TRACE(testing::Message() << steps << " steps, first axis " << (form.in_axes.empty() ? 0 : form.in_axes[0]));
      expect_scan(form, steps);
    }
}

TEST(Scan, ManyStepsAreOnePlan) {
  const Runtime rt = runtime_with();
  Session s = rt.compile(scanning({}), {.input_shapes = {{"a", {3000, 2}}, {"b", {3000, 2}}}});
  set(s, "a", std::vector<float>(6000, 1));
  set(s, "b", std::vector<float>(6000, 0));
  s.run();
  EXPECT_EQ(floats(s, "last"), (std::vector<float>{3000, 3000}));
  EXPECT_LE(s.plans_made(), 2u);
  s.resize({{"a", {5, 2}}, {"b", {5, 2}}});
  set(s, "a", std::vector<float>(10, 1));
  set(s, "b", std::vector<float>(10, 1));
  s.run();
  EXPECT_EQ(floats(s, "last"), (std::vector<float>{10, 10}));
}

TEST(Scan, SaysWhatDoesNotFit) {
  const Runtime rt = runtime_with();
  const auto message = [&](const ScanForm& form, std::vector<int64_t> a, std::vector<int64_t> b) -> std::string {
    try {
      Session s = rt.compile(scanning(form), {.input_shapes = {{"a", a}, {"b", b}}});
      s.run();
      return "ran";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::invalid_model);
      return e.what();
    }
  };
  EXPECT_NE(message({}, {3, 2}, {4, 2}).find("different lengths (3 and 4)"), std::string::npos);
  EXPECT_NE(message({{2}, {}, {}, {}}, {3, 2}, {3, 2}).find("along axis 2"), std::string::npos);
  EXPECT_NE(message({{}, {}, {-3}, {}}, {3, 2}, {3, 2}).find("along axis -3"), std::string::npos);
}

}  // namespace
}  // namespace motley::test
