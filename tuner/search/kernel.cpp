// How alike two configs are expected to run.
#include "search/kernel.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace motley::tuner {

namespace {

// Matern with 5/2: times vary smoothly with tile sizes, but not infinitely so.
double matern(double distance) {
  const double r = std::sqrt(5.0) * distance;
  return (1 + r + r * r / 3) * std::exp(-r);
}

double exponent_of_two(const Value& value) {
  if (!value.is_integer() || value.integer() == 0) return 0;
  return __builtin_ctzll(static_cast<unsigned long long>(value.integer()));
}

bool is_power_of_two(const Value& value) {
  return value.is_integer() && value.integer() > 0 && (value.integer() & (value.integer() - 1)) == 0;
}

// Half by ratio, half by rank: tile sizes act by ratio, but lists are often even.
std::vector<double> positions_of(const std::vector<Value>& values) {
  const size_t n = values.size();
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a].number() < values[b].number(); });
  const double low = values[order.front()].number(), high = values[order.back()].number();
  std::vector<double> positions(n);
  for (size_t rank = 0; rank < n; ++rank) {
    const double value = values[order[rank]].number();
    const double by_rank = n > 1 ? static_cast<double>(rank) / static_cast<double>(n - 1) : 0;
    const double by_ratio = low > 0 && high > low ? std::log(value / low) / std::log(high / low) : by_rank;
    positions[order[rank]] = (by_rank + by_ratio) / 2;
  }
  return positions;
}

}  // namespace

Kernel::Scale Kernel::scale_of(const Parameter& parameter) {
  Scale scale;
  const auto& values = parameter.values;
  scale.ordered = std::none_of(values.begin(), values.end(), [](const Value& v) { return v.is_word(); });
  scale.positions = scale.ordered ? positions_of(values) : std::vector<double>(values.size());
  const bool positive =
      scale.ordered && std::all_of(values.begin(), values.end(), [](const Value& v) { return v.number() > 0; });
  scale.has_alignment = positive && !std::all_of(values.begin(), values.end(), is_power_of_two);
  for (const Value& value : values) scale.exponents.push_back(exponent_of_two(value));
  return scale;
}

Kernel::Kernel(const std::vector<Parameter>& parameters) : shapes_(parameters.size()), tables_(parameters.size()) {
  for (const Parameter& p : parameters) scales_.push_back(scale_of(p));
  for (size_t p = 0; p < parameters.size(); ++p) {
    Shape shape;
    if (has_alignment(p)) shape.alignment = 0.3;
    set_shape(p, shape);
  }
}

void Kernel::set_shape(size_t parameter, const Shape& shape) {
  constexpr double kExponentReach = 2;
  const Scale& scale = scales_[parameter];
  const size_t n = scale.positions.size();
  shapes_[parameter] = shape;
  std::vector<float>& table = tables_[parameter];
  table.resize(n * n);
  for (size_t a = 0; a < n; ++a)
    for (size_t b = 0; b < n; ++b) {
      const double distance = scale.ordered ? std::abs(scale.positions[a] - scale.positions[b]) : a == b ? 0 : 1;
      const double aligned = std::exp(-std::abs(scale.exponents[a] - scale.exponents[b]) / kExponentReach);
      const double near = matern(distance / shape.length) * (1 - shape.alignment + shape.alignment * aligned);
      table[a * n + b] = static_cast<float>(1 - shape.weight + shape.weight * near);
    }
}

}  // namespace motley::tuner
