// A journal as a reader sees it: in the order of its lines, while the tuner may still be writing it.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "journal/journal.hpp"

namespace motley::tuner {

// One measurement.
struct Trial {
  Subject subject;
  std::optional<Outcome> outcome;  // nothing: begun, and never finished
};

struct JournalFile {
  std::vector<Trial> trials;  // in the order in which they ended; those without an end last
  std::vector<nlohmann::json> notes;
  size_t lines = 0;
  size_t damaged = 0;  // lines that are skipped; a cut last line is none, as it is being written
};

// Whether a file's first kMaxRecordBytes are those of a journal: its head, or where that is lost a whole record.
bool looks_like_journal(std::string_view text);

// `what` names the text in errors. Throws Error(invalid_argument) where no line can be used, or the journal has another
// format.
JournalFile parse_journal(std::string_view text, const std::string& what);

// Takes no lock and writes nothing. Also throws Error(not_found | io | limit).
JournalFile read_journal(const std::filesystem::path& path);

}  // namespace motley::tuner
