// Reading JSON (RFC 8259) that comes from outside: size and depth capped, UTF-8 checked. Who listens makes of it what it
// needs; `json_tree` and `json` do.
#pragma once

#include <cstdint>
#include <string>

#include "motley/error.hpp"

namespace motley::base {

struct JsonLimits {
  uint64_t max_bytes = 1 << 20;
  uint32_t max_depth = 64;
};

enum class JsonKind : uint8_t { null, boolean, number, text, list, object };

// Hears of a document from front to back. What it throws ends the reading.
class JsonListener {
 public:
  // The name of the member that follows.
  virtual void key(std::string&& name) = 0;
  // `text` is that of a text, a number as it is written, or "true" or "false". A list or an object goes on until end().
  virtual void value(JsonKind kind, std::string&& text) = 0;
  virtual void end() = 0;

 protected:
  ~JsonListener() = default;
};

// Throws Error(`code`), for limits Error(limit), with one sentence that names `what` ("the manifest \"x.json\"") and the
// byte that is wrong, counted from 1. Keys may come twice: that is for the listener to see.
void read_json(const std::string& text, const std::string& what, ErrorCode code, const JsonLimits& limits,
               JsonListener& listener);

}  // namespace motley::base
