// Building small networks, running one pass or all on them, and checking that the numbers stay.
#pragma once

#include <gtest/gtest.h>

#include "graph/passes.hpp"
#include "lower_interpreter.hpp"

namespace motley::graph::test {

using schema::BinaryFunction;

class Net {
 public:
  Graph graph;

  TensorId input(const std::string& name, const Extents& extents, DataType type = DataType::float32) {
    const TensorId id = add_value(graph, name, extents, type);
    graph.inputs.push_back(id);
    return id;
  }
  TensorId constant(const Extents& extents, double low = -1, double high = 1) {
    return add_constant(graph, next("c"), extents, random_.values(product(extents), low, high));
  }
  TensorId scalar(double value) { return add_constant(graph, next("s"), {}, {value}); }
  TensorId numbers(const std::vector<int64_t>& values) { return graph.add_int64(next("i"), values); }

  template <class AttributesT>
  TensorId op(Op op, std::vector<TensorId> inputs, const Extents& extents, AttributesT attributes,
              DataType type = DataType::float32) {
    const TensorId out = add_value(graph, next("t"), extents, type);
    graph.add_node(next("n"), op, std::move(inputs), {out}, std::move(attributes));
    return out;
  }
  TensorId unary(UnaryFunction function, TensorId x, float alpha = 0, float beta = 0) {
    schema::UnaryAttributesT a;
    a.function = function, a.alpha = alpha, a.beta = beta;
    return op(Op::Unary, {x}, shape(x), a);
  }
  TensorId binary(BinaryFunction function, TensorId a, TensorId b) {
    schema::BinaryAttributesT attributes;
    attributes.function = function;
    const Extents left = shape(a), right = shape(b);
    Extents out = left.size() >= right.size() ? left : right;
    const Extents& other = left.size() >= right.size() ? right : left;
    for (size_t i = 0; i < other.size(); ++i) {
      int64_t& extent = out[out.size() - other.size() + i];
      extent = extent == 1 ? other[i] : extent;
    }
    return op(Op::Binary, {a, b}, out, attributes);
  }
  TensorId add(TensorId a, TensorId b) { return binary(BinaryFunction::add, a, b); }
  TensorId sub(TensorId a, TensorId b) { return binary(BinaryFunction::sub, a, b); }
  TensorId mul(TensorId a, TensorId b) { return binary(BinaryFunction::mul, a, b); }
  TensorId div(TensorId a, TensorId b) { return binary(BinaryFunction::div, a, b); }
  TensorId conv(TensorId x, TensorId w, TensorId b = kNone, schema::ConvAttributesT a = {}) {
    const Extents in = shape(x), kernel = shape(w);
    Extents out{in[0], kernel[0]};
    for (size_t d = 0; d < 2; ++d)
      out.push_back(in[d + 2] + (a.pads.empty() ? 0 : a.pads[d] + a.pads[d + 2]) - kernel[d + 2] + 1);
    return op(Op::Conv, b == kNone ? std::vector<TensorId>{x, w} : std::vector<TensorId>{x, w, b}, out, std::move(a));
  }
  TensorId matmul(TensorId a, TensorId b, schema::MatMulAttributesT attributes = {}) {
    Extents out = shape(a);
    out.back() = shape(b)[shape(b).size() - (attributes.transpose_b ? 2 : 1)];
    return op(Op::MatMul, {a, b}, out, attributes);
  }
  TensorId transpose(TensorId x, const std::vector<int64_t>& perm) {
    schema::TransposeAttributesT a;
    a.perm = perm;
    Extents out;
    for (int64_t axis : perm) out.push_back(shape(x)[static_cast<size_t>(axis)]);
    return op(Op::Transpose, {x}, out, a);
  }
  TensorId reshape(TensorId x, const Extents& extents) {
    return op(Op::Reshape, {x, numbers(extents)}, extents, schema::ReshapeAttributesT{});
  }
  TensorId mean(TensorId x, std::vector<int64_t> axes) {
    schema::ReduceAttributesT a;
    a.function = schema::ReduceFunction::mean;
    Extents out = shape(x);
    for (int64_t axis : axes) out[static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(out.size()) : axis)] = 1;
    a.axes = std::move(axes);
    return op(Op::Reduce, {x}, out, a);
  }
  void output(TensorId id) { graph.outputs.push_back(id); }
  Extents shape(TensorId id) const { return graph.tensor(id).extents(); }
  Node& writer(TensorId id) { return graph.nodes[static_cast<size_t>(graph.producers()[static_cast<size_t>(id)])]; }
  const std::string& name(TensorId id) const { return graph.tensor(id).name; }
  Node& last() { return graph.nodes.back(); }

  // Runs the passes of these names in turn (none: all of them, to the end), and checks that outputs keep their numbers.
  size_t run(const std::vector<std::string>& names = {}, const std::vector<std::string>& keep = {},
             double tolerance = 1e-4) {
    const auto before = outputs();
    const std::vector<std::string> output_names = names_of_outputs();
    PassContext context;
    context.keep = keep;
    size_t count = 0;
    if (names.empty())
      for (const PassReport& report : optimize(graph, context)) count += report.rewrites;
    for (const std::string& wanted : names)
      for (const Pass& pass : passes())
        if (pass.name == wanted) count += pass.run(graph, context);
    graph.sort_nodes();  // throws on a cycle
    const auto after = outputs();
    EXPECT_EQ(names_of_outputs(), output_names);
    for (size_t o = 0; o < before.size(); ++o) {
      EXPECT_EQ(before[o].size(), after[o].size());
      for (size_t i = 0; i < std::min(before[o].size(), after[o].size()); ++i)
        if (!(std::fabs(before[o][i] - after[o][i]) <= tolerance * std::max(1.0, std::fabs(before[o][i])))) {
          ADD_FAILURE() << "output " << o << "[" << i << "]: " << before[o][i] << " became " << after[o][i];
          break;
        }
    }
    for (const Node& node : graph.nodes) EXPECT_FALSE(node.origins.empty()) << node.name;
    return count;
  }
  // "Conv Unary(relu)"
  std::string ops() const {
    std::string text;
    for (const Node& node : graph.nodes) text += (text.empty() ? "" : " ") + describe_op(node);
    return text;
  }

 private:
  std::string next(const char* prefix) { return prefix + std::to_string(++count_); }
  std::vector<std::string> names_of_outputs() const {
    std::vector<std::string> result;
    for (TensorId id : graph.outputs) result.push_back(graph.tensor(id).name);
    return result;
  }
  std::vector<Values> outputs() const {
    Random random(7);
    std::map<TensorId, Values> inputs;
    for (TensorId id : graph.inputs) inputs[id] = random.values(graph.tensor(id).elements(), -2, 2);
    const auto all = Interpreter::run(graph, inputs);
    std::vector<Values> result;
    for (TensorId id : graph.outputs) result.push_back(all[static_cast<size_t>(id)]);
    return result;
  }

  Random random_{3};
  int count_ = 0;
};

}  // namespace motley::graph::test
