// A tensor by value, for tests: type, shape, bytes, and whether a node sees it as a constant.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "motley/sdk/graph_view.hpp"

namespace motley::test {

using schema::DataType;

template <class T>
constexpr DataType type_of() {
  if constexpr (std::is_same_v<T, bool>) return DataType::bool_;
  else if constexpr (std::is_same_v<T, float>) return DataType::float32;
  else if constexpr (std::is_same_v<T, double>) return DataType::float64;
  else if constexpr (std::is_same_v<T, int8_t>) return DataType::int8;
  else if constexpr (std::is_same_v<T, uint8_t>) return DataType::uint8;
  else if constexpr (std::is_same_v<T, int16_t>) return DataType::int16;
  else if constexpr (std::is_same_v<T, uint16_t>) return DataType::uint16;
  else if constexpr (std::is_same_v<T, int32_t>) return DataType::int32;
  else if constexpr (std::is_same_v<T, uint32_t>) return DataType::uint32;
  else if constexpr (std::is_same_v<T, int64_t>) return DataType::int64;
  else return static_cast<void>(std::enable_if_t<std::is_same_v<T, uint64_t>>()), DataType::uint64;
}

struct Value {
  DataType type = DataType::undefined;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;
  bool constant = false;

  // An absent optional input or output.
  bool absent() const { return type == DataType::undefined; }
  size_t elements() const { return static_cast<size_t>(sdk::Shape(shape).elements()); }
  size_t byte_size() const { return elements() * sdk::element_bytes(type); }
  // The elements; T must be the stored type (bool: as uint8_t or bool).
  template <class T>
  std::vector<T> as() const {
    if (sizeof(T) != sdk::element_bytes(type)) throw std::invalid_argument("the value has another element type");
    std::vector<T> out(elements());
    for (size_t i = 0; i < out.size(); ++i) {
      T item;
      std::memcpy(&item, bytes.data() + i * sizeof(T), sizeof(T));
      out[i] = item;
    }
    return out;
  }
};

// The same value, known when the node is compiled.
inline Value constant(Value value) {
  value.constant = true;
  return value;
}
inline Value none() { return {}; }

// Values of any listed arithmetic type, converted to T.
template <class T, class From = T>
Value value(std::vector<int64_t> shape, const std::vector<From>& items) {
  Value v{type_of<T>(), std::move(shape), {}, false};
  if (v.elements() != items.size()) throw std::invalid_argument("the list does not have as many items as the shape");
  v.bytes.resize(items.size() * sizeof(T));
  for (size_t i = 0; i < items.size(); ++i) {
    const T item = static_cast<T>(items[i]);
    std::memcpy(v.bytes.data() + i * sizeof(T), &item, sizeof(T));
  }
  return v;
}
template <class T>
Value value(std::vector<int64_t> shape, std::initializer_list<T> items) {
  return value<T, T>(std::move(shape), std::vector<T>(items));
}
template <class T>
Value scalar(T item) {
  return value<T, T>({}, std::vector<T>{item});
}

// What an output should be; its content comes from running.
inline Value output_of(DataType type, std::vector<int64_t> shape) { return {type, std::move(shape), {}, false}; }
template <class T>
Value output_of(std::vector<int64_t> shape) {
  return output_of(type_of<T>(), std::move(shape));
}

// float16 and bfloat16 by way of double, by search through the neighbouring values: slow, and sure to round to nearest
// even.
inline double half_to_double(uint16_t bits) {
  const int exponent = (bits >> 10) & 31, mantissa = bits & 1023;
  double m = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  if (exponent == 31) m = mantissa ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  return bits & 0x8000 ? -m : m;
}
inline double bfloat_to_double(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float f;
  std::memcpy(&f, &wide, sizeof f);
  return f;
}
// Nearest 16-bit pattern under `decode`, which is monotonic over the positive patterns up to `infinity`.
inline uint16_t nearest_pattern(double x, double (*decode)(uint16_t), uint16_t infinity) {
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  if (std::isnan(x)) return static_cast<uint16_t>(infinity | 1u << 6 | sign);
  const double a = std::fabs(x);
  uint16_t low = 0, high = infinity;  // decode(low) <= a < decode(high)
  if (std::isinf(a)) return static_cast<uint16_t>(sign | infinity);
  while (high - low > 1) {
    const auto middle = static_cast<uint16_t>((low + high) / 2);
    (decode(middle) <= a ? low : high) = middle;
  }
  // Infinity stands where the next finite value would.
  const double below = decode(low), step = low == 0 ? decode(1) : below - decode(static_cast<uint16_t>(low - 1));
  const double above = high == infinity ? below + step : decode(high);
  const bool up = a - below > above - a || (a - below == above - a && (low & 1));
  return static_cast<uint16_t>(sign | (up ? high : low));
}
inline Value half_value(std::vector<int64_t> shape, const std::vector<double>& items) {
  std::vector<uint16_t> bits;
  for (double x : items) bits.push_back(nearest_pattern(x, half_to_double, 0x7c00));
  Value v = value<uint16_t>(std::move(shape), bits);
  v.type = DataType::float16;
  return v;
}
inline Value bfloat_value(std::vector<int64_t> shape, const std::vector<double>& items) {
  std::vector<uint16_t> bits;
  for (double x : items) bits.push_back(nearest_pattern(x, bfloat_to_double, 0x7f80));
  Value v = value<uint16_t>(std::move(shape), bits);
  v.type = DataType::bfloat16;
  return v;
}

// The elements as double, whatever the type; 64-bit integers lose their low bits.
inline std::vector<double> as_doubles(const Value& v) {
  std::vector<double> out;
  const auto append = [&](auto zero) {
    for (auto item : v.as<decltype(zero)>()) out.push_back(static_cast<double>(item));
  };
  switch (v.type) {
    case DataType::float32: append(float{}); break;
    case DataType::float64: append(double{}); break;
    case DataType::float16:
      for (uint16_t b : v.as<uint16_t>()) out.push_back(half_to_double(b));
      break;
    case DataType::bfloat16:
      for (uint16_t b : v.as<uint16_t>()) out.push_back(bfloat_to_double(b));
      break;
    case DataType::int8: append(int8_t{}); break;
    case DataType::uint8:
    case DataType::bool_: append(uint8_t{}); break;
    case DataType::int16: append(int16_t{}); break;
    case DataType::uint16: append(uint16_t{}); break;
    case DataType::int32: append(int32_t{}); break;
    case DataType::uint32: append(uint32_t{}); break;
    case DataType::int64: append(int64_t{}); break;
    case DataType::uint64: append(uint64_t{}); break;
    default: throw std::invalid_argument("an absent value has no elements");
  }
  return out;
}

// Values of any type from doubles that it represents (halves: rounded to nearest even).
inline Value value_of(DataType type, std::vector<int64_t> shape, const std::vector<double>& items) {
  switch (type) {
    case DataType::float32: return value<float>(std::move(shape), items);
    case DataType::float64: return value<double>(std::move(shape), items);
    case DataType::float16: return half_value(std::move(shape), items);
    case DataType::bfloat16: return bfloat_value(std::move(shape), items);
    case DataType::int8: return value<int8_t>(std::move(shape), items);
    case DataType::uint8: return value<uint8_t>(std::move(shape), items);
    case DataType::int16: return value<int16_t>(std::move(shape), items);
    case DataType::uint16: return value<uint16_t>(std::move(shape), items);
    case DataType::int32: return value<int32_t>(std::move(shape), items);
    case DataType::uint32: return value<uint32_t>(std::move(shape), items);
    case DataType::int64: return value<int64_t>(std::move(shape), items);
    case DataType::uint64: return value<uint64_t>(std::move(shape), items);
    case DataType::bool_: return value<bool>(std::move(shape), items);
    default: throw std::invalid_argument("no element type");
  }
}

// Numbers in [low, high) that look random and are the same on every machine (splitmix64).
inline std::vector<double> noise(size_t count, uint64_t seed, double low = -1, double high = 1) {
  std::vector<double> out(count);
  for (double& x : out) {
    uint64_t z = seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    x = low + (high - low) * std::ldexp(static_cast<double>((z ^ (z >> 31)) >> 11), -53);
  }
  return out;
}
inline Value random_value(std::vector<int64_t> shape, uint64_t seed, double low = -1, double high = 1) {
  const auto count = static_cast<size_t>(sdk::Shape(shape).elements());
  return value<float>(std::move(shape), noise(count, seed, low, high));
}

}  // namespace motley::test
