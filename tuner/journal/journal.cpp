// The tuner's memory on disk.
#include "journal/journal.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <set>
#include <tuple>

#include "base/text.hpp"
#include "journal/record.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

constexpr const char* kSchema = "motley.journal/1";
constexpr std::string_view kFirstBytes = "{\"journal\":";
constexpr Ending kEndings[] = {Ending::measured, Ending::invalid, Ending::wrong,
                               Ending::crashed,  Ending::hung,    Ending::failed};

bool is_strike(Ending ending) { return ending == Ending::wrong || ending == Ending::crashed || ending == Ending::hung; }

void sync_folder(const std::filesystem::path& file) {
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const base::Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() < 0 || ::fsync(opened.get()) != 0) base::throw_io_error("sync the folder", folder);
}

json json_of(const Subject& subject) {
  return {{"fingerprint", subject.fingerprint}, {"problem", subject.problem}, {"config", subject.config}};
}
// Members of the wrong type throw json::exception, which the caller takes for damage.
Subject subject_of(const json& record) {
  return {record.at("fingerprint").get<std::string>(), record.at("problem").get<std::string>(),
          record.at("config").get<std::string>()};
}

Outcome outcome_of(const json& record) {
  Outcome outcome;
  const auto word = record.at("ending").get<std::string>();
  const auto* ending =
      std::find_if(std::begin(kEndings), std::end(kEndings), [&](Ending e) { return word == to_string(e); });
  outcome.ending = ending == std::end(kEndings) ? Ending::failed : *ending;
  outcome.log_ratios = record.at("log_ratios").get<std::vector<double>>();
  outcome.median_ns = record.at("median_ns").get<uint64_t>();
  outcome.reason = record.at("reason").get<std::string>();
  return outcome;
}

auto as_tuple(const Outcome& o) { return std::tie(o.ending, o.log_ratios, o.median_ns, o.reason); }

}  // namespace

const char* to_string(Ending ending) {
  switch (ending) {
    case Ending::measured: return "measured";
    case Ending::invalid: return "invalid";
    case Ending::wrong: return "wrong";
    case Ending::crashed: return "crashed";
    case Ending::hung: return "hung";
    case Ending::failed: return "failed";
  }
  return "";
}

Journal::Journal(const std::filesystem::path& path)
    : path_(path), file_(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (file_.get() < 0) base::throw_io_error("open the journal", path);
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0)
    base::fail(ErrorCode::invalid_argument,
               "the journal \"%\" is in use by another tuner: end that one, or give another file", {path.string()});
  read();
}

void Journal::read() {
  const std::string what = "the journal \"" + path_.string() + "\"";
  std::string text(base::size_of_file(file_.get(), what), '\0');
  text.resize(base::read_at(file_.get(), 0, text.data(), text.size(), what));
  // What stands after the last new line was being written when the machine or the process went down: nobody was told
  // that it is there.
  const size_t whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
  size_t lines = 0;
  for (size_t at = 0; at < whole; ++lines) {
    const size_t end = text.find('\n', at);
    take_line(std::string_view(text).substr(at, end - at));
    at = end + 1;
  }
  const bool is_ours = whole > 0 ? damaged_ < lines : kFirstBytes.starts_with(text.substr(0, kFirstBytes.size()));
  if (!is_ours)
    base::fail(ErrorCode::invalid_argument, "the file \"%\" is no journal of this tuner: give another one",
               {path_.string()});
  if (whole < text.size()) {
    ++damaged_;
    cut_to(whole);
  }
  size_ = whole;
  if (whole == 0) {
    append({{"journal", kSchema}});
    sync_folder(path_);
  }
}

void Journal::cut_to(uint64_t size) {
  if (::ftruncate(file_.get(), static_cast<off_t>(size)) != 0) base::throw_io_error("shorten the journal", path_);
}

void Journal::take_line(std::string_view line) {
  const auto record = decode_record(line);
  try {
    if (record) return take(*record);
  } catch (const json::exception&) {
  }
  ++damaged_;
}

void Journal::take(const json& record) {
  if (record.contains("journal")) {
    const auto schema = record.at("journal").get<std::string>();
    if (schema != kSchema)
      base::fail(ErrorCode::invalid_argument,
                 "the journal \"%\" has the format \"%\", this tuner writes \"%\": give another file",
                 {path_.string(), schema, kSchema});
    return;
  }
  const auto kind = record.at("kind").get<std::string>();
  if (kind == "start") {
    ++open_[subject_of(record)];
  } else if (kind == "done") {
    const Subject subject = subject_of(record);
    Outcome outcome = outcome_of(record);
    if (const auto at = open_.find(subject); at != open_.end() && --at->second == 0) open_.erase(at);
    if (is_strike(outcome.ending)) ++strikes_[subject];
    outcomes_[subject].push_back(std::move(outcome));
  } else {
    notes_.push_back(record);
  }
}

void Journal::append(const json& record) {
  const std::string line = encode_record(record);
  for (size_t at = 0; at < line.size();) {
    const ssize_t count = ::write(file_.get(), line.data() + at, line.size() - at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int reason = errno;
      cut_to(size_);  // a full disk: half a line would spoil the next one
      errno = reason;
      base::throw_io_error("write the journal", path_);
    }
    at += static_cast<size_t>(count);
  }
  if (::fsync(file_.get()) != 0) base::throw_io_error("sync the journal", path_);
  size_ += line.size();
}

void Journal::begin(const Subject& subject) {
  if (banned(subject))
    base::fail(ErrorCode::invalid_argument, "the config \"%\" is banned for this device after % strikes: leave it out",
               {subject.config, strikes(subject)});
  json record = json_of(subject);
  record["kind"] = "start";
  append(record);
  ++open_[subject];
}

void Journal::finish(const Subject& subject, const Outcome& outcome) {
  json record = json_of(subject);
  record["kind"] = "done";
  record["ending"] = to_string(outcome.ending);
  record["log_ratios"] = json::array();
  for (const double ratio : outcome.log_ratios)
    if (std::isfinite(ratio)) record["log_ratios"].push_back(ratio);  // JSON knows no infinity
  record["median_ns"] = outcome.median_ns;
  record["reason"] = outcome.reason;
  append(record);
  take(record);
}

void Journal::note(const std::string& kind, json facts) {
  facts["kind"] = kind;
  append(facts);
  take(facts);
}

uint32_t Journal::strikes(const Subject& subject) const {
  const auto open = open_.find(subject);
  const auto counted = strikes_.find(subject);
  return (open == open_.end() ? 0 : open->second) + (counted == strikes_.end() ? 0 : counted->second);
}

const std::vector<Outcome>& Journal::outcomes(const Subject& subject) const {
  static const std::vector<Outcome> none;
  const auto at = outcomes_.find(subject);
  return at == outcomes_.end() ? none : at->second;
}

std::map<Subject, std::vector<Outcome>> merge(const std::vector<const Journal*>& journals) {
  std::map<Subject, std::vector<Outcome>> all;
  for (const Journal* journal : journals)
    for (const auto& [subject, outcomes] : journal->all())
      for (const Outcome& outcome : outcomes) all[subject].push_back(outcome);
  for (auto& [subject, outcomes] : all) {
    std::sort(outcomes.begin(), outcomes.end(),
              [](const Outcome& a, const Outcome& b) { return as_tuple(a) < as_tuple(b); });
    outcomes.erase(std::unique(outcomes.begin(), outcomes.end(),
                               [](const Outcome& a, const Outcome& b) { return as_tuple(a) == as_tuple(b); }),
                   outcomes.end());
  }
  return all;
}

}  // namespace motley::tuner
