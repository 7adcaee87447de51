// Element types as doubles: half and bfloat16 by hand, the rest by conversion.
#include "graph/lower/scalars.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/text.hpp"

namespace motley::graph {
namespace {

// Rounds to nearest, ties to even, straight from double: rounding twice would be wrong near ties.
uint16_t to_half(double value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::fabs(value);
  if (std::isnan(value)) return static_cast<uint16_t>(sign | 0x7e00);
  if (magnitude >= 65520.0) return static_cast<uint16_t>(sign | 0x7c00);
  if (magnitude == 0) return sign;  // which has no exponent to go by
  int exponent = 0;
  std::frexp(magnitude, &exponent);               // magnitude = m * 2^exponent, m in [0.5, 1)
  const int unit = std::max(exponent - 11, -24);  // the last bit kept weighs 2^unit
  const double steps = std::nearbyint(std::ldexp(magnitude, -unit));
  // With the hidden bit counted in, adding the exponent field carries over to the next binade by itself.
  const int field = unit + 24;
  return static_cast<uint16_t>(sign | (static_cast<uint32_t>(steps) + static_cast<uint32_t>(field << 10)));
}

double from_half(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int fraction = bits & 1023;
  double magnitude = 0;
  if (exponent == 31) magnitude = fraction ? std::numeric_limits<double>::quiet_NaN() : HUGE_VAL;
  else if (exponent == 0) magnitude = std::ldexp(fraction, -24);
  else magnitude = std::ldexp(fraction + 1024, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

uint16_t to_bfloat16(double value) {
  const uint32_t bits = std::bit_cast<uint32_t>(static_cast<float>(value));
  if (std::isnan(value)) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

double from_bfloat16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

// The largest double not above T's maximum, which for 64 bits is not T's maximum itself.
template <class T>
T to_integer(double value) {
  if (std::isnan(value)) return 0;
  value = std::nearbyint(value);
  if (value <= static_cast<double>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  if (value >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
  return static_cast<T>(value);
}

template <class T>
std::vector<uint8_t> bytes_of(T value) {
  std::vector<uint8_t> bytes(sizeof(T));
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

template <class T>
T load(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

}  // namespace

std::vector<uint8_t> encode_scalar(DataType type, double value) {
  switch (type) {
    case DataType::float32: return bytes_of(static_cast<float>(value));
    case DataType::float16: return bytes_of(to_half(value));
    case DataType::bfloat16: return bytes_of(to_bfloat16(value));
    case DataType::float64: return bytes_of(value);
    case DataType::int8: return bytes_of(to_integer<int8_t>(value));
    case DataType::uint8: return bytes_of(to_integer<uint8_t>(value));
    case DataType::int16: return bytes_of(to_integer<int16_t>(value));
    case DataType::uint16: return bytes_of(to_integer<uint16_t>(value));
    case DataType::int32: return bytes_of(to_integer<int32_t>(value));
    case DataType::uint32: return bytes_of(to_integer<uint32_t>(value));
    case DataType::int64: return bytes_of(to_integer<int64_t>(value));
    case DataType::uint64: return bytes_of(to_integer<uint64_t>(value));
    case DataType::bool_: return bytes_of(static_cast<uint8_t>(value != 0));
    case DataType::undefined: break;
  }
  base::fail(ErrorCode::internal, "a constant of undefined type was asked for");
}

Constant encode_constant(DataType type, const std::vector<double>& values) {
  if (type == DataType::float32)
    return Constant::of(std::vector<float>(values.begin(), values.end()));  // weights are large
  std::vector<uint8_t> bytes;
  bytes.reserve(values.size() * element_bytes(type));
  for (double value : values) {
    const std::vector<uint8_t> element = encode_scalar(type, value);
    bytes.insert(bytes.end(), element.begin(), element.end());
  }
  return Constant::of(bytes);
}

double decode_scalar(DataType type, const uint8_t* bytes) {
  switch (type) {
    case DataType::float32: return load<float>(bytes);
    case DataType::float16: return from_half(load<uint16_t>(bytes));
    case DataType::bfloat16: return from_bfloat16(load<uint16_t>(bytes));
    case DataType::float64: return load<double>(bytes);
    case DataType::int8: return load<int8_t>(bytes);
    case DataType::uint8: return load<uint8_t>(bytes);
    case DataType::int16: return load<int16_t>(bytes);
    case DataType::uint16: return load<uint16_t>(bytes);
    case DataType::int32: return load<int32_t>(bytes);
    case DataType::uint32: return load<uint32_t>(bytes);
    case DataType::int64: return static_cast<double>(load<int64_t>(bytes));
    case DataType::uint64: return static_cast<double>(load<uint64_t>(bytes));
    case DataType::bool_: return *bytes != 0;
    case DataType::undefined: break;
  }
  base::fail(ErrorCode::internal, "a constant of undefined type was read");
}

std::vector<double> decode_constant(const Tensor& tensor) {
  if (!tensor.constant || tensor.constant->bytes < tensor.bytes())
    base::fail(ErrorCode::internal, "tensor \"%\" (% of %) has no constant elements to read",
               {tensor.name, to_string(tensor.shape), to_string(tensor.type)});
  if (const auto* floats = static_cast<const float*>(tensor.constant->data); tensor.type == DataType::float32)
    return {floats, floats + tensor.elements()};  // weights are large
  const auto* bytes = static_cast<const uint8_t*>(tensor.constant->data);
  const size_t step = element_bytes(tensor.type);
  std::vector<double> values(static_cast<size_t>(tensor.elements()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = decode_scalar(tensor.type, bytes + i * step);
  return values;
}

std::optional<std::vector<int64_t>> integers(const Tensor& tensor) {
  if (!tensor.constant || !tensor.shape_known() || tensor.constant->bytes < tensor.bytes()) return std::nullopt;
  const size_t count = static_cast<size_t>(tensor.elements());
  const auto* bytes = static_cast<const uint8_t*>(tensor.constant->data);
  std::vector<int64_t> values(count);
  for (size_t i = 0; i < count; ++i) {
    if (tensor.type == DataType::int64) values[i] = load<int64_t>(bytes + i * 8);
    else if (tensor.type == DataType::int32) values[i] = load<int32_t>(bytes + i * 4);
    else return std::nullopt;
  }
  return values;
}

std::optional<double> scalar_value(const Tensor& tensor) {
  if (!tensor.constant || tensor.type == DataType::undefined || !tensor.shape_known()) return std::nullopt;
  if (tensor.elements() != 1 || tensor.constant->bytes < element_bytes(tensor.type)) return std::nullopt;
  return decode_scalar(tensor.type, static_cast<const uint8_t*>(tensor.constant->data));
}

bool is_floating(DataType type) {
  return type == DataType::float32 || type == DataType::float16 || type == DataType::bfloat16 ||
         type == DataType::float64;
}

}  // namespace motley::graph
