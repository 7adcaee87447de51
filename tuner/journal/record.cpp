// One line of a journal.
#include "journal/record.hpp"

#include <cstdio>

#include "base/crc32c.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

// The checksum stands last, so that what it covers is the line up to it.
constexpr std::string_view kMark = ",\"crc32c\":\"";
constexpr std::string_view kEnd = "\"}";
constexpr size_t kDigits = 8;
constexpr size_t kTail = kMark.size() + kDigits + kEnd.size();

std::string checksum(std::string_view covered) {
  char digits[kDigits + 1];
  std::snprintf(digits, sizeof digits, "%08x", base::crc32c(covered.data(), covered.size()));
  return digits;
}

}  // namespace

bool is_recordable(const std::string& text) {
  try {
    return !json(text).dump().empty();
  } catch (const json::exception&) {
    return false;
  }
}

std::string encode_record(const json& record) {
  std::string line = record.dump();
  line.pop_back();  // the closing brace
  line += std::string(kMark) + checksum(line) + std::string(kEnd) + "\n";
  if (line.size() > kMaxRecordBytes)
    base::fail(ErrorCode::limit, "a journal record has % bytes, at most % are allowed: shorten it",
               {line.size(), kMaxRecordBytes});
  return line;
}

std::optional<json> decode_record(std::string_view line) {
  if (line.size() <= kTail || line.size() > kMaxRecordBytes) return std::nullopt;
  const std::string_view covered = line.substr(0, line.size() - kTail), tail = line.substr(covered.size());
  if (!tail.starts_with(kMark) || !tail.ends_with(kEnd) || tail.substr(kMark.size(), kDigits) != checksum(covered))
    return std::nullopt;
  try {
    json record = base::parse_json(std::string(covered) + "}", "a journal record", ErrorCode::invalid_argument);
    if (record.is_object()) return record;
  } catch (const Error&) {
  }
  return std::nullopt;
}

}  // namespace motley::tuner
