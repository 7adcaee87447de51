// Modules that the model tests store, read and damage.
#include "model_samples.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "model/model_file.hpp"

namespace motley::model {

namespace fs = std::filesystem;
using graph::AttributesUnion;
using graph::Dim;
using graph::Graph;
using graph::Node;
using graph::Tensor;
using graph::TensorId;
using schema::DataType;
using schema::Op;

TemporaryFolder::TemporaryFolder() {
  std::string pattern = testing::TempDir() + "motley_model_XXXXXX";
  path_ = mkdtemp(pattern.data());
}

namespace {

TensorId add(Graph& graph, std::string name, DataType type, std::optional<graph::Dims> shape) {
  Tensor tensor;
  tensor.name = std::move(name);
  tensor.type = type;
  tensor.shape = std::move(shape);
  return graph.add_tensor(std::move(tensor));
}

template <class T>
AttributesUnion as_union(T attributes) {
  AttributesUnion result;
  result.Set(std::move(attributes));
  return result;
}

}  // namespace

graph::Module small_module() {
  graph::Module module;
  module.producer = "test";
  module.metadata = {{"labels", "cat\ndog"}, {"empty", ""}};
  Graph& g = module.graphs.emplace_back();
  g.name = "small";
  const auto constant = [](std::vector<float> values) { return graph::Constant::of(values); };
  const TensorId x = add(g, "x", DataType::float32, graph::Dims{Dim("batch"), Dim(3)});
  const TensorId w = g.add_constant("w", DataType::float32, {3, 2}, constant({1, 2, 3, 4, 5, 6}));
  const TensorId same = g.add_constant("w2", DataType::float32, {2, 3}, constant({1, 2, 3, 4, 5, 6}));
  const TensorId bias = g.add_constant("b", DataType::float32, {2}, constant({-1, 1}));
  g.tensor(w).quantization = {{0.5f, 0.25f}, {1, -1}, 1};
  const TensorId product = add(g, "product", DataType::float32, std::nullopt);
  const TensorId y = add(g, "y", DataType::float32, graph::Dims{Dim("batch"), Dim()});
  const TensorId z = add(g, "z", DataType::undefined, std::nullopt);
  schema::MatMulAttributesT matmul;
  matmul.alpha = 2;
  g.add_node("product", Op::MatMul, {x, w, bias}, {product}, matmul);
  schema::UnaryAttributesT relu;
  relu.function = schema::UnaryFunction::relu;
  g.add_node("", Op::Unary, {product}, {y}, relu);
  g.add_node("last", Op::MatMul, {y, same}, {z}, schema::MatMulAttributesT{});
  g.inputs = {x};
  g.outputs = {y, z};
  return module;
}

AttributesUnion attributes_for(Op op) {
  const schema::Activation activation(0.5f, 6.0f, schema::UnaryFunction::clip);
  const std::vector<int64_t> two{2, 3}, four{1, 2, 3, 4};
  switch (attributes_of(op)) {
    case schema::Attributes::NoAttributes: return as_union(schema::NoAttributesT{});
    case schema::Attributes::UnaryAttributes: {
      schema::UnaryAttributesT a;
      a.function = schema::UnaryFunction::swish, a.alpha = 0.1f, a.beta = -2;
      return as_union(a);
    }
    case schema::Attributes::BinaryAttributes: {
      schema::BinaryAttributesT a;
      a.function = schema::BinaryFunction::bitwise_xor, a.activation = activation;
      return as_union(a);
    }
    case schema::Attributes::CompareAttributes: {
      schema::CompareAttributesT a;
      a.function = schema::CompareFunction::greater_or_equal;
      return as_union(a);
    }
    case schema::Attributes::LogicalAttributes: {
      schema::LogicalAttributesT a;
      a.function = schema::LogicalFunction::xor_;
      return as_union(a);
    }
    case schema::Attributes::CastAttributes: {
      schema::CastAttributesT a;
      a.to = DataType::bool_, a.saturate = false;
      return as_union(a);
    }
    case schema::Attributes::StridedCopyAttributes: {
      schema::StridedCopyAttributesT a;
      a.fill = {0, 0, 128, 63};
      a.regions.push_back(std::make_unique<schema::RegionT>());
      a.regions[0]->extents = {3, 2}, a.regions[0]->src_strides = {-2, 1}, a.regions[0]->dst_strides = {1, 3};
      a.regions[0]->src_offset = 4;
      return as_union(std::move(a));
    }
    case schema::Attributes::ConvAttributes: {
      schema::ConvAttributesT a;
      a.strides = two, a.dilations = {1, 1}, a.pads = four, a.group = 4, a.auto_pad = schema::AutoPad::valid,
      a.activation = activation;
      return as_union(a);
    }
    case schema::Attributes::ConvTransposeAttributes: {
      schema::ConvTransposeAttributesT a;
      a.strides = two, a.pads = four, a.output_padding = {1, 0}, a.output_shape = {9, 9}, a.activation = activation;
      return as_union(a);
    }
    case schema::Attributes::PoolAttributes: {
      schema::PoolAttributesT a;
      a.function = schema::PoolFunction::lp, a.kernel_shape = two, a.strides = {1, 2}, a.pads = four,
      a.ceil_mode = true, a.p = 3;
      return as_union(a);
    }
    case schema::Attributes::ReduceAttributes: {
      schema::ReduceAttributesT a;
      a.function = schema::ReduceFunction::log_sum_exp, a.axes = {-1, 0}, a.keepdims = false;
      return as_union(a);
    }
    case schema::Attributes::ResizeAttributes: {
      schema::ResizeAttributesT a;
      a.mode = schema::ResizeMode::cubic, a.coordinates = schema::ResizeCoordinates::tf_crop_and_resize;
      a.rounding = schema::ResizeRounding::ceil, a.axes = two, a.antialias = true;
      return as_union(a);
    }
    case schema::Attributes::RecurrentAttributes: {
      schema::RecurrentAttributesT a;
      a.direction = 2, a.hidden_size = 5, a.activations = {schema::UnaryFunction::tanh, schema::UnaryFunction::relu};
      a.activation_alpha = {1.5f}, a.activation_beta = {0.5f}, a.clip = 3, a.layout = true;
      return as_union(a);
    }
    case schema::Attributes::FillAttributes: {
      schema::FillAttributesT a;
      a.type = DataType::int16, a.value = {7, 1};
      return as_union(a);
    }
    case schema::Attributes::EinsumAttributes: {
      schema::EinsumAttributesT a;
      a.equation = "ij,jk->ik";
      return as_union(a);
    }
    case schema::Attributes::TransposeAttributes: {
      schema::TransposeAttributesT a;
      a.perm = {1, 0};
      return as_union(a);
    }
    case schema::Attributes::AxesAttributes: {
      schema::AxesAttributesT a;
      a.axes = two;
      return as_union(a);
    }
    case schema::Attributes::ShapeAttributes: {
      schema::ShapeAttributesT a;
      a.start = -2;
      return as_union(a);
    }
    default: break;
  }
  // The kinds that hold only numbers: their defaults are what a model mostly says.
  AttributesUnion result;
  flatbuffers::FlatBufferBuilder builder;
  const schema::Attributes kind = attributes_of(op);
  builder.Finish(flatbuffers::Offset<void>(builder.EndTable(builder.StartTable())));
  result.type = kind;
  result.value =
      AttributesUnion::UnPack(flatbuffers::GetRoot<flatbuffers::Table>(builder.GetBufferPointer()), kind, nullptr);
  return result;
}

graph::Module module_of_every_op() {
  graph::Module module;
  module.graphs.resize(5);
  for (size_t i = 1; i < module.graphs.size(); ++i) {
    // Bodies: an identity of a tensor that the main graph has.
    Graph& body = module.graphs[i];
    body.name = "body" + std::to_string(i);
    const TensorId outer = add(body, "x", DataType::float32, std::nullopt);
    const TensorId out = add(body, "out", DataType::float32, std::nullopt);
    body.add_node("copy", Op::Identity, {outer}, {out}, schema::NoAttributesT{});
    body.outputs = {out, out};
  }
  Graph& g = module.graphs[0];
  const TensorId x = add(g, "x", DataType::float32, graph::Dims{Dim(2), Dim(3)});
  g.inputs = {x};
  for (Op op : schema::EnumValuesOp()) {
    Node node;
    node.op = op;
    node.name = schema::EnumNameOp(op);
    const Arity arity = arity_of(op);
    node.inputs.assign(arity.min_inputs, x);
    if (arity.max_inputs > arity.min_inputs + 1) node.inputs.insert(node.inputs.end(), {graph::kNone, x});
    const TensorId out = add(g, node.name, DataType::float32, graph::Dims{Dim(3), Dim(2)});
    node.outputs = {out};
    if (op == Op::If) {
      schema::IfAttributesT a;
      a.then_graph = 1, a.else_graph = 2;
      node.attributes.Set(a);
    } else if (op == Op::Loop) {
      schema::LoopAttributesT a;
      a.body_graph = 3;
      node.attributes.Set(a);
    } else if (op == Op::Scan) {
      schema::ScanAttributesT a;
      a.body_graph = 4, a.num_scan_inputs = 1, a.scan_input_directions = {1}, a.scan_output_axes = {-1};
      node.attributes.Set(a);
    } else {
      node.attributes = attributes_for(op);
    }
    node.origins = {node.name};
    g.outputs.push_back(out);
    g.nodes.push_back(std::move(node));
  }
  return module;
}

std::vector<uint8_t> bytes_of_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<uint8_t> stored(const graph::Module& module) {
  const TemporaryFolder folder;
  write_model(module, folder / "m.motley");
  return bytes_of_file(folder / "m.motley");
}

}  // namespace motley::model
