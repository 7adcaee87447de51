// The IR: building, order, liveness, and how it is described.
#include "graph/graph.hpp"

#include <gtest/gtest.h>

#include "graph/nested.hpp"

namespace motley::graph {
namespace {

TensorId value(Graph& graph, const char* name) {
  Tensor tensor;
  tensor.name = name;
  return graph.add_tensor(std::move(tensor));
}

void relu(Graph& graph, const char* name, TensorId in, TensorId out) {
  schema::UnaryAttributesT attributes;
  attributes.function = UnaryFunction::relu;
  graph.add_node(name, Op::Unary, {in}, {out}, attributes);
}

template <class Fn>
std::string message_of(ErrorCode code, Fn&& fn) {
  try {
    fn();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(Graph, ConstantKeepsItsOwnCopy) {
  std::vector<float> values{1, 2, 3};
  Graph graph;
  const TensorId id = graph.add_constant("w", DataType::float32, {3}, Constant::of(values));
  values.assign(3, 0.0f);
  EXPECT_TRUE(graph.tensor(id).is_constant());
  EXPECT_EQ(graph.tensor(id).values<float>()[2], 3.0f);
  EXPECT_EQ(graph.tensor(id).elements(), 3);
  EXPECT_EQ(graph.tensor(id).bytes(), 12u);
}

TEST(Graph, EmptyConstantHasAnAddress) {
  Graph graph;
  const TensorId id = graph.add_int64("none", {});
  EXPECT_NE(graph.tensor(id).constant->data, nullptr);
  EXPECT_EQ(graph.tensor(id).constant->bytes, 0u);
  EXPECT_EQ(graph.tensor(id).elements(), 0);
}

TEST(Graph, ElementCountsThatDoNotFitAreAnError) {
  Tensor tensor;
  tensor.name = "huge";
  tensor.type = DataType::float32;
  tensor.shape = Dims{int64_t{1} << 40, int64_t{1} << 40};
  EXPECT_NE(message_of(ErrorCode::limit, [&] { (void)tensor.elements(); }).find("\"huge\""), std::string::npos);
  tensor.shape = Dims{int64_t{1} << 62};
  EXPECT_EQ(tensor.elements(), int64_t{1} << 62);
  tensor.type = DataType::float64;
  message_of(ErrorCode::limit, [&] { (void)tensor.bytes(); });
  tensor.shape = Dims{int64_t{1} << 40, int64_t{1} << 40, 0};
  EXPECT_EQ(tensor.elements(), 0);
}

TEST(Graph, UnknownShapeHasNoExtents) {
  Tensor tensor;
  tensor.name = "t";
  message_of(ErrorCode::internal, [&] { (void)tensor.extents(); });
  tensor.shape = Dims{2, Dim("n")};
  EXPECT_FALSE(tensor.shape_known());
  message_of(ErrorCode::internal, [&] { (void)tensor.extents(); });
}

TEST(Graph, DimensionsAreEqualByNumberOrSymbol) {
  EXPECT_TRUE(Dim(3) == Dim(3));
  EXPECT_FALSE(Dim(3) == Dim(4));
  EXPECT_TRUE(Dim("n") == Dim("n"));
  EXPECT_FALSE(Dim("n") == Dim("m"));
  EXPECT_FALSE(Dim() == Dim());
  EXPECT_FALSE(Dim("n") == Dim(3));
}

TEST(Graph, ProducersAndConsumers) {
  Graph graph;
  const TensorId a = value(graph, "a"), b = value(graph, "b"), c = value(graph, "c");
  relu(graph, "first", a, b);
  graph.add_node("sum", Op::Binary, {b, b}, {c}, schema::BinaryAttributesT());
  EXPECT_EQ(graph.producers(), (std::vector<int32_t>{-1, 0, 1}));
  EXPECT_EQ(graph.consumers()[1], (std::vector<int32_t>{1}));
  EXPECT_TRUE(graph.consumers()[2].empty());
  EXPECT_EQ(graph.find_tensor("b"), b);
  EXPECT_EQ(graph.find_tensor("z"), kNone);
}

TEST(Graph, SortsIntoTopologicalOrderAndKeepsAnOrderThatIsOne) {
  Graph graph;
  const TensorId a = value(graph, "a"), b = value(graph, "b"), c = value(graph, "c"), d = value(graph, "d");
  relu(graph, "third", c, d);
  relu(graph, "second", b, c);
  relu(graph, "first", a, b);
  graph.sort_nodes();
  EXPECT_EQ(graph.nodes[0].name, "first");
  EXPECT_EQ(graph.nodes[1].name, "second");
  EXPECT_EQ(graph.nodes[2].name, "third");

  Graph parallel;
  const TensorId x = value(parallel, "x");
  for (const char* name : {"p", "q", "r"}) relu(parallel, name, x, value(parallel, name));
  parallel.sort_nodes();
  EXPECT_EQ(parallel.nodes[0].name, "p");
  EXPECT_EQ(parallel.nodes[2].name, "r");
}

TEST(Graph, ACycleIsAnErrorThatNamesANodeOnIt) {
  Graph graph;
  const TensorId a = value(graph, "a"), b = value(graph, "b"), c = value(graph, "c"), d = value(graph, "d");
  relu(graph, "behind", c, d);
  graph.add_node("loop_1", Op::Binary, {a, c}, {b}, schema::BinaryAttributesT());
  relu(graph, "loop_2", b, c);
  const std::string text = message_of(ErrorCode::invalid_model, [&] { graph.sort_nodes(); });
  EXPECT_NE(text.find("node \"loop_"), std::string::npos) << text;
  EXPECT_NE(text.find("cycle"), std::string::npos) << text;
}

TEST(Graph, ANodeThatReadsItsOwnOutputIsACycle) {
  Graph graph;
  const TensorId a = value(graph, "a");
  relu(graph, "self", a, a);
  message_of(ErrorCode::invalid_model, [&] { graph.sort_nodes(); });
}

TEST(Graph, TwoWritersOfOneTensorAreAnError) {
  Graph graph;
  const TensorId a = value(graph, "a"), b = value(graph, "b");
  relu(graph, "one", a, b);
  relu(graph, "two", a, b);
  const std::string text = message_of(ErrorCode::invalid_model, [&] { graph.sort_nodes(); });
  EXPECT_NE(text.find("\"b\""), std::string::npos) << text;
}

TEST(Graph, RemovesWhatNobodyReadsAndRenumbers) {
  Graph graph;
  value(graph, "stray");
  const TensorId a = value(graph, "a"), unread = value(graph, "unread"), b = value(graph, "b");
  graph.inputs = {a};
  graph.outputs = {b};
  relu(graph, "dead", a, unread);
  relu(graph, "live", a, b);
  graph.remove_dead();
  ASSERT_EQ(graph.nodes.size(), 1u);
  EXPECT_EQ(graph.nodes[0].name, "live");
  ASSERT_EQ(graph.tensors.size(), 2u);
  EXPECT_EQ(graph.tensor(graph.inputs[0]).name, "a");
  EXPECT_EQ(graph.tensor(graph.outputs[0]).name, "b");
  EXPECT_EQ(graph.nodes[0].outputs[0], graph.outputs[0]);
}

TEST(Graph, RemovalKeepsUnreadInputsOutputConstantsAndSecondOutputs) {
  Graph graph;
  const TensorId x = value(graph, "x"), values = value(graph, "values"), indices = value(graph, "indices");
  const TensorId k = graph.add_int64("k", {3}), out = graph.add_int64("out", {7}), spare = value(graph, "spare");
  graph.inputs = {x, spare};
  graph.outputs = {values, out};
  graph.add_node("topk", Op::TopK, {x, k}, {values, indices}, schema::TopKAttributesT());
  graph.remove_dead();
  EXPECT_EQ(graph.tensors.size(), 6u);
  EXPECT_TRUE(graph.tensor(graph.outputs[1]).is_constant());
}

TEST(Graph, NothingIsDeadBesideANestedGraphThatMayReadItByName) {
  Graph graph;
  const TensorId a = value(graph, "a"), captured = value(graph, "captured"), c = value(graph, "c");
  graph.inputs = {a};
  graph.outputs = {c};
  relu(graph, "feeds", a, captured);
  graph.add_node("if", Op::If, {a}, {c}, schema::IfAttributesT());
  graph.remove_dead();
  EXPECT_EQ(graph.nodes.size(), 2u);
}

// A model that was read is a tree of graphs; one made by hand may be none.
TEST(Graph, GraphsWithinThemselvesAreRefused) {
  Module module;
  module.graphs.resize(3);
  const auto loop = [&](size_t graph, int32_t body) {
    schema::LoopAttributesT attributes;
    attributes.body_graph = body;
    module.graphs[graph].add_node("loop", Op::Loop, {}, {}, attributes);
  };
  loop(0, 1), loop(1, 2);
  value(module.graphs[2], "outer");
  EXPECT_EQ(captured_names(module, module.graphs[0].nodes[0]), std::set<std::string>{"outer"});
  loop(2, 1);  // each within the other
  EXPECT_NE(
      message_of(ErrorCode::invalid_model, [&] { captured_names(module, module.graphs[0].nodes[0]); }).find("itself"),
      std::string::npos);
  EXPECT_NE(message_of(ErrorCode::invalid_model, [&] { captured_names(module, 1); }), "");

  module.graphs.assign(100, Graph());
  for (int32_t i = 0; i < 99; ++i) loop(static_cast<size_t>(i), i + 1);
  EXPECT_NE(message_of(ErrorCode::invalid_model, [&] { captured_names(module, 1); }), "");
}

TEST(Graph, Descriptions) {
  EXPECT_EQ(to_string(std::optional<Dims>()), "unknown rank");
  EXPECT_EQ(to_string(Dims{}), "scalar");
  EXPECT_EQ(to_string(Dims{2, 3, Dim(), Dim("batch")}), "2x3x?xbatch");
  EXPECT_STREQ(to_string(DataType::bool_), "bool");

  Graph graph;
  const TensorId a = value(graph, "a");
  relu(graph, "r", a, value(graph, "b"));
  EXPECT_EQ(describe_op(graph.nodes[0]), "Unary(relu)");
  schema::LogicalAttributesT logical;
  logical.function = schema::LogicalFunction::and_;
  EXPECT_EQ(describe_op(graph.add_node("l", Op::Logical, {}, {}, logical)), "Logical(and)");
  EXPECT_EQ(describe_op(graph.add_node("c", Op::Conv, {}, {}, schema::ConvAttributesT())), "Conv");
}

TEST(Graph, AttributesOfAnotherKindAreAnInternalError) {
  Graph graph;
  const Node& node = graph.add_node("c", Op::Conv, {}, {}, schema::ConvAttributesT());
  EXPECT_EQ(attributes<schema::ConvAttributesT>(node).group, 1);
  message_of(ErrorCode::internal, [&] { (void)attributes<schema::PoolAttributesT>(node); });
}

}  // namespace
}  // namespace motley::graph
