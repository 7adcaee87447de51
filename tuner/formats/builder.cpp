// Puts a recording together row by row.
#include "formats/builder.hpp"

#include <algorithm>
#include <map>

namespace motley::tuner {

namespace {

// The distinct values of one column.
std::vector<Value> distinct(const std::vector<std::vector<Value>>& rows, size_t column) {
  std::map<std::string, Value> by_text;
  bool numbers = true;
  for (const auto& row : rows) {
    by_text.try_emplace(row[column].text(), row[column]);
    numbers = numbers && !row[column].is_word();
  }
  std::vector<Value> values;
  for (auto& [text, value] : by_text) values.push_back(value);
  if (numbers)
    std::sort(values.begin(), values.end(), [](const Value& a, const Value& b) { return a.number() < b.number(); });
  return values;
}

}  // namespace

void RecordingBuilder::add(const std::function<std::vector<Value>()>& values,
                           const std::function<Observation()>& observation) {
  Observation failed;
  failed.validity = Validity::runtime;
  const size_t before = rows_.size();
  try {
    rows_.push_back(values());
    observations_.push_back(observation());
  } catch (const Error& error) {
    ++damaged_;
    if (!damage_) damage_ = error;
    if (rows_.size() > before) observations_.push_back(std::move(failed));
  }
}

void RecordingBuilder::finish(Recording& recording) {
  const auto works = [](const Observation& o) { return o.validity == Validity::correct; };
  if (damage_ && std::none_of(observations_.begin(), observations_.end(), works)) throw *damage_;
  recording.damaged = damaged_;
  for (Observation& o : observations_) o.config.resize(names_.size());
  for (size_t p = 0; p < names_.size(); ++p) {
    std::vector<Value> values = distinct(rows_, p);
    std::map<std::string, uint16_t> index;
    for (const Value& value : values) index.emplace(value.text(), static_cast<uint16_t>(index.size()));
    for (size_t i = 0; i < rows_.size(); ++i) observations_[i].config[p] = index.at(rows_[i][p].text());
    recording.parameters.push_back({names_[p], std::move(values), 0});
  }
  recording.observations = std::move(observations_);
}

}  // namespace motley::tuner
