// Graphs as plugins get them.
#include "model/serialize.hpp"

#include <gtest/gtest.h>

#include "model_samples.hpp"
#include "motley/sdk/graph_view.hpp"

namespace motley::model {
namespace {

graph::Module with_known_shapes() {
  graph::Module module = small_module();
  for (graph::Tensor& tensor : module.main().tensors) {
    tensor.type = schema::DataType::float32;
    if (!tensor.constant)
      tensor.shape = graph::Dims{graph::Dim(1), graph::Dim(tensor.name == "x" || tensor.name == "z" ? 3 : 2)};
  }
  return module;
}

TEST(Serialize, APluginReadsTheWholeGraph) {
  const graph::Module module = with_known_shapes();
  const SerializedGraph serialized = serialize(module.main());
  const motley_graph view = serialized.view();
  EXPECT_EQ(view.constant_count, 3u);
  const sdk::GraphView graph(view);
  ASSERT_EQ(graph.node_count(), 3u);
  EXPECT_EQ(graph.node(0).op(), schema::Op::MatMul);
  EXPECT_EQ(graph.node(0).attributes<schema::MatMulAttributes>().alpha(), 2);
  EXPECT_EQ(graph.node(0).input(1)->constant, module.main().tensors[1].constant->data) << "constants are not copied";
  EXPECT_EQ(graph.node(0).input(2)->constant_as<float>()[1], 1);
  EXPECT_EQ(graph.inputs().size(), 1u);
  EXPECT_EQ(graph.outputs().size(), 2u);
}

TEST(Serialize, ASegmentHasOnlyWhatItNames) {
  const graph::Module module = with_known_shapes();
  // The last two nodes: "product" comes in, "z" goes out.
  const SerializedGraph serialized = serialize_segment(module.main(), {1, 2}, {4}, {6});
  const sdk::GraphView graph(serialized.view());
  ASSERT_EQ(graph.node_count(), 2u);
  EXPECT_EQ(graph.tensors().size(), 4u);  // product, y, z, w2
  EXPECT_EQ(graph.tensor(graph.inputs()[0]).raw->name()->str(), "product");
  EXPECT_EQ(graph.tensor(graph.outputs()[0]).raw->name()->str(), "z");
  EXPECT_EQ(graph.node(1).input(0)->index, graph.node(0).output(0)->index);
  EXPECT_EQ(graph.node(1).input(1)->constant, module.main().tensors[2].constant->data);
  EXPECT_EQ(serialized.view().constant_count, 1u);
}

TEST(Serialize, AbsentInputsStayAbsent) {
  graph::Module module = with_known_shapes();
  module.main().nodes[0].inputs = {0, 1, graph::kNone, 0};
  const SerializedGraph serialized = serialize_segment(module.main(), {0}, {0}, {4});
  const sdk::GraphView graph(serialized.view());
  EXPECT_EQ(graph.node(0).input_count(), 4u);
  EXPECT_EQ(graph.node(0).input(2), nullptr);
  EXPECT_EQ(graph.node(0).input(3)->index, graph.node(0).input(0)->index);
}

TEST(Serialize, AnInputIsNoConstantOfItsSegment) {
  const graph::Module module = with_known_shapes();
  const SerializedGraph serialized = serialize_segment(module.main(), {2}, {5, 2}, {6});
  const sdk::GraphView graph(serialized.view());
  EXPECT_FALSE(graph.node(0).input(1)->is_constant());
}

TEST(Serialize, ConstantsOutliveTheGraph) {
  SerializedGraph serialized;
  {
    const graph::Module module = with_known_shapes();
    serialized = serialize(module.main());
  }
  const sdk::GraphView graph(serialized.view());
  EXPECT_EQ(graph.node(0).input(1)->constant_as<float>()[5], 6);
}

}  // namespace
}  // namespace motley::model
