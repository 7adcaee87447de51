// One line of a journal: a JSON object and its checksum.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace motley::tuner {

constexpr size_t kMaxRecordBytes = 1 << 20;

// Whether records and tables can hold the text: it is UTF-8.
bool is_recordable(const std::string& text);

// The record as a line, with the member "crc32c" (8 hexadecimal digits over the object without it) and a new line.
// Throws Error(limit) where it is longer than kMaxRecordBytes.
std::string encode_record(const nlohmann::json& record);

// The record of a line without its new line; nothing where the line is cut, damaged or no object.
std::optional<nlohmann::json> decode_record(std::string_view line);

}  // namespace motley::tuner
