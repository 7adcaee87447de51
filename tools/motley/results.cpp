// Reading a run's outputs for people.
#include "results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "io/file.hpp"
#include "io/half.hpp"
#include "text.hpp"

namespace motley::cli {

namespace {

constexpr int64_t kShown = 6;

struct Statistics {
  double min = std::numeric_limits<double>::infinity(), max = -min, mean = 0;
  int64_t not_finite = 0;
};

Statistics statistics_of(const TensorRef& tensor) {
  Statistics s;
  const int64_t count = tensor.elements();
  for (int64_t i = 0; i < count; ++i) {
    const double value = value_at(tensor, i);
    if (!std::isfinite(value)) {
      ++s.not_finite;
      continue;
    }
    s.min = std::min(s.min, value);
    s.max = std::max(s.max, value);
    s.mean += value;
  }
  if (count > s.not_finite) s.mean /= static_cast<double>(count - s.not_finite);
  return s;
}

}  // namespace

double value_at(const TensorRef& tensor, int64_t index) {
  const auto i = static_cast<size_t>(index);
  switch (tensor.type()) {
    case DataType::float32: return tensor.as<float>()[i];
    case DataType::float64: return tensor.as<double>()[i];
    case DataType::int8: return tensor.as<int8_t>()[i];
    case DataType::uint8: return tensor.as<uint8_t>()[i];
    case DataType::int16: return tensor.as<int16_t>()[i];
    case DataType::uint16: return tensor.as<uint16_t>()[i];
    case DataType::int32: return tensor.as<int32_t>()[i];
    case DataType::uint32: return tensor.as<uint32_t>()[i];
    case DataType::int64: return static_cast<double>(tensor.as<int64_t>()[i]);
    case DataType::uint64: return static_cast<double>(tensor.as<uint64_t>()[i]);
    case DataType::bool_: return tensor.as_bytes()[i] != std::byte{0};
    case DataType::float16:
    case DataType::bfloat16: {
      const auto* bits = reinterpret_cast<const uint16_t*>(tensor.as_bytes().data());
      return tensor.type() == DataType::float16 ? io::half_to_float(bits[i]) : io::bfloat_to_float(bits[i]);
    }
    case DataType::undefined: break;
  }
  return 0;
}

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    if (!lines.back().empty() && lines.back().back() == '\r') lines.back().pop_back();
    begin = end + 1;
  }
  return lines;
}

std::vector<std::string> read_labels(const std::string& path) {
  const io::MappedFile file(path);
  if (file.bytes().size() > 16'000'000)
    throw Error(ErrorCode::limit,
                fmt::format("the labels \"{}\" ({} bytes) are over 16 MB; give a text file with one label per line",
                            path, file.bytes().size()));
  return split_lines(std::string(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()));
}

bool is_class_row(const TensorRef& tensor) {
  const auto shape = tensor.shape();
  return tensor.elements() > 1 && std::count_if(shape.begin(), shape.end(), [](int64_t d) { return d != 1; }) == 1;
}

std::vector<ClassScore> top_classes(const TensorRef& tensor, size_t count, const std::vector<std::string>& labels) {
  const auto classes = static_cast<size_t>(tensor.elements());
  const size_t shift = labels.size() == classes + 1 && labels.front() == "background" ? 1 : 0;
  if (!labels.empty() && labels.size() - shift != classes)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("the output \"{}\" has {} classes for {} labels; give labels of this model", tensor.name(),
                            classes, labels.size()));
  std::vector<int64_t> order(classes);
  std::iota(order.begin(), order.end(), 0);
  const auto rank = [&](int64_t i) {
    const double value = value_at(tensor, i);
    return std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
  };
  const size_t shown = std::min(count, classes);
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
                    [&](int64_t a, int64_t b) {
                      const double x = rank(a), y = rank(b);
                      return x != y ? x > y : a < b;
                    });
  std::vector<ClassScore> result;
  for (size_t k = 0; k < shown; ++k) {
    const auto i = static_cast<size_t>(order[k]);
    result.push_back({order[k], labels.empty() ? "" : labels[i + shift], value_at(tensor, order[k])});
  }
  return result;
}

std::string summary(const TensorRef& tensor) {
  std::string text =
      fmt::format("{}  {} {}", printable(tensor.name()), to_string(tensor.type()), shape_text(tensor.shape()));
  if (tensor.elements() == 0) return text + "  empty";
  const Statistics s = statistics_of(tensor);
  if (s.not_finite < tensor.elements())
    text += fmt::format("  min {:.6g}, max {:.6g}, mean {:.6g}", s.min, s.max, s.mean);
  if (s.not_finite) text += fmt::format(", {} not finite", s.not_finite);
  text += ":";
  for (int64_t i = 0; i < std::min(kShown, tensor.elements()); ++i) text += fmt::format(" {:.6g}", value_at(tensor, i));
  return text + (tensor.elements() > kShown ? " …" : "");
}

Json summary_json(const TensorRef& tensor) {
  Json json = {{"name", tensor.name()}, {"type", to_string(tensor.type())}};
  json["shape"] = std::vector<int64_t>(tensor.shape().begin(), tensor.shape().end());
  const Statistics s = statistics_of(tensor);
  if (tensor.elements() > s.not_finite) {
    json["min"] = s.min;
    json["max"] = s.max;
    json["mean"] = s.mean;
  }
  json["not_finite"] = s.not_finite;
  return json;
}

}  // namespace motley::cli
