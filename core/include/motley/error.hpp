// The exception that Motley's public functions throw.
#pragma once

#include <stdexcept>
#include <string>

#include "motley/export.hpp"

namespace motley {

enum class ErrorCode {
  invalid_argument,  // a value from the caller is wrong
  invalid_model,     // a model file is damaged or breaks a rule
  unsupported,       // nothing here can do it: an op, a type, a feature
  not_found,         // a file, tensor, node or device of that name
  io,                // the operating system refused
  plugin,            // a plugin could not be loaded or misbehaved
  out_of_memory,
  limit,  // over one of the limits in Limits
  cancelled,
  internal,
};

MOTLEY_API const char* to_string(ErrorCode code);

// what() is one sentence: the object, the value in parentheses, the remedy.
class MOTLEY_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message);
  ~Error() override;
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace motley
