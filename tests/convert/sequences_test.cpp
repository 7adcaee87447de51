// Sequences and optionals that are known while importing.
#include "network.hpp"

namespace motley::test {
namespace {

using Values = std::vector<float>;
using Doubles = std::vector<double>;

// A model of several nodes: inputs x (4) and y (4), whose values are fed, and an output z.
struct Chain {
  onnx::ModelProto model = new_model(17);
  onnx::GraphProto& graph = *model.mutable_graph();

  Chain() {
    add_value(*graph.add_input(), "x", {4});
    add_value(*graph.add_input(), "y", {4});
    graph.add_output()->set_name("z");
    add_ints(graph, "zero", {0}, true);
    add_ints(graph, "one", {1}, true);
    add_ints(graph, "last", {-1}, true);
  }
  onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& in,
                        const std::vector<std::string>& out) {
    return add_node(graph, op, in, out);
  }
  Doubles run() const {
    RuntimeOptions options;
    options.standard_places = false;
    options.plugin_folders = {MOTLEY_PLUGINS};
    const Runtime runtime(options);
    const Model loaded = Model::from_module(import(model));
    Session session = runtime.compile(loaded, {.devices = {"reference"}});
    session.input("x").copy_from(Values{1, 2, 3, 4});
    session.input("y").copy_from(Values{5, 6, 7, 8});
    session.run();
    const auto values = session.output("z").as<float>();
    return Doubles(values.begin(), values.end());
  }
};

TEST(Sequences, BuiltChangedAndRead) {
  Chain c;
  c.node("Neg", {"x"}, {"n"});
  c.node("SequenceConstruct", {"x", "y"}, {"s"});
  c.node("SequenceInsert", {"s", "n", "one"}, {"t"});  // x n y
  c.node("SequenceErase", {"t", "last"}, {"u"});       // x n
  c.node("SequenceInsert", {"u", "y"}, {"v"});         // x n y
  c.node("SequenceAt", {"v", "last"}, {"a"});
  c.node("SequenceAt", {"v", "one"}, {"b"});
  c.node("SequenceLength", {"v"}, {"length"});
  set_attribute(c.node("Cast", {"length"}, {"count"}), "to", 1);
  c.node("Add", {"a", "b"}, {"sum"});
  c.node("Add", {"sum", "count"}, {"z"});
  EXPECT_EQ(c.run(), (Doubles{7, 7, 7, 7}));  // y - x + 3
}

TEST(Sequences, SplitAndJoined) {
  Chain c;
  c.node("SplitToSequence", {"x"}, {"s"});
  set_attribute(c.graph.mutable_node()->at(0), "keepdims", 0);
  c.node("SequenceAt", {"s", "one"}, {"two"});  // a scalar
  add_ints(c.graph, "three", {3}, true);
  c.node("SplitToSequence", {"y", "three"}, {"t"});  // 5 6 7, 8
  c.node("SequenceAt", {"t", "last"}, {"eight"});
  c.node("Mul", {"eight", "two"}, {"sixteen"});
  c.node("SequenceEmpty", {}, {"e"});
  c.node("SequenceInsert", {"e", "sixteen"}, {"f"});
  c.node("SequenceInsert", {"f", "x", "zero"}, {"g"});
  set_attribute(c.node("ConcatFromSequence", {"g"}, {"z"}), "axis", 0);
  EXPECT_EQ(c.run(), (Doubles{1, 2, 3, 4, 16}));
  Chain stacked;
  stacked.node("SequenceConstruct", {"x", "y"}, {"s"});
  auto& join = stacked.node("ConcatFromSequence", {"s"}, {"z"});
  set_attribute(join, "axis", 1);
  set_attribute(join, "new_axis", 1);
  EXPECT_EQ(stacked.run(), (Doubles{1, 5, 2, 6, 3, 7, 4, 8}));
}

TEST(Sequences, CarriedThroughALoop) {
  Chain c;
  c.node("SequenceEmpty", {}, {"e"});
  add_ints(c.graph, "trips", {3}, true);
  auto& loop = c.node("Loop", {"trips", "", "e", "x"}, {"s", "end"});
  auto* body = loop.add_attribute();
  body->set_name("body");
  body->set_type(onnx::AttributeProto::GRAPH);
  auto& inner = *body->mutable_g();
  for (const char* name : {"i", "go", "list", "state"}) inner.add_input()->set_name(name);
  inner.mutable_input(2)->mutable_type()->mutable_sequence_type()->mutable_elem_type()->mutable_tensor_type();
  add_node(inner, "Add", {"state", "y"}, {"next"});
  add_node(inner, "SequenceInsert", {"list", "next"}, {"longer"});
  add_node(inner, "Identity", {"go"}, {"on"});
  for (const char* name : {"on", "longer", "next"}) inner.add_output()->set_name(name);
  c.node("SequenceAt", {"s", "one"}, {"z"});
  EXPECT_EQ(c.run(), (Doubles{11, 14, 17, 20}));  // x + 2 y
}

TEST(Sequences, Mapped) {
  Chain c;
  c.node("SequenceConstruct", {"x", "y"}, {"s"});
  auto& map = c.node("SequenceMap", {"s", "s", "x"}, {"t"});
  auto* body = map.add_attribute();
  body->set_name("body");
  body->set_type(onnx::AttributeProto::GRAPH);
  auto& inner = *body->mutable_g();
  for (const char* name : {"p", "q", "r"}) inner.add_input()->set_name(name);
  add_node(inner, "Mul", {"p", "q"}, {"square"});
  add_node(inner, "Add", {"square", "r"}, {"out"});
  inner.add_output()->set_name("out");
  c.node("SequenceAt", {"t", "last"}, {"z"});
  EXPECT_EQ(c.run(), (Doubles{26, 38, 52, 68}));  // y² + x
}

TEST(Sequences, Optionals) {
  Chain c;
  c.node("Optional", {"x"}, {"some"});
  c.node("Optional", {}, {"none"});
  c.node("OptionalHasElement", {"some"}, {"yes"});
  c.node("Identity", {"none"}, {"still"});
  c.node("OptionalHasElement", {"still"}, {"no"});
  c.node("OptionalGetElement", {"some"}, {"value"});
  c.node("Where", {"yes", "value", "y"}, {"a"});
  c.node("Where", {"no", "y", "x"}, {"b"});
  c.node("Add", {"a", "b"}, {"z"});
  EXPECT_EQ(c.run(), (Doubles{2, 4, 6, 8}));
}

TEST(Sequences, WhatIsRefused) {
  const auto refused = [](Chain& c, const char* why) {
    const std::string message = error_of(c.model, ErrorCode::unsupported);
    EXPECT_NE(message.find(why), std::string::npos) << message;
  };
  Chain out;
  out.node("SequenceConstruct", {"x", "y"}, {"z"});
  refused(out, "sequence");
  Chain other;
  other.node("SequenceConstruct", {"x", "y"}, {"s"});
  other.node("Relu", {"s"}, {"z"});
  refused(other, "a sequence or an empty optional as an input");
  Chain tensor;
  tensor.node("SequenceAt", {"x", "one"}, {"z"});
  refused(tensor, "not known while importing");
  Chain computed;
  set_attribute(computed.node("Cast", {"x"}, {"p"}), "to", 7);
  computed.node("SequenceConstruct", {"x", "y"}, {"s"});
  computed.node("SequenceAt", {"s", "p"}, {"z"});
  refused(computed, "not constant");
  Chain nested;
  nested.node("SequenceConstruct", {"x", "y"}, {"s"});
  nested.node("SequenceConstruct", {"s", "s"}, {"t"});
  nested.node("SequenceAt", {"t", "one"}, {"z"});
  refused(nested, "a sequence of sequences");
  Chain beyond;
  beyond.node("SequenceConstruct", {"x"}, {"s"});
  beyond.node("SequenceAt", {"s", "one"}, {"z"});
  EXPECT_NE(error_of(beyond.model, ErrorCode::invalid_model).find("none of its 1 (1)"), std::string::npos);
}

}  // namespace
}  // namespace motley::test
