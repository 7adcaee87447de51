// .xz from the outside in: a block's LZMA2 chunks, LZMA in a chunk, bits in LZMA. Names are those of the format's
// specification.
#include "unpack.hpp"

#include <algorithm>
#include <array>

#include "motley/sdk/kernel.hpp"

namespace motley::gpu {

namespace {

void require(bool condition) {
  if (!condition)
    throw sdk::StatusError(MOTLEY_INTERNAL,
                           "what the build packed can't be unpacked: the plugin's file is damaged; install it again");
}

// Where each kind of decision has its probabilities, of which there is one array.
enum : size_t {
  kMatch = 0,                   // [state][position]
  kRep = kMatch + 12 * 16,      // [state]
  kRepG0 = kRep + 12,           // [state]
  kRepG1 = kRepG0 + 12,         // [state]
  kRepG2 = kRepG1 + 12,         // [state]
  kRep0Long = kRepG2 + 12,      // [state][position]
  kSlot = kRep0Long + 12 * 16,  // [length][64]
  kSpecial = kSlot + 4 * 64,    // distances of 4 to 127
  kAlign = kSpecial + 128,      // [16]
  kLength = kAlign + 16,        // of matches; see below
  kRepLength = kLength + 2 + 2 * 16 * 8 + 256,
  kLiteral = kRepLength + 2 + 2 * 16 * 8 + 256,  // [context][0x300]
};
// Within kLength and kRepLength.
enum : size_t { kChoice = 0, kChoice2 = 1, kLow = 2, kMiddle = kLow + 16 * 8, kHigh = kMiddle + 16 * 8 };

// Decodes bits by probabilities that it adapts.
class RangeDecoder {
 public:
  std::vector<uint16_t> probabilities;

  void start(std::span<const uint8_t> in) {
    require(in.size() >= 5);
    in_ = in.subspan(1);
    range_ = 0xffffffff;
    code_ = 0;
    for (int i = 0; i < 4; ++i) code_ = code_ << 8 | next();
  }
  uint32_t bit(size_t at) {
    uint16_t& p = probabilities[at];
    const uint32_t bound = (range_ >> 11) * p;
    const bool one = code_ >= bound;
    if (one) {
      code_ -= bound;
      range_ -= bound;
      p = static_cast<uint16_t>(p - (p >> 5));
    } else {
      range_ = bound;
      p = static_cast<uint16_t>(p + ((2048 - p) >> 5));
    }
    fill();
    return one;
  }
  // `count` bits of which each is as likely as not.
  uint32_t direct(uint32_t count) {
    uint32_t value = 0;
    while (count-- > 0) {
      range_ >>= 1;
      const bool one = code_ >= range_;
      if (one) code_ -= range_;
      value = value << 1 | (one ? 1u : 0u);
      fill();
    }
    return value;
  }
  // `count` bits, each with probabilities by those before it.
  uint32_t tree(size_t at, uint32_t count) {
    uint32_t node = 1;
    for (uint32_t i = 0; i < count; ++i) node = node << 1 | bit(at + node);
    return node - (1u << count);
  }
  // The same with the lowest bit first.
  uint32_t reverse_tree(size_t at, uint32_t count) {
    uint32_t node = 1, value = 0;
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t one = bit(at + node);
      node = node << 1 | one;
      value |= one << i;
    }
    return value;
  }

 private:
  uint8_t next() {
    if (in_.empty()) return 0;
    const uint8_t byte = in_.front();
    in_ = in_.subspan(1);
    return byte;
  }
  void fill() {
    if (range_ >= 1u << 24) return;
    range_ <<= 8;
    code_ = code_ << 8 | next();
  }

  std::span<const uint8_t> in_;
  uint32_t range_ = 0, code_ = 0;
};

// LZMA's literals, matches and repeated matches, with what is kept from chunk to chunk.
class Lzma {
 public:
  explicit Lzma(std::vector<uint8_t>& out) : out_(out) {}

  void set_properties(uint8_t byte) {
    require(byte < 9 * 5 * 5);
    literal_context_bits_ = byte % 9;
    literal_position_mask_ = (1u << (byte / 9 % 5)) - 1;
    position_mask_ = (1u << (byte / 45)) - 1;
    contexts_ = size_t{1} << (byte % 9 + byte / 9 % 5);
  }
  void reset_state() {
    coder_.probabilities.assign(kLiteral + 0x300 * contexts_, 1024);
    state_ = 0;
    distances_ = {};
  }
  void run(std::span<const uint8_t> in, size_t end) {
    require(contexts_ > 0 && end <= out_.size());
    coder_.start(in);
    while (at_ < end) {
      const size_t position = at_ & position_mask_;
      if (!coder_.bit(kMatch + state_ * 16 + position)) literal();
      else copy(coder_.bit(kRep + state_) ? repeated(position) : match(position), end);
    }
  }
  void store(std::span<const uint8_t> in) {
    require(in.size() <= out_.size() - at_);
    std::copy(in.begin(), in.end(), out_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ += in.size();
  }
  size_t at() const { return at_; }

 private:
  void literal() {
    const uint32_t before = at_ > 0 ? out_[at_ - 1] : 0;
    const size_t context =
        ((at_ & literal_position_mask_) << literal_context_bits_) + (before >> (8 - literal_context_bits_));
    const size_t at = kLiteral + 0x300 * context;
    uint32_t symbol = 1;
    if (state_ >= 7) {
      require(distances_[0] < at_);
      uint32_t expected = out_[at_ - distances_[0] - 1];
      while (symbol < 0x100) {
        const uint32_t guess = expected >> 7 & 1;
        expected <<= 1;
        const uint32_t one = coder_.bit(at + ((1 + guess) << 8) + symbol);
        symbol = symbol << 1 | one;
        if (one != guess) break;
      }
    }
    while (symbol < 0x100) symbol = symbol << 1 | coder_.bit(at + symbol);
    out_[at_++] = static_cast<uint8_t>(symbol);
    state_ = state_ < 4 ? 0 : state_ < 10 ? state_ - 3 : state_ - 6;
  }
  uint32_t length(size_t at, size_t position) {
    if (!coder_.bit(at + kChoice)) return 2 + coder_.tree(at + kLow + position * 8, 3);
    if (!coder_.bit(at + kChoice2)) return 10 + coder_.tree(at + kMiddle + position * 8, 3);
    return 18 + coder_.tree(at + kHigh, 8);
  }
  uint32_t match(size_t position) {
    const uint32_t count = length(kLength, position);
    state_ = state_ < 7 ? 7 : 10;
    std::copy_backward(distances_.begin(), distances_.end() - 1, distances_.end());
    distances_[0] = distance(std::min(count - 2, 3u));
    return count;
  }
  uint32_t distance(uint32_t length_class) {
    const uint32_t slot = coder_.tree(kSlot + length_class * 64, 6);
    if (slot < 4) return slot;
    const uint32_t bits = (slot >> 1) - 1, high = (2 | (slot & 1)) << bits;
    if (slot < 14) return high + coder_.reverse_tree(kSpecial + high - slot, bits);
    const uint32_t middle = coder_.direct(bits - 4) << 4;
    return high + middle + coder_.reverse_tree(kAlign, 4);
  }
  uint32_t repeated(size_t position) {
    if (!coder_.bit(kRepG0 + state_)) {
      if (!coder_.bit(kRep0Long + state_ * 16 + position)) {
        state_ = state_ < 7 ? 9 : 11;
        return 1;
      }
    } else {
      const size_t which = !coder_.bit(kRepG1 + state_) ? 1 : !coder_.bit(kRepG2 + state_) ? 2 : 3;
      std::rotate(distances_.begin(), distances_.begin() + static_cast<std::ptrdiff_t>(which),
                  distances_.begin() + static_cast<std::ptrdiff_t>(which) + 1);
    }
    const uint32_t count = length(kRepLength, position);
    state_ = state_ < 7 ? 8 : 11;
    return count;
  }
  void copy(uint32_t count, size_t end) {
    require(distances_[0] < at_ && count <= end - at_);
    for (; count > 0; --count, ++at_) out_[at_] = out_[at_ - distances_[0] - 1];
  }

  std::vector<uint8_t>& out_;
  size_t at_ = 0;
  RangeDecoder coder_;
  uint32_t literal_context_bits_ = 0;
  size_t literal_position_mask_ = 0, position_mask_ = 0, contexts_ = 0, state_ = 0;
  std::array<uint32_t, 4> distances_{};  // of the last matches, less one
};

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> in) : in_(in) {}
  std::span<const uint8_t> take(size_t count) {
    require(count <= in_.size());
    const auto taken = in_.first(count);
    in_ = in_.subspan(count);
    return taken;
  }
  size_t byte() { return take(1)[0]; }
  size_t two_bytes() {
    const size_t high = byte();
    return high << 8 | byte();
  }

 private:
  std::span<const uint8_t> in_;
};

}  // namespace

std::vector<uint8_t> unpack(std::span<const uint8_t> xz, size_t bytes) {
  constexpr std::array<uint8_t, 6> kMagic{0xfd, '7', 'z', 'X', 'Z', 0};
  constexpr size_t kStreamHeader = 12;
  Reader in(xz);
  require(std::ranges::equal(in.take(kStreamHeader).first(kMagic.size()), kMagic));
  in.take(in.byte() * 4 + 3);  // the block's header

  std::vector<uint8_t> out(bytes);
  Lzma lzma(out);
  while (const size_t control = in.byte()) {
    if (control < 0x80) {
      lzma.store(in.take(in.two_bytes() + 1));
      continue;
    }
    const size_t unpacked = ((control & 0x1f) << 16) + in.two_bytes() + 1, packed = in.two_bytes() + 1;
    const size_t reset = control >> 5 & 3;
    if (reset >= 2) lzma.set_properties(static_cast<uint8_t>(in.byte()));
    if (reset >= 1) lzma.reset_state();
    lzma.run(in.take(packed), lzma.at() + unpacked);
  }
  require(lzma.at() == bytes);
  return out;
}

}  // namespace motley::gpu
