// FlatBuffer tables as IR, from bytes that nobody vouches for.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "graph/graph.hpp"
#include "motley/limits.hpp"

namespace motley::model {

// How much heap reading may still take. A FlatBuffer's tables may be shared, so that a small file could otherwise grow
// without bound.
class Budget {
 public:
  Budget(uint64_t file_bytes, std::string what) : left_(8 * file_bytes + (16u << 20)), what_(std::move(what)) {}
  // Throws Error(limit). Call before the memory is taken.
  void charge(uint64_t bytes);
  void charge(uint64_t count, uint64_t bytes_each);

 private:
  uint64_t left_;
  std::string what_;
};

struct WeightSegment {
  std::span<const uint8_t> bytes;  // begins at a multiple of kConstantAlignment
  std::shared_ptr<const void> owner;
};

// `graph` begins at a multiple of 8. What is checked here is what the IR cannot express: that the FlatBuffer is one,
// and that its buffers lie in the segment; check_module() does the rest. Throws Error(invalid_model), Error(limit).
graph::Module unpack(std::span<const uint8_t> graph, const WeightSegment& weights, const Limits& limits, Budget& budget,
                     const std::string& what);

}  // namespace motley::model
