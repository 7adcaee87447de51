// Laying out a run's memory, and looking it over afterwards.
#include "memory.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "child.hpp"
#include "guard.hpp"
#include "library.hpp"
#include "runner.hpp"

namespace motley::check {

namespace {

constexpr uint64_t kGap = 256;  // bytes of garbage around a piece that does not lie alone

class HostBlock final : public Block {
 public:
  HostBlock(uint64_t size, const std::string& label) : pages_(size, label) {}
  uint64_t size() const override { return pages_.size(); }
  void visit(const std::function<void(std::byte*)>& look, uint32_t) override { look(pages_.begin()); }
  motley_binding binding(uint64_t offset, uint64_t size) const override {
    return {nullptr, pages_.begin(), offset, size};
  }

 private:
  GuardedPages pages_;
};

class DeviceBlock final : public Block {
 public:
  DeviceBlock(OpenDevice& device, uint64_t size) : device_(device), size_(size) {
    ErrorBuffer message;
    succeed("buffer_alloc", message,
            [&] { return device.api().buffer_alloc(device.handle(), size, &buffer_, &message.error); });
    if (!buffer_) throw std::runtime_error("buffer_alloc returned OK and no buffer");
  }
  DeviceBlock(OpenDevice& device, uint64_t size, const std::string& label) : device_(device) {
    if (!device.api().buffer_import) throw Unsupported("buffer_import is NULL");
    pages_ = std::make_unique<GuardedPages>(size, label);
    size_ = pages_->size();
    ErrorBuffer message;
    const motley_status status = call("buffer_import", [&] {
      return device.api().buffer_import(device.handle(), pages_->begin(), size_, &buffer_, &message.error);
    });
    if (status == MOTLEY_UNSUPPORTED) throw Unsupported(std::string("buffer_import: ") + message.text);
    if (status != MOTLEY_OK || !buffer_)
      throw std::runtime_error(std::string("buffer_import failed (") + status_name(status) + "): " + message.text);
  }
  ~DeviceBlock() override { device_.api().buffer_release(buffer_); }
  uint64_t size() const override { return size_; }
  void visit(const std::function<void(std::byte*)>& look, uint32_t access) override {
    const motley_plugin& api = device_.api();
    const bool for_access = access != (MOTLEY_MAP_READ | MOTLEY_MAP_WRITE) && api.buffer_map_for;
    const char* const function = for_access ? "buffer_map_for" : "buffer_map";
    ErrorBuffer message;
    void* mapped = nullptr;
    succeed(function, message, [&] {
      return for_access ? api.buffer_map_for(buffer_, access, &mapped, &message.error)
                        : api.buffer_map(buffer_, &mapped, &message.error);
    });
    if (!mapped) throw std::runtime_error(std::string(function) + " returned OK and no address");
    look(static_cast<std::byte*>(mapped));
    device_.api().buffer_unmap(buffer_);
  }
  motley_binding binding(uint64_t offset, uint64_t size) const override { return {buffer_, nullptr, offset, size}; }

 private:
  OpenDevice& device_;
  uint64_t size_;
  std::unique_ptr<GuardedPages> pages_;  // outlives the buffer that was made of it
  motley_buffer* buffer_ = nullptr;
};

// The next multiple of `alignment` from `from` on that is no multiple of twice as much.
uint64_t odd_multiple(uint64_t from, uint64_t alignment) {
  const uint64_t n = (from + alignment - 1) / alignment;
  return (n | 1) * alignment;
}

}  // namespace

std::unique_ptr<Block> host_block(uint64_t size, const std::string& label) {
  return std::make_unique<HostBlock>(size, label);
}
std::unique_ptr<Block> device_block(OpenDevice& device, uint64_t size) {
  return std::make_unique<DeviceBlock>(device, size);
}
std::unique_ptr<Block> imported_block(OpenDevice& device, uint64_t size, const std::string& label) {
  return std::make_unique<DeviceBlock>(device, size, label);
}

RunMemory::RunMemory(OpenDevice& device, const std::vector<uint64_t>& inputs, const std::vector<uint64_t>& outputs,
                     uint64_t scratch, uint64_t alignment, Layout layout)
    : layout_(layout), inputs_(inputs.size()), outputs_(outputs.size()), host_(device.host_pointers()) {
  for (size_t i = 0; i < inputs.size(); ++i) pieces_.push_back({"input " + std::to_string(i), inputs[i]});
  for (size_t i = 0; i < outputs.size(); ++i) pieces_.push_back({"output " + std::to_string(i), outputs[i]});
  if (scratch) pieces_.push_back({"the scratch of " + std::to_string(scratch) + " bytes", scratch});
  if (layout.placing == Placing::arena) place_together(device, alignment);
  else place_alone(device, alignment);
  for (const auto& block : blocks_)
    block->visit([&](std::byte* bytes) { std::fill_n(bytes, block->size(), layout_.garbage); }, MOTLEY_MAP_WRITE);
}

void RunMemory::place_alone(OpenDevice& device, uint64_t alignment) {
  for (Piece& piece : pieces_) {
    const bool padded = layout_.placing == Placing::offset || layout_.placing == Placing::imported;
    piece.offset = padded ? odd_multiple(kGap, alignment) : 0;
    const uint64_t room = padded ? piece.offset + piece.size + kGap : std::max<uint64_t>(piece.size, 1);
    if (layout_.placing == Placing::imported) blocks_.push_back(imported_block(device, room, piece.name));
    else blocks_.push_back(host_ ? host_block(room, piece.name) : device_block(device, room));
    if (layout_.placing == Placing::at_end && host_)
      piece.offset = (blocks_.back()->size() - piece.size) / alignment * alignment;
    piece.block = blocks_.size() - 1;
  }
}

void RunMemory::place_together(OpenDevice& device, uint64_t alignment) {
  uint64_t end = kGap;
  for (Piece& piece : pieces_) {
    piece.offset = odd_multiple(end, alignment);
    end = piece.offset + piece.size + kGap;
  }
  blocks_.push_back(host_ ? host_block(end, "the run's memory") : device_block(device, end));
}

motley_binding RunMemory::binding(size_t i) const {
  const Piece& piece = pieces_[i];
  motley_binding binding = blocks_[piece.block]->binding(piece.offset, piece.size);
  if (binding.host && layout_.placing == Placing::at_end) {  // as a plain pointer, without an offset
    binding.host = static_cast<std::byte*>(binding.host) + binding.offset;
    binding.offset = 0;
  }
  return binding;
}
motley_binding RunMemory::scratch() const {
  return pieces_.size() > inputs_ + outputs_ ? binding(inputs_ + outputs_) : motley_binding{};
}

void RunMemory::write_input(size_t i, const Bytes& bytes) {
  const Piece& piece = pieces_[i];
  if (bytes.empty()) return;
  blocks_[piece.block]->visit(
      [&](std::byte* to) { std::memcpy(to + piece.offset, bytes.data(), std::min<size_t>(bytes.size(), piece.size)); });
}
Bytes RunMemory::read(size_t i) {
  const Piece& piece = pieces_[i];
  Bytes bytes(piece.size);
  if (piece.size)
    blocks_[piece.block]->visit([&](std::byte* from) { std::memcpy(bytes.data(), from + piece.offset, piece.size); },
                                MOTLEY_MAP_READ);
  return bytes;
}

void RunMemory::verify(const std::vector<Bytes>& inputs) {
  for (size_t b = 0; b < blocks_.size(); ++b) {
    std::vector<const Piece*> here;
    for (const Piece& piece : pieces_)
      if (piece.block == b) here.push_back(&piece);
    blocks_[b]->visit(
        [&](const std::byte* bytes) {
          uint64_t at = 0;
          const auto gap = [&](uint64_t end, const std::string& where) {
            for (; at < end; ++at)
              if (bytes[at] != layout_.garbage)
                throw std::runtime_error("it wrote outside the memory it was bound to: " + where);
          };
          for (const Piece* piece : here) {  // in the order of their offsets
            gap(piece->offset, "before " + piece->name);
            at = piece->offset + piece->size;
          }
          gap(blocks_[b]->size(), "behind " + here.back()->name);
        },
        MOTLEY_MAP_READ);
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    if (read(i) != inputs[i]) throw std::runtime_error("it changed its input " + std::to_string(i));
}

}  // namespace motley::check
