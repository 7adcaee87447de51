// For the tests of shape inference: one node between written-out inputs, and its outputs' types and shapes as text.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "graph/infer.hpp"

namespace motley::graph {

// "2x3xnx?": numbers, symbols, unknowns; "scalar"; "unknown" for unknown rank.
inline std::optional<Dims> parse_dims(const std::string& text) {
  if (text == "unknown") return std::nullopt;
  Dims dims;
  if (text == "scalar") return dims;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find('x', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    if (part == "?") dims.push_back(Dim());
    else if (part.find_first_not_of("-0123456789") == std::string::npos) dims.push_back(Dim(std::stoll(part)));
    else dims.push_back(Dim(part));
    begin = end + 1;
  }
  return dims;
}

// An input of the node under test.
struct In {
  Tensor tensor;
  bool present = true;
};
inline In typed(DataType type, const std::string& dims) {
  In in;
  in.tensor.type = type;
  in.tensor.shape = parse_dims(dims);
  return in;
}
inline In f32(const std::string& dims) { return typed(DataType::float32, dims); }
inline In i64(const std::string& dims) { return typed(DataType::int64, dims); }
inline In boolean(const std::string& dims) { return typed(DataType::bool_, dims); }
inline In absent() {
  In in;
  in.present = false;
  return in;
}
template <class T>
In constant(DataType type, const std::vector<T>& values, const std::string& dims) {
  In in = typed(type, dims);
  in.tensor.constant = Constant::of(values);
  return in;
}
inline In ints(const std::vector<int64_t>& values) {
  return constant(DataType::int64, values, std::to_string(values.size()));
}
inline In int_scalar(int64_t value) { return constant<int64_t>(DataType::int64, {value}, "scalar"); }
inline In floats(const std::vector<float>& values) {
  return constant(DataType::float32, values, std::to_string(values.size()));
}

// A graph under construction.
struct Net {
  Module module;

  Net() { module.graphs.emplace_back(); }
  Graph& graph() { return module.main(); }

  TensorId add(In in, const std::string& name) {
    if (!in.present) return kNone;
    in.tensor.name = name;
    const TensorId id = graph().add_tensor(in.tensor);
    if (!in.tensor.is_constant()) graph().inputs.push_back(id);
    return id;
  }
  // A computed tensor; declared type and shape are optional.
  TensorId value(const std::string& name, DataType type = DataType::undefined, const std::string& dims = "unknown") {
    Tensor tensor = typed(type, dims).tensor;
    tensor.name = name;
    return graph().add_tensor(tensor);
  }
  template <class AttributesT>
  TensorId op(const std::string& name, Op op, std::vector<TensorId> inputs, AttributesT attributes) {
    const TensorId out = value(name);
    graph().add_node(name, op, std::move(inputs), {out}, std::move(attributes));
    return out;
  }
  void output(TensorId id) { graph().outputs.push_back(id); }
  const Tensor& named(const std::string& name) { return graph().tensor(graph().find_tensor(name)); }
};

inline std::string describe(const Tensor& tensor) {
  return std::string(to_string(tensor.type)) + ' ' + to_string(tensor.shape);
}

template <class AttributesT>
Net one_node(Op op, AttributesT attributes, const std::vector<In>& inputs, size_t outputs) {
  Net net;
  std::vector<TensorId> ids, outs;
  for (size_t i = 0; i < inputs.size(); ++i) ids.push_back(net.add(inputs[i], "in" + std::to_string(i)));
  for (size_t i = 0; i < outputs; ++i) outs.push_back(net.value("out" + std::to_string(i)));
  net.graph().outputs = outs;
  net.graph().add_node("tested", op, ids, outs, std::move(attributes));
  return net;
}

// "float32 1x4x6x6", several outputs joined by ", ".
template <class AttributesT>
std::string inferred(Op op, AttributesT attributes, const std::vector<In>& inputs, size_t outputs = 1) {
  Net net = one_node(op, std::move(attributes), inputs, outputs);
  infer_shapes(net.module);
  std::string text;
  for (TensorId id : net.graph().outputs) text += (text.empty() ? "" : ", ") + describe(net.graph().tensor(id));
  return text;
}

// The message of the error that inference must give.
template <class Fn>
std::string error_of(Fn&& fn, ErrorCode code = ErrorCode::invalid_model) {
  try {
    fn();
  } catch (const Error& error) {
    EXPECT_EQ(to_string(error.code()), std::string(to_string(code))) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}
template <class AttributesT>
std::string refused(Op op, AttributesT attributes, const std::vector<In>& inputs, size_t outputs = 1,
                    ErrorCode code = ErrorCode::invalid_model) {
  return error_of([&] { inferred(op, std::move(attributes), inputs, outputs); }, code);
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

}  // namespace motley::graph
