// Is a result what it should be?
#include "compare.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "io/half.hpp"

namespace motley::conformance {
namespace {

template <class T>
std::vector<double> widen(const io::Tensor& tensor) {
  std::vector<double> values(tensor.bytes.size() / sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, tensor.bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<double>(value);
  }
  return values;
}

std::vector<double> halves(const io::Tensor& tensor, float (*decode)(uint16_t)) {
  std::vector<double> values = widen<uint16_t>(tensor);
  for (double& v : values) v = static_cast<double>(decode(static_cast<uint16_t>(v)));
  return values;
}

std::vector<double> values_of(const io::Tensor& tensor) {
  switch (tensor.type) {
    case DataType::float32: return widen<float>(tensor);
    case DataType::float64: return widen<double>(tensor);
    case DataType::float16: return halves(tensor, io::half_to_float);
    case DataType::bfloat16: return halves(tensor, io::bfloat_to_float);
    case DataType::int8: return widen<int8_t>(tensor);
    case DataType::uint8:
    case DataType::bool_: return widen<uint8_t>(tensor);
    default: return {};
  }
}

bool is_float(DataType type) {
  return type == DataType::float32 || type == DataType::float64 || type == DataType::float16 ||
         type == DataType::bfloat16;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.7g", value);
  return text;
}

std::optional<std::string> compare_form(const io::Tensor& expected, const io::Tensor& actual) {
  if (expected.type != actual.type)
    return std::string("its type is ") + to_string(actual.type) + " (expected " + to_string(expected.type) + ")";
  if (expected.shape != actual.shape)
    return "its shape is " + io::shape_text(actual.shape) + " (expected " + io::shape_text(expected.shape) + ")";
  if (expected.bytes.size() != actual.bytes.size()) return "its size in bytes differs";
  return std::nullopt;
}

std::optional<std::string> compare_bytes(const io::Tensor& expected, const io::Tensor& actual) {
  const auto [e, a] = std::mismatch(expected.bytes.begin(), expected.bytes.end(), actual.bytes.begin());
  if (e == expected.bytes.end()) return std::nullopt;
  const size_t width = size_of(expected.type);
  return "element " + std::to_string(static_cast<size_t>(e - expected.bytes.begin()) / width) + " differs";
}

struct Tolerance {
  double absolute, relative;
};

Tolerance tolerance_of(DataType type) {
  switch (type) {
    case DataType::float16: return {5e-3, 1e-2};
    case DataType::bfloat16: return {1e-2, 2e-2};
    default: return {1e-5, 1e-3};
  }
}

}  // namespace

std::optional<std::string> compare_elements(const io::Tensor& expected, const io::Tensor& actual) {
  if (auto difference = compare_form(expected, actual)) return difference;
  if (!is_float(expected.type)) return compare_bytes(expected, actual);
  const std::vector<double> e = values_of(expected), a = values_of(actual);
  const Tolerance tolerance = tolerance_of(expected.type);
  for (size_t i = 0; i < e.size(); ++i) {
    if (e[i] == a[i] || (std::isnan(e[i]) && std::isnan(a[i]))) continue;
    if (std::isfinite(e[i]) && std::fabs(e[i] - a[i]) <= tolerance.absolute + tolerance.relative * std::fabs(e[i]))
      continue;
    size_t more = 0;
    for (size_t j = i + 1; j < e.size(); ++j)
      more += !(std::fabs(e[j] - a[j]) <= tolerance.absolute + tolerance.relative * std::fabs(e[j])) && e[j] != a[j] &&
              !std::isnan(e[j]);
    return "element " + std::to_string(i) + " is " + number(a[i]) + " (expected " + number(e[i]) + "), and " +
           std::to_string(more) + " more of " + std::to_string(e.size()) + " are wrong";
  }
  return std::nullopt;
}

std::optional<std::string> compare_network(const io::Tensor& expected, const io::Tensor& actual, double step) {
  if (auto difference = compare_form(expected, actual)) return difference;
  const bool small_integers = expected.type == DataType::int8 || expected.type == DataType::uint8;
  if (!is_float(expected.type) && !small_integers) return compare_bytes(expected, actual);
  const std::vector<double> e = values_of(expected), a = values_of(actual);
  if (e.empty()) return std::nullopt;

  double worst = 0, dot = 0, ee = 0, aa = 0;
  for (size_t i = 0; i < e.size(); ++i) {
    const double distance = std::fabs(e[i] - a[i]);
    if (std::isnan(distance))
      return "element " + std::to_string(i) + " is " + number(a[i]) + " (expected " + number(e[i]) + ")";
    worst = std::max(worst, distance);
    dot += e[i] * a[i];
    ee += e[i] * e[i];
    aa += a[i] * a[i];
  }
  if (small_integers) {
    if (worst > 6) return "it is off by " + number(worst) + " (at most 6)";
    const auto top = [](const std::vector<double>& v) { return std::max_element(v.begin(), v.end()) - v.begin(); };
    // Equal values may come in either order: the value at the other's top must be just as large.
    if (e[static_cast<size_t>(top(a))] != e[static_cast<size_t>(top(e))]) return "its largest element is another one";
    return std::nullopt;
  }
  const auto [low, high] = std::minmax_element(e.begin(), e.end());
  const double allowed = std::max(1e-3 * std::max(1.0, *high - *low), 6 * step);
  if (worst > allowed) {
    size_t wrong = 0;
    for (size_t i = 0; i < e.size(); ++i) wrong += std::fabs(e[i] - a[i]) > allowed;
    return "it is off by " + number(worst) + " (at most " + number(allowed) + ") in " + std::to_string(wrong) + " of " +
           std::to_string(e.size()) + " elements";
  }
  if (ee > 0 && aa > 0 && dot / std::sqrt(ee * aa) < 0.9999)
    return "its angle's cosine is " + number(dot / std::sqrt(ee * aa)) + " (at least 0.9999)";
  return std::nullopt;
}

}  // namespace motley::conformance
