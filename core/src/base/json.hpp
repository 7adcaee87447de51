// JSON that comes from outside as values of nlohmann_json: for dispatch tables and tools. No key twice.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/json_reader.hpp"

namespace motley::base {

// As read_json; also Error(`code`) for a key that comes twice and for a number that no double holds.
nlohmann::json parse_json(const std::string& text, const std::string& what, ErrorCode code,
                          const JsonLimits& limits = {});

// For messages: a value as it would be written; of an object or a list only that it is one.
std::string short_text(const nlohmann::json& value);

}  // namespace motley::base
