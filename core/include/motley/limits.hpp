// How much a file may ask for. An app on a small device lowers these.
#pragma once

#include <cstdint>

namespace motley {

struct Limits {
  uint32_t max_nesting = 64;  // graphs within graphs, JSON within JSON
  uint32_t max_rank = 8;      // more is never taken
  uint64_t max_nodes = 1'000'000;
  uint64_t max_tensors = 4'000'000;
  uint64_t max_tensor_bytes = 1ull << 40;
  uint64_t max_run_bytes = 1ull << 36;  // memory that a plan may ask for, or a loop collect
  uint64_t max_iterations = 100'000;    // of a Loop whose length is known only while running
};

}  // namespace motley
