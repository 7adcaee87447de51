// One-way analysis of variance, parameter by parameter.
#include "report/importance.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/text.hpp"

namespace motley::tuner {

namespace {

constexpr size_t kFewestSamples = 8;

struct Sum {
  double total = 0, squares = 0;
  size_t count = 0;
  void add(double value) {
    total += value;
    squares += value * value;
    ++count;
  }
  double spread() const { return count ? std::max(0.0, squares - total * total / static_cast<double>(count)) : 0; }
};

// A parameter that a config does not name counts as a value of its own.
Importance effect_of(const std::string& name, const std::vector<Sample>& samples, const Sum& all, double middle) {
  std::map<std::string, Sum> groups;
  for (const Sample& sample : samples) {
    const auto value = sample.parameters.find(name);
    groups[value == sample.parameters.end() ? std::string() : "=" + value->second].add(std::log(sample.ns) - middle);
  }
  double within = 0;
  for (const auto& [value, group] : groups) within += group.spread();
  Importance importance{name, 0, groups.size()};
  if (groups.size() < 2 || groups.size() >= all.count) return importance;
  const double by_chance =
      static_cast<double>(groups.size() - 1) * within / static_cast<double>(all.count - groups.size());
  importance.share = std::clamp((all.spread() - within - by_chance) / all.spread(), 0.0, 1.0);
  return importance;
}

}  // namespace

std::map<std::string, std::string> parameters_of(std::string_view config) {
  std::map<std::string, std::string> parameters;
  for (size_t at = 0; at < config.size();) {
    const size_t end = std::min(config.find(',', at), config.size());
    const std::string_view pair = config.substr(at, end - at);
    const size_t equals = pair.find('=');
    if (equals != std::string_view::npos) parameters[std::string(pair.substr(0, equals))] = pair.substr(equals + 1);
    at = end + 1;
  }
  return parameters;
}

std::vector<Importance> importance_of(const std::vector<Sample>& samples) {
  if (samples.size() < kFewestSamples) return {};
  double middle = 0;  // keeps the sums of squares exact enough
  for (const Sample& sample : samples) middle += std::log(sample.ns) / static_cast<double>(samples.size());
  Sum all;
  std::set<std::string> names;
  for (const Sample& sample : samples) {
    all.add(std::log(sample.ns) - middle);
    for (const auto& [name, value] : sample.parameters) names.insert(name);
  }
  constexpr double kNothing = 1e-12;
  if (all.spread() < kNothing * static_cast<double>(all.count)) return {};
  std::vector<Importance> result;
  for (const std::string& name : names) result.push_back(effect_of(name, samples, all, middle));
  std::stable_sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a.share > b.share; });
  return result;
}

}  // namespace motley::tuner
