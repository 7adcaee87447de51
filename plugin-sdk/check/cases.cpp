// Building cases, filling inputs, comparing outputs.
#include "cases.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "graph/infer.hpp"
#include "graph/steering.hpp"

namespace motley::check {

using schema::DataType;

namespace {

template <class T>
Bytes fill_as(int64_t count, const Fill& fill, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<T> values(static_cast<size_t>(count));
  for (T& v : values) {
    const double unit = static_cast<double>(random() >> 11) * 0x1p-53;
    v = static_cast<T>(fill.low + unit * (fill.high - fill.low));
  }
  Bytes bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// The bits of a float16 or bfloat16 next to a float: exact for the small range that cases use.
uint16_t half_bits(double value) {
  if (value == 0) return 0;
  int exponent;
  const double mantissa = std::frexp(std::fabs(value), &exponent);  // [0.5, 1)
  const int biased = exponent - 1 + 15;
  if (biased <= 0) return 0;
  return static_cast<uint16_t>((value < 0 ? 0x8000 : 0) | (biased << 10) |
                               (static_cast<int>((mantissa * 2 - 1) * 1024) & 0x3ff));
}
uint16_t bfloat_bits(double value) {
  const float f = static_cast<float>(value);
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  return static_cast<uint16_t>(bits >> 16);
}
double half_value(uint16_t bits) {
  const int exponent = (bits >> 10) & 31, mantissa = bits & 0x3ff;
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == 31) return mantissa ? NAN : sign * INFINITY;
  return sign * (exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24));
}

template <class T>
double element(const Bytes& bytes, size_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
  return static_cast<double>(value);
}

double element_of(DataType type, const Bytes& bytes, size_t i) {
  switch (type) {
    case DataType::float32: return element<float>(bytes, i);
    case DataType::float64: return element<double>(bytes, i);
    case DataType::float16: return half_value(static_cast<uint16_t>(element<uint16_t>(bytes, i)));
    case DataType::bfloat16: {
      const uint32_t bits = static_cast<uint32_t>(element<uint16_t>(bytes, i)) << 16;
      float f;
      std::memcpy(&f, &bits, 4);
      return f;
    }
    default: return 0;
  }
}

// As an op whose size depends on data crosses the ABI: room for as much as it may give, and a second output for its
// count.
void make_room(graph::Graph& graph) {
  graph::Node& node = graph.nodes.front();
  const graph::Tensor& elements = graph.tensor(node.inputs[node.op == schema::Op::NonZero ? 0 : 1]);
  for (graph::Dim& dim : *graph.tensor(node.outputs[0]).shape)
    if (!dim.known()) dim = graph::Dim(elements.elements());
  graph::Tensor count;
  count.name = "count";
  count.type = DataType::int64;
  count.shape = graph::Dims{graph::Dim(1)};
  node.outputs.push_back(graph.add_tensor(std::move(count)));
  graph.outputs.push_back(node.outputs.back());
}

}  // namespace

std::string shape_text(const std::vector<int64_t>& shape) {
  if (shape.empty()) return "scalar";
  std::string text;
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? "x" : "") + std::to_string(shape[i]);
  return text;
}

Bytes random_bytes(const graph::Tensor& tensor, const Fill& fill, uint64_t seed) {
  const int64_t n = tensor.elements();
  switch (tensor.type) {
    case DataType::float32: return fill_as<float>(n, fill, seed);
    case DataType::float64: return fill_as<double>(n, fill, seed);
    case DataType::int8: return fill_as<int8_t>(n, fill, seed);
    case DataType::uint8: return fill_as<uint8_t>(n, {std::max(fill.low, 0.0), std::max(fill.high, 1.0)}, seed);
    case DataType::int16: return fill_as<int16_t>(n, fill, seed);
    case DataType::uint16: return fill_as<uint16_t>(n, {std::max(fill.low, 0.0), std::max(fill.high, 1.0)}, seed);
    case DataType::int32: return fill_as<int32_t>(n, fill, seed);
    case DataType::uint32: return fill_as<uint32_t>(n, {std::max(fill.low, 0.0), std::max(fill.high, 1.0)}, seed);
    case DataType::int64: return fill_as<int64_t>(n, fill, seed);
    case DataType::uint64: return fill_as<uint64_t>(n, {std::max(fill.low, 0.0), std::max(fill.high, 1.0)}, seed);
    case DataType::bool_: return fill_as<uint8_t>(n, {0, 2}, seed);
    default: {
      const Bytes doubles = fill_as<double>(n, fill, seed);
      Bytes bytes(static_cast<size_t>(n) * 2);
      for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
        const double v = element<double>(doubles, i);
        const uint16_t bits = tensor.type == DataType::float16 ? half_bits(v) : bfloat_bits(v);
        std::memcpy(bytes.data() + 2 * i, &bits, 2);
      }
      return bytes;
    }
  }
}

void CaseList::add(graph::Node node, const std::vector<Input>& inputs, int outputs, std::string detail) {
  Case c;
  uint64_t seed = 7 + cases.size();
  for (const Input& input : inputs) {
    if (input.absent) {
      node.inputs.push_back(graph::kNone);
      continue;
    }
    graph::Tensor tensor;
    tensor.name = "in" + std::to_string(node.inputs.size());
    tensor.type = input.values.empty() ? input.type : DataType::int64;
    const std::vector<int64_t> shape =
        input.values.empty() ? input.shape : std::vector<int64_t>{static_cast<int64_t>(input.values.size())};
    tensor.shape.emplace(shape.begin(), shape.end());
    if (!input.values.empty()) {
      tensor.constant = graph::Constant::of(input.values);
    } else if (input.constant) {
      const Bytes bytes = random_bytes(tensor, input.fill, ++seed);
      tensor.constant = graph::Constant::copy_of(bytes.data(), bytes.size());
    }
    const bool is_input = !tensor.is_constant();
    const graph::TensorId id = c.graph.add_tensor(std::move(tensor));
    node.inputs.push_back(id);
    if (!is_input) continue;
    c.graph.inputs.push_back(id);
    c.fills.push_back(input.fill);
  }
  for (int i = 0; i < outputs; ++i) {
    graph::Tensor tensor;
    tensor.name = "out" + std::to_string(i);
    const graph::TensorId id = c.graph.add_tensor(std::move(tensor));
    node.outputs.push_back(id);
    c.graph.outputs.push_back(id);
  }
  c.graph.nodes.push_back(std::move(node));
  try {
    graph::infer_node(c.graph, c.graph.nodes.front());
  } catch (const Error&) {
    return;  // the grid holds combinations that the op forbids (a kernel larger than the padded image)
  }
  if (graph::size_depends_on_data(c.graph.nodes.front().op)) make_room(c.graph);
  for (graph::TensorId id : c.graph.outputs)
    if (!c.graph.tensor(id).shape_known()) return;
  c.label = graph::describe_op(c.graph.nodes.front());
  c.detail = std::move(detail);
  cases.push_back(std::move(c));
}

std::vector<Case> all_cases() {
  CaseList list;
  elementwise_cases(list);
  movement_cases(list);
  convolution_cases(list);
  matmul_cases(list);
  reduction_cases(list);
  gather_cases(list);
  resize_cases(list);
  recurrent_cases(list);
  quantized_cases(list);
  attention_cases(list);
  data_dependent_cases(list);
  return std::move(list.cases);
}

namespace {

// How far a value may be off: `relative` of itself plus `scaled` of the output's largest, for sums whose parts cancel.
struct Tolerance {
  double relative, scaled;
};
Tolerance tolerance_of(DataType type) {
  switch (type) {
    case DataType::float16: return {1e-2, 2e-3};
    case DataType::bfloat16: return {4e-2, 1e-2};
    case DataType::float64: return {1e-6, 1e-7};  // the functions of some libraries are those of float
    default: return {1e-4, 1e-5};
  }
}

double largest(DataType type, const Bytes& bytes, size_t count) {
  double most = 0;
  for (size_t i = 0; i < count; ++i) {
    const double v = std::fabs(element_of(type, bytes, i));
    if (std::isfinite(v)) most = std::max(most, v);
  }
  return most;
}

}  // namespace

std::string compare(const graph::Tensor& tensor, const Bytes& expected, const Bytes& got, DataType computed) {
  if (expected.size() != got.size())
    return "output has " + std::to_string(got.size()) + " bytes (expected " + std::to_string(expected.size()) + ")";
  const size_t width = graph::element_bytes(tensor.type), count = width ? expected.size() / width : 0;
  const bool half = tensor.type == DataType::float16 || tensor.type == DataType::bfloat16;
  const bool real = half || tensor.type == DataType::float32 || tensor.type == DataType::float64;
  const Tolerance t = tolerance_of(computed == DataType::undefined || half ? tensor.type : computed);
  const double absolute = real ? t.scaled * std::max(1.0, largest(tensor.type, expected, count)) : 0;
  for (size_t i = 0; i < count; ++i) {
    if (!real) {
      if (std::memcmp(expected.data() + i * width, got.data() + i * width, width) != 0)
        return "element " + std::to_string(i) + " of " + std::to_string(count) + " differs";
      continue;
    }
    const double e = element_of(tensor.type, expected, i), g = element_of(tensor.type, got, i);
    const bool near = std::isfinite(e) && std::fabs(e - g) <= absolute + t.relative * std::fabs(e);
    const bool same = (std::isnan(e) && std::isnan(g)) || e == g || near;
    if (!same) {
      char text[160];
      std::snprintf(text, sizeof text, "element %zu of %zu is %.7g (reference %.7g)", i, count, g, e);
      return text;
    }
  }
  return {};
}

}  // namespace motley::check
