// Reading and making small constants element by element.
#include "graph/infer/values.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace motley::graph::infer {

Element Element::of(int64_t value) {
  Element element;
  element.known = true;
  element.integer = value;
  return element;
}

Element Element::of_real(double value) {
  Element element;
  element.known = true;
  element.real = value;
  return element;
}

Element Element::of_dim(const Dim& dim) {
  if (dim.known()) return of(dim.value);
  Element element;
  element.non_negative = true;
  element.symbol = dim.symbol;
  return element;
}

bool Element::same_as(const Element& other) const {
  if (known || other.known) return known && other.known && integer == other.integer;
  return !symbol.empty() && symbol == other.symbol;
}

const Elements* ValueTable::find(TensorId id) const {
  const auto it = elements_.find(id);
  return it == elements_.end() ? nullptr : &it->second;
}

void ValueTable::set(TensorId id, Elements elements) { elements_[id] = std::move(elements); }

bool is_value_type(DataType type) {
  return type == DataType::int64 || type == DataType::int32 || type == DataType::bool_ || type == DataType::float32;
}

std::optional<int64_t> value_count(const Tensor& tensor) {
  if (!tensor.shape_known()) return std::nullopt;
  int64_t count = 1;
  for (const Dim& dim : *tensor.shape) {
    if (dim.value > kMaxValues) return std::nullopt;
    count *= dim.value;
    if (count > kMaxValues) return std::nullopt;
  }
  return count;
}

namespace {

// 16-bit floats as they lie in memory.
double decode_float16(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == 31) return fraction ? std::nan("") : sign * HUGE_VAL;
  return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}
double decode_bfloat16(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return static_cast<double>(value);
}

template <class T>
Elements read_as(const void* data, size_t count) {
  Elements elements;
  elements.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, static_cast<const char*>(data) + i * sizeof(T), sizeof(T));
    if constexpr (std::is_floating_point_v<T>) elements.push_back(Element::of_real(static_cast<double>(value)));
    else elements.push_back(Element::of(static_cast<int64_t>(value)));
  }
  return elements;
}

Elements read_coded(const void* data, size_t count, double (*decode)(uint16_t)) {
  Elements elements;
  for (const Element& bits : read_as<uint16_t>(data, count))
    elements.push_back(Element::of_real(decode(static_cast<uint16_t>(bits.integer))));
  return elements;
}

template <class T>
Constant write_as(const Elements& elements) {
  std::vector<T> values;
  values.reserve(elements.size());
  for (const Element& element : elements) {
    if constexpr (std::is_floating_point_v<T>) values.push_back(static_cast<T>(element.real));
    else values.push_back(static_cast<T>(element.integer));
  }
  return Constant::of(values);
}

}  // namespace

std::optional<Elements> read_constant(const Tensor& tensor) {
  const std::optional<int64_t> count = value_count(tensor);
  if (!count || !tensor.constant) return std::nullopt;
  const size_t n = static_cast<size_t>(*count);
  if (tensor.constant->bytes < n * element_bytes(tensor.type)) return std::nullopt;
  const void* data = tensor.constant->data;
  switch (tensor.type) {
    case DataType::int8: return read_as<int8_t>(data, n);
    case DataType::uint8:
    case DataType::bool_: return read_as<uint8_t>(data, n);
    case DataType::int16: return read_as<int16_t>(data, n);
    case DataType::uint16: return read_as<uint16_t>(data, n);
    case DataType::int32: return read_as<int32_t>(data, n);
    case DataType::uint32: return read_as<uint32_t>(data, n);
    case DataType::int64: return read_as<int64_t>(data, n);
    case DataType::float32: return read_as<float>(data, n);
    case DataType::float64: return read_as<double>(data, n);
    case DataType::float16: return read_coded(data, n, decode_float16);
    case DataType::bfloat16: return read_coded(data, n, decode_bfloat16);
    default: return std::nullopt;  // uint64 may not fit
  }
}

std::optional<Constant> make_constant(DataType type, const Elements& elements) {
  for (const Element& element : elements)
    if (!element.known) return std::nullopt;
  switch (type) {
    case DataType::int64: return write_as<int64_t>(elements);
    case DataType::int32: return write_as<int32_t>(elements);
    case DataType::bool_: return write_as<uint8_t>(elements);
    case DataType::float32: return write_as<float>(elements);
    default: return std::nullopt;
  }
}

}  // namespace motley::graph::infer
