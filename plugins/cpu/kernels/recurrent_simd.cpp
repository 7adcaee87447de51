// Arithmetic between the gates of a recurrent cell.
#include "kernels/recurrent_simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/recurrent_simd.cpp"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace motley::cpu {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;

void cell_state(const float* i, const float* f, const float* g, float* c, size_t n) {
  const D d;
  for (size_t k = 0; k < n; k += hn::Lanes(d)) {
    const auto kept = hn::Mul(hn::LoadU(d, f + k), hn::LoadU(d, c + k));
    hn::StoreU(hn::MulAdd(hn::LoadU(d, i + k), hn::LoadU(d, g + k), kept), d, c + k);
  }
}
void multiply(const float* a, const float* b, float* out, size_t n) {
  const D d;
  for (size_t k = 0; k < n; k += hn::Lanes(d))
    hn::StoreU(hn::Mul(hn::LoadU(d, a + k), hn::LoadU(d, b + k)), d, out + k);
}
void multiply_add(const float* a, const float* b, const float* c, float* out, size_t n) {
  const D d;
  for (size_t k = 0; k < n; k += hn::Lanes(d))
    hn::StoreU(hn::MulAdd(hn::LoadU(d, b + k), hn::LoadU(d, c + k), hn::LoadU(d, a + k)), d, out + k);
}
void add_reset(const float* a, const float* r, const float* q, const float* bias, float* out, size_t n) {
  const D d;
  for (size_t k = 0; k < n; k += hn::Lanes(d)) {
    const auto state = hn::Add(hn::LoadU(d, q + k), hn::LoadU(d, bias + k));
    hn::StoreU(hn::MulAdd(hn::LoadU(d, r + k), state, hn::LoadU(d, a + k)), d, out + k);
  }
}
void mix(const float* z, const float* g, float* h, size_t n) {
  const D d;
  const auto one = hn::Set(d, 1.0f);
  for (size_t k = 0; k < n; k += hn::Lanes(d)) {
    const auto vz = hn::LoadU(d, z + k);
    const auto kept = hn::Mul(vz, hn::LoadU(d, h + k));
    hn::StoreU(hn::MulAdd(hn::Sub(one, vz), hn::LoadU(d, g + k), kept), d, h + k);
  }
}

const GateOps* gate_table() {
  static const GateOps ops{cell_state, multiply, multiply_add, add_reset, mix};
  return &ops;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace motley::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace motley::cpu {
HWY_EXPORT(gate_table);
const GateOps& gate_ops() { return *HWY_DYNAMIC_DISPATCH(gate_table)(); }
}  // namespace motley::cpu
#endif
