// What a kernel is fed when it is checked, and whether what it gives is right.
#include "device/values.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>

#include "base/text.hpp"

namespace motley::tuner {

namespace {

using schema::DataType;

constexpr double kLimit32 = 1e-3, kLimit16 = 2e-2, kLimit8 = 0.1;  // Winograd and bfloat16 sums included

float from_half(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const float sign = bits & 0x8000 ? -1.0F : 1.0F;
  if (exponent == 31) return mantissa ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -24);
  return sign * std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
}
// Of numbers of moderate size, rounded towards zero.
uint16_t to_half(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const int exponent = static_cast<int>(bits >> 23 & 255) - 112;
  const uint32_t sign = bits >> 16 & 0x8000;
  if (exponent <= 0) return static_cast<uint16_t>(sign);
  return static_cast<uint16_t>(sign | std::min(exponent, 30) << 10 | (bits >> 13 & 1023));
}

double number_for(Filling filling, uint64_t index, std::mt19937_64& random) {
  switch (filling) {
    case Filling::random: return std::uniform_real_distribution<double>(-1, 1)(random);
    case Filling::ramp: return static_cast<double>(index % 8191) / 4096 - 1;
    case Filling::extremes: break;
  }
  constexpr double kValues[] = {100, -100, 0, 1e-3, -1e-3, 1, -1, 50};
  return kValues[random() % std::size(kValues)];
}

template <class T>
void put(Bytes& bytes, uint64_t index, T value) {
  std::memcpy(bytes.data() + index * sizeof value, &value, sizeof value);
}
template <class T>
T get(const Bytes& bytes, uint64_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof value, sizeof value);
  return value;
}

// Integers: the whole range of bytes, small numbers otherwise (they are often indices or sizes).
void put_number(Bytes& bytes, DataType type, uint64_t index, double number) {
  switch (type) {
    case DataType::float32: return put(bytes, index, static_cast<float>(number));
    case DataType::float64: return put(bytes, index, number);
    case DataType::float16: return put(bytes, index, to_half(static_cast<float>(number)));
    case DataType::bfloat16:
      return put(bytes, index, static_cast<uint16_t>(std::bit_cast<uint32_t>(static_cast<float>(number)) >> 16));
    case DataType::int8: return put(bytes, index, static_cast<int8_t>(std::clamp(number * 127, -127.0, 127.0)));
    case DataType::uint8: return put(bytes, index, static_cast<uint8_t>(std::clamp(number * 127 + 128, 0.0, 255.0)));
    case DataType::bool_: return put(bytes, index, static_cast<uint8_t>(number > 0));
    case DataType::int32: return put(bytes, index, static_cast<int32_t>(number * 10));
    case DataType::int64: return put(bytes, index, static_cast<int64_t>(number * 10));
    default:
      base::fail(ErrorCode::unsupported, "the tuner has no values for tensors of type %: leave the op untuned",
                 {graph::to_string(type)});
  }
}
double get_number(const Bytes& bytes, DataType type, uint64_t index) {
  switch (type) {
    case DataType::float32: return static_cast<double>(get<float>(bytes, index));
    case DataType::float64: return get<double>(bytes, index);
    case DataType::float16: return static_cast<double>(from_half(get<uint16_t>(bytes, index)));
    case DataType::bfloat16:
      return static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(get<uint16_t>(bytes, index)) << 16));
    case DataType::int8: return get<int8_t>(bytes, index);
    case DataType::uint8:
    case DataType::bool_: return get<uint8_t>(bytes, index);
    case DataType::int32: return get<int32_t>(bytes, index);
    case DataType::int64: return static_cast<double>(get<int64_t>(bytes, index));
    default: return 0;
  }
}

// Absolute, given the largest value of the reference.
double limit_for(DataType type, double largest) {
  switch (type) {
    case DataType::float32:
    case DataType::float64: return kLimit32 * largest + 1e-30;
    case DataType::float16:
    case DataType::bfloat16: return kLimit16 * largest + 1e-30;
    case DataType::int8:
    case DataType::uint8: return 1;  // a rounding step
    default: return 0;
  }
}

// Of results that were computed in less than their type. Bytes know 256 steps, and sums of them have some.
double lower_limit(DataType precision, double largest) {
  switch (precision) {
    case DataType::float16:
    case DataType::bfloat16: return kLimit16 * largest;
    case DataType::int8:
    case DataType::uint8: return kLimit8 * largest;
    default: return 0;
  }
}

}  // namespace

Bytes fill_tensor(const graph::Tensor& tensor, Filling filling, uint64_t seed) {
  Bytes bytes(tensor.bytes());
  std::mt19937_64 random(seed);
  const auto count = static_cast<uint64_t>(tensor.elements());
  for (uint64_t i = 0; i < count; ++i) put_number(bytes, tensor.type, i, number_for(filling, i, random));
  return bytes;
}

Difference compare(const graph::Tensor& tensor, const Bytes& result, const Bytes& reference, DataType precision) {
  Difference difference;
  const auto count = static_cast<uint64_t>(tensor.elements());
  double largest = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const double value = std::abs(get_number(reference, tensor.type, i));
    if (std::isfinite(value)) largest = std::max(largest, value);
  }
  const double limit = std::max(limit_for(tensor.type, largest), lower_limit(precision, largest));
  for (uint64_t i = 0; i < count; ++i) {
    const double ours = get_number(result, tensor.type, i), theirs = get_number(reference, tensor.type, i);
    const bool alike = ours == theirs || (std::isnan(ours) && std::isnan(theirs));
    const double distance = alike ? 0 : std::abs(ours - theirs);
    if (alike || (distance <= limit && distance <= difference.max_abs)) continue;
    if (std::isfinite(distance)) difference.max_abs = std::max(difference.max_abs, distance);
    if (distance <= limit || !difference.acceptable) continue;
    difference.acceptable = false;
    difference.where = base::text("element % of \"%\" is % where the reference has %",
                                  {i, tensor.name, std::to_string(ours), std::to_string(theirs)});
  }
  difference.max_rel = largest > 0 ? difference.max_abs / largest : 0;
  return difference;
}

}  // namespace motley::tuner
