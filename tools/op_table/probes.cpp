// Nodes to ask devices about.
#include "probes.hpp"

#include "graph/infer.hpp"

namespace motley::op_table {

namespace {

using schema::DataType;
using schema::Op;

struct Input {
  std::vector<int64_t> shape;
  DataType type = DataType::float32;
  bool constant = false;  // zeros
};

class Builder {
 public:
  template <class AttributesT>
  void add(Op op, AttributesT attributes, const std::vector<Input>& inputs, int outputs = 1) {
    graph::Graph graph;
    std::vector<graph::TensorId> in, out;
    for (const Input& input : inputs) {
      graph::Tensor tensor;
      tensor.name = "in" + std::to_string(in.size());
      tensor.type = input.type;
      tensor.shape.emplace(input.shape.begin(), input.shape.end());
      if (input.constant) {
        const std::vector<std::byte> zeros(tensor.bytes());
        tensor.constant = graph::Constant::copy_of(zeros.data(), zeros.size());
      }
      in.push_back(graph.add_tensor(std::move(tensor)));
      if (!input.constant) graph.inputs.push_back(in.back());
    }
    for (int i = 0; i < outputs; ++i) {
      graph::Tensor tensor;
      tensor.name = "out" + std::to_string(i);
      out.push_back(graph.add_tensor(std::move(tensor)));
      graph.outputs.push_back(out.back());
    }
    graph.add_node("node", op, in, out, std::move(attributes));
    graph::infer_node(graph, graph.nodes.front());
    for (graph::TensorId id : graph.outputs)
      if (auto& shape = graph.tensor(id).shape)
        for (graph::Dim& dim : *shape)
          if (!dim.known()) dim = graph::Dim(kBound);
    graphs.push_back(std::move(graph));
  }
  std::vector<graph::Graph> graphs;

 private:
  static constexpr int64_t kBound = 24;  // of a Range
};

void quantized(Builder& b) {
  const Input scale{{}, DataType::float32, true}, zero{{}, DataType::uint8, true}, zero8{{}, DataType::int8, true};
  const Input image{{1, 4, 5, 5}, DataType::uint8}, kernel{{6, 4, 3, 3}, DataType::int8, true};
  schema::QuantizeAttributesT to;
  to.to = DataType::uint8;
  b.add(Op::QuantizeLinear, to, {{{2, 3, 4}}, scale, zero});
  to.to = DataType::float32;
  b.add(Op::DequantizeLinear, to, {{{2, 3, 4}, DataType::uint8}, scale, zero});
  b.add(Op::DynamicQuantizeLinear, schema::NoAttributesT{}, {{{2, 3, 4}}}, 3);
  b.add(Op::QLinearConv, schema::ConvAttributesT{}, {image, scale, zero, kernel, scale, zero8, scale, zero});
  b.add(Op::ConvInteger, schema::ConvAttributesT{}, {image, kernel, zero, zero8});
  const Input left{{3, 4}, DataType::uint8}, right{{4, 5}, DataType::int8, true};
  b.add(Op::QLinearMatMul, schema::NoAttributesT{}, {left, scale, zero, right, scale, zero8, scale, zero});
  b.add(Op::MatMulInteger, schema::NoAttributesT{}, {left, right, zero, zero8});
}

void vision(Builder& b) {
  schema::RoiAlignAttributesT align;
  align.output_height = align.output_width = 2;
  b.add(Op::GridSample, schema::GridSampleAttributesT{}, {{{1, 2, 5, 5}}, {{1, 3, 3, 2}}});
  b.add(Op::RoiAlign, align, {{{1, 2, 5, 5}}, {{3, 4}}, {{3}, DataType::int64}});
  b.add(Op::DeformConv, schema::DeformConvAttributesT{}, {{{1, 4, 5, 5}}, {{6, 4, 3, 3}}, {{1, 18, 3, 3}}});
}

}  // namespace

std::vector<graph::Graph> probes() {
  Builder b;
  quantized(b);
  vision(b);
  const Input number{{}, DataType::int64};
  b.add(Op::Range, schema::NoAttributesT{}, {number, number, number});
  return std::move(b.graphs);
}

}  // namespace motley::op_table
