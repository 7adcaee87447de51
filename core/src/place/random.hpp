// Random numbers that are the same on every machine (xorshift64*), for searches that must repeat themselves.
#pragma once

#include <cstddef>
#include <cstdint>

namespace motley::place {

class Random {
 public:
  uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1du;
  }
  // 0 to n - 1, for n up to 2^32.
  uint32_t below(size_t n) { return static_cast<uint32_t>((next() >> 32) * n >> 32); }
  // 0 to 1.
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_ = 0x9e3779b97f4a7c15u;
};

}  // namespace motley::place
