// motley::Error and the names of its codes.
#include "motley/error.hpp"

namespace motley {

const char* to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument: return "invalid argument";
    case ErrorCode::invalid_model: return "invalid model";
    case ErrorCode::unsupported: return "unsupported";
    case ErrorCode::not_found: return "not found";
    case ErrorCode::io: return "input/output error";
    case ErrorCode::plugin: return "plugin error";
    case ErrorCode::out_of_memory: return "out of memory";
    case ErrorCode::limit: return "over a limit";
    case ErrorCode::cancelled: return "cancelled";
    case ErrorCode::internal: return "internal error";
  }
  return "unknown error";
}

Error::Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}

Error::~Error() = default;

}  // namespace motley
