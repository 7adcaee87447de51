// Where the tensors of one run lie: host pages or device buffers, laid out so that what goes wrong shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "motley/plugin.h"

namespace motley::check {

class OpenDevice;
using Bytes = std::vector<std::byte>;

enum class Placing {
  at_end,    // each alone, its end at the end of its memory; on the host the next page faults
  at_front,  // each alone, from the first byte; on the host the page before faults
  offset,    // each alone, at an offset within more memory
  arena,     // all in one piece of memory, with gaps
  imported   // as offset, in host memory that the device imports
};

struct Layout {
  Placing placing = Placing::at_end;
  // What fills all memory before the run: outputs, scratch, gaps. 0xff is NaN in every floating type.
  std::byte garbage{0xff};
};

// One tensor's room.
struct Piece {
  std::string name;  // "input 0"
  uint64_t size = 0;
  size_t block = 0;
  uint64_t offset = 0;  // within the block
};

// A stretch of memory of one kind; every byte of it is seen through `visit`.
class Block {
 public:
  virtual ~Block() = default;
  virtual uint64_t size() const = 0;
  // The bytes, mapped for the call.
  // `access` of motley_map_access, for plugins that ask for it.
  virtual void visit(const std::function<void(std::byte*)>& look,
                     uint32_t access = MOTLEY_MAP_READ | MOTLEY_MAP_WRITE) = 0;
  virtual motley_binding binding(uint64_t offset, uint64_t size) const = 0;
};

std::unique_ptr<Block> host_block(uint64_t size, const std::string& label);
// Throws std::runtime_error where the device gives none.
std::unique_ptr<Block> device_block(OpenDevice& device, uint64_t size);
// Throws Unsupported where the plugin says that it can't import such memory.
std::unique_ptr<Block> imported_block(OpenDevice& device, uint64_t size, const std::string& label);

// Memory for inputs, outputs and scratch of these sizes, filled with garbage. Addresses and offsets are multiples of
// `alignment` and, where there is a choice, of nothing larger.
class RunMemory {
 public:
  RunMemory(OpenDevice& device, const std::vector<uint64_t>& inputs, const std::vector<uint64_t>& outputs,
            uint64_t scratch, uint64_t alignment, Layout layout);

  motley_binding input(size_t i) const { return binding(i); }
  motley_binding output(size_t i) const { return binding(inputs_ + i); }
  motley_binding scratch() const;  // all zero where none was asked for

  void write_input(size_t i, const Bytes& bytes);
  Bytes read_output(size_t i) { return read(inputs_ + i); }
  // Throws std::runtime_error where a byte outside all pieces was written, or an input changed.
  void verify(const std::vector<Bytes>& inputs);

 private:
  motley_binding binding(size_t piece) const;
  Bytes read(size_t piece);
  void place_alone(OpenDevice& device, uint64_t alignment);
  void place_together(OpenDevice& device, uint64_t alignment);

  Layout layout_;
  size_t inputs_, outputs_;
  bool host_;
  std::vector<Piece> pieces_;
  std::vector<std::unique_ptr<Block>> blocks_;
};

}  // namespace motley::check
