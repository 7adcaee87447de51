// JSON that comes from outside: size and depth capped, no key twice.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "motley/error.hpp"

namespace motley::base {

struct JsonLimits {
  uint64_t max_bytes = 1 << 20;
  uint32_t max_depth = 64;
};

// Throws Error(`code`) with one sentence that names `what` ("the manifest \"x.json\"") and the byte that is wrong.
nlohmann::json parse_json(const std::string& text, const std::string& what, ErrorCode code,
                          const JsonLimits& limits = {});

// For messages: a value as it would be written; of an object or a list only that it is one.
std::string short_text(const nlohmann::json& value);

}  // namespace motley::base
