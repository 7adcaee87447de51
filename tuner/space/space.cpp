// What a kernel's tuner may choose from.
#include "space/space.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "base/text.hpp"

namespace motley::tuner {

namespace {

constexpr std::string_view kReserved = ",=|";
constexpr size_t kMaxValues = std::numeric_limits<uint16_t>::max();

void check_word(std::string_view word, const std::string& parameter) {
  if (word.empty() || word.find_first_of(kReserved) != std::string_view::npos)
    base::fail(ErrorCode::invalid_argument,
               "the parameter \"%\" has the name or value \"%\": it may not be empty or contain , = or |",
               {parameter, word});
}

void check_parameter(const Parameter& p) {
  check_word(p.name, p.name);
  if (p.values.empty() || p.values.size() > kMaxValues || p.default_index >= p.values.size())
    base::fail(ErrorCode::invalid_argument, "the parameter \"%\" has % values, its default is number %: give it 1 to %",
               {p.name, p.values.size(), p.default_index, kMaxValues});
  std::set<std::string> seen;
  for (const Value& value : p.values) {
    const std::string text = value.text();
    check_word(text, p.name);
    if (!seen.insert(text).second)
      base::fail(ErrorCode::invalid_argument, "the parameter \"%\" has the value \"%\" twice: remove one",
                 {p.name, text});
  }
}

}  // namespace

Space::Space(std::vector<Parameter> parameters, const std::vector<std::string>& constraints, Check check)
    : parameters_(std::move(parameters)),
      decided_by_(parameters_.size()),
      by_name_(parameters_.size()),
      check_(std::move(check)) {
  std::vector<std::string> names;
  for (const Parameter& p : parameters_) {
    check_parameter(p);
    names.push_back(p.name);
  }
  std::iota(by_name_.begin(), by_name_.end(), size_t{0});
  std::sort(by_name_.begin(), by_name_.end(), [&](size_t a, size_t b) { return names[a] < names[b]; });
  for (size_t i = 1; i < by_name_.size(); ++i)
    if (names[by_name_[i]] == names[by_name_[i - 1]])
      base::fail(ErrorCode::invalid_argument, "two parameters have the name \"%\": rename one", {names[by_name_[i]]});
  for (const std::string& text : constraints) {
    constraints_.emplace_back(text, names);
    const auto& reads = constraints_.back().reads();
    if (!parameters_.empty()) decided_by_[reads.empty() ? 0 : reads.back()].push_back(constraints_.size() - 1);
  }
}

Parameter Space::plugin_parameter(std::string name, std::string_view values, std::string_view default_value) {
  Parameter p{std::move(name), {}, 0};
  bool has_default = false;
  for (bool more = true; more;) {
    const size_t bar = values.find('|');
    const std::string_view word = values.substr(0, bar);
    if (word == default_value) {
      has_default = true;
      p.default_index = p.values.size();
    }
    p.values.push_back(Value::parse(word));
    more = bar != std::string_view::npos;
    if (more) values.remove_prefix(bar + 1);
  }
  if (!has_default)
    base::fail(ErrorCode::invalid_argument, "the parameter \"%\" has the default \"%\", which is none of its values",
               {p.name, default_value});
  return p;
}

uint64_t Space::combinations() const {
  uint64_t count = 1;
  for (const Parameter& p : parameters_)
    if (__builtin_mul_overflow(count, static_cast<uint64_t>(p.values.size()), &count)) return UINT64_MAX;
  return count;
}

Config Space::default_config() const {
  Config config;
  for (const Parameter& p : parameters_) config.push_back(static_cast<uint16_t>(p.default_index));
  return config;
}

bool Space::constraints_hold(const Config& config, const std::vector<size_t>& constraints) const {
  if (constraints.empty()) return true;
  std::vector<const Value*> values;
  for (size_t i = 0; i < parameters_.size(); ++i)
    values.push_back(&parameters_[i].values[i < config.size() ? config[i] : 0]);
  try {
    return std::all_of(constraints.begin(), constraints.end(), [&](size_t c) { return constraints_[c].holds(values); });
  } catch (const Error&) {
    return false;
  }
}

bool Space::valid(const Config& config) const {
  std::vector<size_t> all(constraints_.size());
  std::iota(all.begin(), all.end(), size_t{0});
  return constraints_hold(config, all) && (!check_ || check_(text(config)));
}

std::string Space::text(const Config& config) const {
  std::string result;
  for (size_t i : by_name_) {
    if (!result.empty()) result += ',';
    result += parameters_[i].name + '=' + parameters_[i].values[config[i]].text();
  }
  return result;
}

Config Space::parse(std::string_view text) const {
  Config config = default_config();
  std::vector<bool> given(parameters_.size());
  for (bool more = !text.empty(); more;) {
    const size_t comma = text.find(',');
    const std::string_view pair = text.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
    const size_t equals = pair.find('=');
    const std::string_view key = pair.substr(0, equals);
    const auto p = std::find_if(parameters_.begin(), parameters_.end(), [&](const auto& q) { return q.name == key; });
    if (equals == std::string_view::npos || p == parameters_.end() || given[p - parameters_.begin()])
      base::fail(ErrorCode::invalid_argument,
                 "the config has \"%\": each of its parts is key=value, with the name of a parameter, once", {pair});
    const Value value = Value::parse(pair.substr(equals + 1));
    const auto at = std::find(p->values.begin(), p->values.end(), value);
    if (at == p->values.end())
      base::fail(ErrorCode::invalid_argument, "the config has \"%\", which is none of the parameter's values", {pair});
    given[p - parameters_.begin()] = true;
    config[p - parameters_.begin()] = static_cast<uint16_t>(at - p->values.begin());
  }
  return config;
}

// Fills in one parameter after another; a constraint cuts the branch as soon as the last parameter it reads is set.
bool Space::extend(Config& config, size_t parameter, size_t limit, std::vector<Config>& found) const {
  if (parameter == parameters_.size()) {
    if (check_ && !check_(text(config))) return true;
    if (found.size() == limit) return false;
    found.push_back(config);
    return true;
  }
  for (size_t v = 0; v < parameters_[parameter].values.size(); ++v) {
    config.push_back(static_cast<uint16_t>(v));
    const bool go_on = !constraints_hold(config, decided_by_[parameter]) || extend(config, parameter + 1, limit, found);
    config.pop_back();
    if (!go_on) return false;
  }
  return true;
}

std::optional<std::vector<Config>> Space::enumerate(size_t limit) const {
  std::vector<Config> found;
  Config config;
  if (!extend(config, 0, limit, found)) return std::nullopt;
  return found;
}

std::vector<Config> Space::sample(size_t count, std::mt19937_64& random) const {
  constexpr size_t kDrawsPerConfig = 200;  // where fewer than one in 200 is valid, fewer are returned
  std::set<Config> chosen;
  std::vector<Config> result;
  for (size_t draw = 0; draw < count * kDrawsPerConfig && result.size() < count; ++draw) {
    Config config;
    for (const Parameter& p : parameters_) config.push_back(static_cast<uint16_t>(random() % p.values.size()));
    if (valid(config) && chosen.insert(config).second) result.push_back(std::move(config));
  }
  return result;
}

std::vector<Config> Space::neighbours(const Config& config) const {
  std::vector<Config> result;
  Config other = config;
  for (size_t p = 0; p < config.size(); ++p) {
    for (size_t v = 0; v < parameters_[p].values.size(); ++v) {
      other[p] = static_cast<uint16_t>(v);
      if (v != config[p] && valid(other)) result.push_back(other);
    }
    other[p] = config[p];
  }
  return result;
}

uint64_t config_hash(std::string_view canonical_text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : canonical_text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace motley::tuner
