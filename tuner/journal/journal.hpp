// The tuner's memory: what it began and what came of it, on disk before anything is built on it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.hpp"

namespace motley::tuner {

// What a measurement is of. The same config of the same problem on another device is another one.
struct Subject {
  std::string fingerprint;  // of the device: hardware, driver, kernels
  std::string problem;      // the plugin's problem key
  std::string config;       // canonical text

  auto operator<=>(const Subject&) const = default;
};

// How a measurement ended.
enum class Ending { measured, invalid, wrong, crashed, hung, failed };

const char* to_string(Ending ending);

struct Outcome {
  Ending ending = Ending::measured;
  std::vector<double> log_ratios;  // to the anchor, one per run
  uint64_t median_ns = 0;          // of the runs; 0 where it did not run
  std::string reason;              // of a failure, one sentence
};

// A file of records, one per line, only ever appended to. `begin` writes "start", `finish` writes "done"; both return
// after the disk has it. A start without a done is a strike, and so is a crash, a hang or a wrong result: two ban the
// config for that fingerprint. One writer at a time, held by a lock on the file; [one] thread.
class Journal {
 public:
  // Opens or creates it and reads what it holds. A line that is cut or damaged is skipped and counted; a cut last line
  // is removed. Throws Error(io), Error(invalid_argument) where another process writes it or it is no journal.
  explicit Journal(const std::filesystem::path& path);

  // Throws Error(invalid_argument) for a subject that is banned. Throws Error(io).
  void begin(const Subject& subject);
  void finish(const Subject& subject, const Outcome& outcome);
  // Any other fact worth keeping ("session", "plan"), with `kind` put in. "start", "done" and "journal" are taken.
  void note(const std::string& kind, nlohmann::json facts);

  bool banned(const Subject& subject) const { return strikes(subject) >= kMaxStrikes; }
  uint32_t strikes(const Subject& subject) const;
  // The outcomes of a subject, oldest first; more than one where it was measured again.
  const std::vector<Outcome>& outcomes(const Subject& subject) const;
  const std::map<Subject, std::vector<Outcome>>& all() const { return outcomes_; }
  const std::vector<nlohmann::json>& notes() const { return notes_; }
  // Lines that could not be used when it was opened.
  size_t damaged_lines() const { return damaged_; }

  static constexpr uint32_t kMaxStrikes = 2;

 private:
  void read();
  void take_line(std::string_view line);
  void take(const nlohmann::json& record);
  void append(const nlohmann::json& record);
  void cut_to(uint64_t size);

  std::filesystem::path path_;
  base::Descriptor file_;
  std::map<Subject, std::vector<Outcome>> outcomes_;
  std::map<Subject, uint32_t> open_, strikes_;  // begun and not finished; those that ended badly
  std::vector<nlohmann::json> notes_;
  uint64_t size_ = 0;  // bytes of whole lines
  size_t damaged_ = 0;
};

// What several journals know together: their outcomes without repetition. Commutative, associative, idempotent.
std::map<Subject, std::vector<Outcome>> merge(const std::vector<const Journal*>& journals);

}  // namespace motley::tuner
