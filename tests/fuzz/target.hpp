// What every target does with what a reader throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "motley/error.hpp"

namespace motley::fuzz {

// Calls `read`; a Motley error is an answer, an internal one or another exception is a finding.
template <class Read>
int answer(const uint8_t* data, size_t size, Read&& read) {
  try {
    read(std::as_bytes(std::span(data, size)));
  } catch (const Error& e) {
    if (e.code() == ErrorCode::internal) {
      std::fprintf(stderr, "internal error: %s\n", e.what());
      std::abort();
    }
  }
  return 0;
}

}  // namespace motley::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
