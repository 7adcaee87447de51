// A small interpreter for graphs, in double: every primitive that lowerings and passes use, written as its definition
// says. Composites are lowered first, so whole graphs can be compared before and after a rewrite.
#pragma once

#include <cmath>
#include <map>
#include <random>
#include <vector>

#include "graph/lower.hpp"
#include "graph/lower/regions.hpp"
#include "graph/lower/scalars.hpp"

namespace motley::graph::test {

using Values = std::vector<double>;
using Index = std::vector<int64_t>;

// Calls fn for every index within the extents, in row-major order.
template <class Fn>
void for_each_index(const Extents& extents, Fn&& fn) {
  for (int64_t extent : extents)
    if (extent == 0) return;
  Index index(extents.size(), 0);
  while (true) {
    fn(static_cast<const Index&>(index));
    size_t d = extents.size();
    while (d > 0 && ++index[d - 1] == extents[d - 1]) index[--d] = 0;
    if (d == 0) return;
  }
}

inline int64_t address(const Index& index, const Extents& extents) {
  int64_t at = 0;
  for (size_t i = 0; i < index.size(); ++i) at = at * extents[i] + index[i];
  return at;
}

class Interpreter {
 public:
  // Values of all tensors after the run, by id; tensors that lowering adds come behind the graph's own.
  static std::vector<Values> run(Graph graph, const std::map<TensorId, Values>& inputs) {
    Interpreter interpreter(std::move(graph));
    for (const auto& [id, values] : inputs) interpreter.set(id, values);
    const std::vector<Node> nodes = interpreter.graph_.nodes;
    for (const Node& node : nodes) interpreter.step(node);
    return interpreter.values_;
  }
  // The nodes that one node lowers to, run alone.
  static Values run_nodes(const Graph& graph, const std::vector<Node>& nodes, const std::map<TensorId, Values>& inputs,
                          TensorId result) {
    Interpreter interpreter(graph);
    for (const auto& [id, values] : inputs) interpreter.set(id, values);
    for (const Node& node : nodes) interpreter.step(node);
    return interpreter.values_[static_cast<size_t>(result)];
  }

 private:
  explicit Interpreter(Graph graph) : graph_(std::move(graph)), values_(graph_.tensors.size()) {}

  void set(TensorId id, Values values) { at(id) = std::move(values); }
  Values& at(TensorId id) {
    if (values_.size() < graph_.tensors.size()) values_.resize(graph_.tensors.size());
    return values_[static_cast<size_t>(id)];
  }
  const Values& get(TensorId id) {
    Values& values = at(id);
    if (values.empty() && graph_.tensor(id).is_constant()) values = decode_constant(graph_.tensor(id));
    return values;
  }
  Extents shape(TensorId id) const { return graph_.tensor(id).extents(); }

  // Element of x that stands at `index` of a result x broadcasts to.
  double broadcast_at(TensorId x, const Index& index) {
    const Extents extents = shape(x);
    Index own(extents.size());
    for (size_t i = 0; i < extents.size(); ++i) own[i] = extents[i] == 1 ? 0 : index[index.size() - extents.size() + i];
    return get(x)[static_cast<size_t>(address(own, extents))];
  }

  template <class Fn>
  void write(TensorId out, Fn&& fn) {
    Values values;
    for_each_index(shape(out), [&](const Index& index) { values.push_back(fn(index)); });
    set(out, std::move(values));
  }

  void step(const Node& node) {
    const TensorId out = node.output(0);
    switch (is_plain_primitive(node) ? node.op : Op::If) {
      case Op::StridedCopy: return strided_copy(node);
      case Op::Reshape:
      case Op::Cast: return set(out, Values(get(node.inputs[0])));
      case Op::Fill: {
        const auto& attributes = graph::attributes<schema::FillAttributesT>(node);
        const double value = decode_scalar(attributes.type, attributes.value.data());
        return write(out, [&](const Index&) { return value; });
      }
      case Op::Unary: {
        const auto& a = graph::attributes<schema::UnaryAttributesT>(node);
        return write(out, [&](const Index& i) { return unary(a, broadcast_at(node.inputs[0], i)); });
      }
      case Op::Binary: {
        const auto function = graph::attributes<schema::BinaryAttributesT>(node).function;
        return write(out, [&](const Index& i) {
          return binary(function, broadcast_at(node.inputs[0], i), broadcast_at(node.inputs[1], i));
        });
      }
      case Op::Compare: {
        const auto function = graph::attributes<schema::CompareAttributesT>(node).function;
        return write(out, [&](const Index& i) {
          const double a = broadcast_at(node.inputs[0], i), b = broadcast_at(node.inputs[1], i);
          return static_cast<double>(function == schema::CompareFunction::less ? a < b : a == b);
        });
      }
      case Op::Where:
        return write(out, [&](const Index& i) {
          return broadcast_at(node.inputs[broadcast_at(node.inputs[0], i) != 0 ? 1 : 2], i);
        });
      case Op::MatMul: return matmul(node);
      case Op::Reduce: return reduce(node);
      case Op::Normalize: return normalize(node);
      case Op::Softmax: return softmax(node);
      case Op::Gather: return gather(node);
      case Op::Pool: return average_pool(node);
      case Op::Conv: return conv(node);
      case Op::ConvTranspose: return conv_transpose(node);
      default: break;
    }
    for (const Node& part : lower(graph_, node)) step(part);
  }

  void strided_copy(const Node& node) {
    const auto& attributes = graph::attributes<schema::StridedCopyAttributesT>(node);
    const double unwritten = std::nan("");
    const DataType type = graph_.tensor(node.outputs[0]).type;
    const double fill = attributes.fill.empty() ? unwritten : decode_scalar(type, attributes.fill.data());
    Values result(static_cast<size_t>(graph_.tensor(node.outputs[0]).elements()), fill);
    std::vector<bool> written(result.size(), false);
    for (const auto& region : attributes.regions) {
      for_each_index(region->extents, [&](const Index& i) {
        int64_t src = region->src_offset, dst = region->dst_offset;
        for (size_t d = 0; d < i.size(); ++d) {
          src += i[d] * region->src_strides[d];
          dst += i[d] * region->dst_strides[d];
        }
        if (written.at(static_cast<size_t>(dst))) throw std::logic_error("regions overlap");
        written[static_cast<size_t>(dst)] = true;
        result.at(static_cast<size_t>(dst)) =
            get(node.inputs[static_cast<size_t>(region->input)]).at(static_cast<size_t>(src));
      });
    }
    set(node.outputs[0], std::move(result));
  }

  void matmul(const Node& node) {
    const auto& a = graph::attributes<schema::MatMulAttributesT>(node);
    const Extents left = shape(node.inputs[0]), right = shape(node.inputs[1]);
    const int64_t inner = a.transpose_a ? left[left.size() - 2] : left.back();
    const auto element = [&](TensorId x, const Extents& extents, const Index& index, int64_t row, int64_t column) {
      Index own(extents.size());
      const size_t batch = index.size() - 2;
      for (size_t d = 0; d + 2 < extents.size(); ++d)
        own[d] = extents[d] == 1 ? 0 : index[batch - (extents.size() - 2) + d];
      own[extents.size() - 2] = row;
      own[extents.size() - 1] = column;
      return get(x)[static_cast<size_t>(address(own, extents))];
    };
    write(node.outputs[0], [&](const Index& i) {
      const int64_t row = i[i.size() - 2], column = i.back();
      double sum = 0;
      for (int64_t k = 0; k < inner; ++k)
        sum += (a.transpose_a ? element(node.inputs[0], left, i, k, row) : element(node.inputs[0], left, i, row, k)) *
               (a.transpose_b ? element(node.inputs[1], right, i, column, k)
                              : element(node.inputs[1], right, i, k, column));
      const double c = node.input(2) == kNone ? 0 : broadcast_at(node.inputs[2], i);
      return static_cast<double>(a.alpha) * sum + static_cast<double>(a.beta) * c;
    });
  }

  void reduce(const Node& node) {
    const auto& a = graph::attributes<schema::ReduceAttributesT>(node);
    const Extents in = shape(node.inputs[0]);
    std::vector<bool> reduced(in.size(), a.axes.empty() && !a.noop_with_empty_axes);
    for (int64_t axis : a.axes)
      reduced[static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(in.size()) : axis)] = true;
    Extents kept = in;
    for (size_t d = 0; d < in.size(); ++d)
      if (reduced[d]) kept[d] = 1;
    const bool max = a.function == schema::ReduceFunction::max;
    Values result(static_cast<size_t>(product(kept)), max ? -INFINITY : 0.0), count(result.size(), 0.0);
    for_each_index(in, [&](const Index& i) {
      Index own = i;
      for (size_t d = 0; d < own.size(); ++d)
        if (reduced[d]) own[d] = 0;
      const double x = get(node.inputs[0])[static_cast<size_t>(address(i, in))];
      double& y = result[static_cast<size_t>(address(own, kept))];
      count[static_cast<size_t>(address(own, kept))] += 1;
      if (max) y = std::max(y, x);
      else if (a.function == schema::ReduceFunction::l1) y += std::fabs(x);
      else if (a.function == schema::ReduceFunction::l2) y += x * x;
      else y += x;
    });
    for (size_t i = 0; i < result.size(); ++i) {
      if (a.function == schema::ReduceFunction::mean) result[i] /= count[i];
      if (a.function == schema::ReduceFunction::l2) result[i] = std::sqrt(result[i]);
    }
    set(node.outputs[0], std::move(result));
  }

  void normalize(const Node& node) {
    const auto& a = graph::attributes<schema::NormalizeAttributesT>(node);
    const Extents in = shape(node.inputs[0]);
    const size_t axis = static_cast<size_t>(a.axis < 0 ? a.axis + static_cast<int64_t>(in.size()) : a.axis);
    const auto inner = static_cast<size_t>(product(in, axis, in.size()));
    Values y = get(node.inputs[0]);
    for (size_t first = 0; first < y.size(); first += inner) {
      double mean = 0, variance = 0;
      for (size_t i = 0; i < inner; ++i) mean += y[first + i] / static_cast<double>(inner);
      if (!a.center) mean = 0;
      for (size_t i = 0; i < inner; ++i) variance += std::pow(y[first + i] - mean, 2) / static_cast<double>(inner);
      for (size_t i = 0; i < inner; ++i) {
        double& value = y[first + i];
        value = (value - mean) / std::sqrt(variance + static_cast<double>(a.epsilon));
        if (node.input(1) != kNone) value *= get(node.inputs[1]).at(i);
        if (node.input(2) != kNone) value += get(node.inputs[2]).at(i);
      }
    }
    set(node.outputs[0], std::move(y));
  }

  void softmax(const Node& node) {  // over the last axis
    Values y = get(node.inputs[0]);
    const auto n = static_cast<size_t>(shape(node.inputs[0]).back());
    for (size_t first = 0; first < y.size(); first += n) {
      double top = -INFINITY, sum = 0;
      for (size_t i = 0; i < n; ++i) top = std::max(top, y[first + i]);
      for (size_t i = 0; i < n; ++i) sum += y[first + i] = std::exp(y[first + i] - top);
      for (size_t i = 0; i < n; ++i) y[first + i] /= sum;
    }
    set(node.outputs[0], std::move(y));
  }

  void gather(const Node& node) {  // along axis 0
    const int64_t row = product(shape(node.inputs[0]), 1, shape(node.inputs[0]).size());
    Values y;
    for (double id : Values(get(node.inputs[1])))
      for (int64_t i = 0; i < row; ++i)
        y.push_back(get(node.inputs[0]).at(static_cast<size_t>(static_cast<int64_t>(id) * row + i)));
    set(node.outputs[0], std::move(y));
  }

  void average_pool(const Node& node) {  // two dimensions, padding counts
    const auto& a = graph::attributes<schema::PoolAttributesT>(node);
    const Extents in = shape(node.inputs[0]);
    write(node.outputs[0], [&](const Index& i) {
      double sum = 0;
      for_each_index(a.kernel_shape, [&](const Index& k) {
        Index from = i;
        for (size_t d = 0; d < 2; ++d) {
          from[d + 2] = i[d + 2] * (a.strides.empty() ? 1 : a.strides[d]) + k[d] - (a.pads.empty() ? 0 : a.pads[d]);
          if (from[d + 2] < 0 || from[d + 2] >= in[d + 2]) return;
        }
        sum += get(node.inputs[0])[static_cast<size_t>(address(from, in))];
      });
      return sum / static_cast<double>(product(a.kernel_shape));
    });
  }

  void conv(const Node& node) {  // two dimensions, no dilation
    const auto& a = graph::attributes<schema::ConvAttributesT>(node);
    const Extents in = shape(node.inputs[0]), w = shape(node.inputs[1]);
    write(node.outputs[0], [&](const Index& i) {
      double sum = node.input(2) == kNone ? 0 : get(node.inputs[2])[static_cast<size_t>(i[1])];
      for_each_index({w[1], w[2], w[3]}, [&](const Index& k) {
        const int64_t group = i[1] / (w[0] / a.group);
        Index from{i[0], group * w[1] + k[0], 0, 0};
        for (size_t d = 0; d < 2; ++d) {
          from[d + 2] = i[d + 2] * (a.strides.empty() ? 1 : a.strides[d]) + k[d + 1] - (a.pads.empty() ? 0 : a.pads[d]);
          if (from[d + 2] < 0 || from[d + 2] >= in[d + 2]) return;
        }
        sum += get(node.inputs[0])[static_cast<size_t>(address(from, in))] *
               get(node.inputs[1])[static_cast<size_t>(address({i[1], k[0], k[1], k[2]}, w))];
      });
      return sum;
    });
  }

  void conv_transpose(const Node& node) {  // two dimensions, stride 1, no pads
    const auto& a = graph::attributes<schema::ConvTransposeAttributesT>(node);
    const Extents in = shape(node.inputs[0]), w = shape(node.inputs[1]), out = shape(node.outputs[0]);
    Values y(static_cast<size_t>(product(out)), 0.0);
    for_each_index(in, [&](const Index& i) {
      for_each_index({w[1], w[2], w[3]}, [&](const Index& k) {
        const int64_t group = i[1] / (in[1] / a.group);
        y[static_cast<size_t>(address({i[0], group * w[1] + k[0], i[2] + k[1], i[3] + k[2]}, out))] +=
            get(node.inputs[0])[static_cast<size_t>(address(i, in))] *
            get(node.inputs[1])[static_cast<size_t>(address({i[1], k[0], k[1], k[2]}, w))];
      });
    });
    const auto plane = static_cast<size_t>(out[2] * out[3]);
    if (node.input(2) != kNone)
      for (size_t i = 0; i < y.size(); ++i) y[i] += get(node.inputs[2])[i / plane % static_cast<size_t>(out[1])];
    set(node.outputs[0], std::move(y));
  }

  static double unary(const schema::UnaryAttributesT& a, double x) {
    const double alpha = static_cast<double>(a.alpha), beta = static_cast<double>(a.beta);
    const double inner = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
    switch (a.function) {
      case UnaryFunction::identity: return x;
      case UnaryFunction::abs: return std::fabs(x);
      case UnaryFunction::neg: return -x;
      case UnaryFunction::sqrt: return std::sqrt(x);
      case UnaryFunction::rsqrt: return 1 / std::sqrt(x);
      case UnaryFunction::square: return x * x;
      case UnaryFunction::reciprocal: return 1 / x;
      case UnaryFunction::exp: return std::exp(x);
      case UnaryFunction::erf: return std::erf(x);
      case UnaryFunction::tanh: return std::tanh(x);
      case UnaryFunction::relu: return std::max(x, 0.0);
      case UnaryFunction::leaky_relu: return x < 0 ? alpha * x : x;
      case UnaryFunction::sigmoid: return 1 / (1 + std::exp(-x));
      case UnaryFunction::hard_sigmoid: return std::max(0.0, std::min(1.0, alpha * x + beta));
      case UnaryFunction::hard_swish: return x * std::max(0.0, std::min(1.0, x / 6 + 0.5));
      case UnaryFunction::swish: return x / (1 + std::exp(-alpha * x));
      case UnaryFunction::gelu: return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
      case UnaryFunction::gelu_tanh: return 0.5 * x * (1 + std::tanh(inner));
      case UnaryFunction::clip: return std::min(std::max(x, alpha), beta);
      default: throw std::logic_error("the test's interpreter lacks a unary function");
    }
  }

  static double binary(schema::BinaryFunction function, double a, double b) {
    using schema::BinaryFunction;
    switch (function) {
      case BinaryFunction::add: return a + b;
      case BinaryFunction::sub: return a - b;
      case BinaryFunction::mul: return a * b;
      case BinaryFunction::div: return a / b;
      case BinaryFunction::pow: return std::pow(a, b);
      case BinaryFunction::min: return std::min(a, b);
      case BinaryFunction::max: return std::max(a, b);
      case BinaryFunction::prelu: return a < 0 ? a * b : a;
      default: throw std::logic_error("the test's interpreter lacks a binary function");
    }
  }

  Graph graph_;
  std::vector<Values> values_;
};

// ---- building test graphs

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  int64_t between(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(engine_); }
  double real(double low = -1, double high = 1) { return std::uniform_real_distribution<double>(low, high)(engine_); }
  // Dimensions of 1 to `largest`, now and then 0.
  Extents extents(size_t rank, int64_t largest = 4) {
    Extents result;
    for (size_t i = 0; i < rank; ++i) result.push_back(between(0, 30) == 0 ? 0 : between(1, largest));
    return result;
  }
  // Multiples of 1/1024, so that float32 holds them and their encodings compare exactly.
  Values values(int64_t count, double low = -1, double high = 1) {
    Values result;
    for (int64_t i = 0; i < count; ++i) result.push_back(std::round(real(low, high) * 1024) / 1024);
    return result;
  }

 private:
  std::mt19937 engine_;
};

inline TensorId add_value(Graph& graph, std::string name, const Extents& extents, DataType type = DataType::float32) {
  Tensor tensor;
  tensor.name = std::move(name);
  tensor.type = type;
  tensor.shape = Dims(extents.begin(), extents.end());
  return graph.add_tensor(std::move(tensor));
}

inline TensorId add_constant(Graph& graph, std::string name, const Extents& extents, const Values& values,
                             DataType type = DataType::float32) {
  return graph.add_constant(std::move(name), type, extents, encode_constant(type, values));
}

// 0, 1, 2, …
inline Values counting(int64_t count) {
  Values values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<double>(i));
  return values;
}

}  // namespace motley::graph::test
