// Reads a journal without owning it.
#include "report/journal_file.hpp"

#include <algorithm>
#include <map>

#include "base/file.hpp"
#include "base/text.hpp"
#include "journal/record.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

constexpr uint64_t kMostBytes = 256ull << 20;
constexpr const char* kSchema = "motley.journal/1";
constexpr std::string_view kFirstBytes = "{\"journal\":";
constexpr Ending kEndings[] = {Ending::measured, Ending::invalid, Ending::wrong,
                               Ending::crashed,  Ending::hung,    Ending::failed};

Subject subject_of(const json& record) {
  return {record.at("fingerprint").get<std::string>(), record.at("problem").get<std::string>(),
          record.at("config").get<std::string>()};
}

Outcome outcome_of(const json& record) {
  Outcome outcome;
  outcome.ending = Ending::failed;
  const auto word = record.at("ending").get<std::string>();
  for (const Ending ending : kEndings)
    if (word == to_string(ending)) outcome.ending = ending;
  outcome.log_ratios = record.at("log_ratios").get<std::vector<double>>();
  outcome.median_ns = record.at("median_ns").get<uint64_t>();
  outcome.reason = record.at("reason").get<std::string>();
  return outcome;
}

class Reader {
 public:
  explicit Reader(const std::string& what) : what_(what) {}

  void take_line(std::string_view line) {
    ++file_.lines;
    const auto record = decode_record(line);
    try {
      if (record) return take(*record);
    } catch (const json::exception&) {
    }
    ++file_.damaged;
  }

  JournalFile finish() {
    for (const auto& [subject, count] : open_)
      for (size_t i = 0; i < count; ++i) file_.trials.push_back({subject, std::nullopt});
    return std::move(file_);
  }

 private:
  void take(const json& record) {
    if (record.contains("journal")) {
      const auto schema = record.at("journal").get<std::string>();
      if (schema != kSchema)
        base::fail(ErrorCode::invalid_argument,
                   "% has the format \"%\", this program reads \"%\": use the one that wrote it",
                   {what_, schema, kSchema});
      return;
    }
    const auto kind = record.at("kind").get<std::string>();
    if (kind == "start") {
      ++open_[subject_of(record)];
    } else if (kind == "done") {
      Trial trial{subject_of(record), outcome_of(record)};
      if (const auto at = open_.find(trial.subject); at != open_.end() && --at->second == 0) open_.erase(at);
      file_.trials.push_back(std::move(trial));
    } else {
      file_.notes.push_back(record);
    }
  }

  const std::string& what_;
  JournalFile file_;
  std::map<Subject, size_t> open_;
};

}  // namespace

bool looks_like_journal(std::string_view text) {
  return text.starts_with(kFirstBytes) || decode_record(text.substr(0, text.find('\n')));
}

JournalFile parse_journal(std::string_view text, const std::string& what) {
  Reader reader(what);
  for (size_t at = 0, end; (end = text.find('\n', at)) != std::string_view::npos; at = end + 1)
    reader.take_line(text.substr(at, end - at));
  JournalFile file = reader.finish();
  if (file.damaged == file.lines)
    base::fail(ErrorCode::invalid_argument, "% has no line that can be read: give a journal of the tuner", {what});
  return file;
}

JournalFile read_journal(const std::filesystem::path& path) {
  return parse_journal(base::read_small_file(path, kMostBytes), base::text("the journal \"%\"", {path.string()}));
}

}  // namespace motley::tuner
