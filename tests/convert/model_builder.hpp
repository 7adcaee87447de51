// ONNX models in memory.
#pragma once

#include <onnx/onnx_pb.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "convert/convert.hpp"

namespace motley::test {

inline void add_value(onnx::ValueInfoProto& info, const std::string& name, const std::vector<int64_t>& shape,
                      int type = 1) {
  info.set_name(name);
  auto* tensor = info.mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type);
  tensor->mutable_shape();
  for (int64_t dim : shape) tensor->mutable_shape()->add_dim()->set_dim_value(dim);
}

inline void set_attribute(onnx::NodeProto& node, const std::string& name, int64_t value) {
  auto* a = node.add_attribute();
  a->set_name(name);
  a->set_type(onnx::AttributeProto::INT);
  a->set_i(value);
}
inline void set_attribute(onnx::NodeProto& node, const std::string& name, int value) {
  set_attribute(node, name, static_cast<int64_t>(value));
}
inline void set_attribute(onnx::NodeProto& node, const std::string& name, float value) {
  auto* a = node.add_attribute();
  a->set_name(name);
  a->set_type(onnx::AttributeProto::FLOAT);
  a->set_f(value);
}
inline void set_attribute(onnx::NodeProto& node, const std::string& name, const char* value) {
  auto* a = node.add_attribute();
  a->set_name(name);
  a->set_type(onnx::AttributeProto::STRING);
  a->set_s(value);
}
inline void set_attribute(onnx::NodeProto& node, const std::string& name, const std::vector<int64_t>& values) {
  auto* a = node.add_attribute();
  a->set_name(name);
  a->set_type(onnx::AttributeProto::INTS);
  for (int64_t v : values) a->add_ints(v);
}
inline void set_attribute(onnx::NodeProto& node, const std::string& name, const std::vector<float>& values) {
  auto* a = node.add_attribute();
  a->set_name(name);
  a->set_type(onnx::AttributeProto::FLOATS);
  for (float v : values) a->add_floats(v);
}

inline onnx::NodeProto& add_node(onnx::GraphProto& graph, const std::string& op, const std::vector<std::string>& in,
                                 const std::vector<std::string>& out) {
  auto* node = graph.add_node();
  node->set_op_type(op);
  for (const auto& name : in) node->add_input(name);
  for (const auto& name : out) node->add_output(name);
  return *node;
}

inline void add_ints(onnx::GraphProto& graph, const std::string& name, const std::vector<int64_t>& values,
                     bool scalar = false) {
  auto* tensor = graph.add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(7);
  if (!scalar) tensor->add_dims(static_cast<int64_t>(values.size()));
  for (int64_t v : values) tensor->add_int64_data(v);
}
inline void add_floats(onnx::GraphProto& graph, const std::string& name, const std::vector<int64_t>& shape,
                       const std::vector<float>& values) {
  auto* tensor = graph.add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(1);
  for (int64_t d : shape) tensor->add_dims(d);
  for (float v : values) tensor->add_float_data(v);
}

inline onnx::ModelProto new_model(int64_t opset) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.mutable_graph()->set_name("g");
  auto* set = model.add_opset_import();
  set->set_version(opset);
  return model;
}

inline graph::Module import(const onnx::ModelProto& model, const convert::ImportOptions& options = {}) {
  const std::string bytes = model.SerializeAsString();
  return convert::import_onnx(std::as_bytes(std::span(bytes)), {}, options);
}

// A model of one node, whose inputs are float32 graph inputs a, b, c, … of the given shapes and whose output is y.
struct OneNode {
  OneNode(const std::string& op, int64_t opset, const std::vector<std::vector<int64_t>>& shapes)
      : model(new_model(opset)) {
    std::vector<std::string> inputs;
    for (const auto& shape : shapes) {
      inputs.push_back(std::string(1, static_cast<char>('a' + inputs.size())));
      add_value(*graph().add_input(), inputs.back(), shape);
    }
    add_node(graph(), op, inputs, {"y"});
    graph().add_output()->set_name("y");
  }
  onnx::GraphProto& graph() { return *model.mutable_graph(); }
  onnx::NodeProto& node() { return *graph().mutable_node(0); }
  template <class Value>
  OneNode& with(const std::string& name, const Value& value) {
    set_attribute(node(), name, value);
    return *this;
  }
  OneNode& with_ints(const std::string& name, const std::vector<int64_t>& values) {
    add_ints(graph(), name, values);
    node().add_input(name);
    return *this;
  }
  graph::Module import() const { return test::import(model); }

  onnx::ModelProto model;
};

// The node that writes the main graph's first output.
inline const graph::Node& last_node(const graph::Module& module) {
  const graph::Graph& graph = module.main();
  return graph.nodes.at(static_cast<size_t>(graph.producers().at(static_cast<size_t>(graph.outputs.at(0)))));
}
inline std::string output_shape(const graph::Module& module, size_t i = 0) {
  return graph::to_string(module.main().tensor(module.main().outputs.at(i)).shape);
}
template <class T>
std::vector<T> constant_values(const graph::Module& module, graph::TensorId id) {
  const graph::Tensor& tensor = module.main().tensor(id);
  return {tensor.values<T>(), tensor.values<T>() + tensor.elements()};
}

// The message of the Error that importing gives; "" where it gives none.
inline std::string error_of(const onnx::ModelProto& model, ErrorCode code, const convert::ImportOptions& options = {}) {
  try {
    import(model, options);
  } catch (const Error& e) {
    if (e.code() == code) return e.what();
    return std::string("another code (") + to_string(e.code()) + "): " + e.what();
  }
  return "";
}

}  // namespace motley::test
