// Which instruction sets this machine has. Highway declares these functions and keeps them in a library of its own,
// which distributions have as a shared one only; with them here the plugin is one file that needs nothing but the C++
// library.
#include <atomic>

#include "hwy/highway.h"

#if HWY_ARCH_X86
#include <cpuid.h>
#elif HWY_ARCH_ARM && HWY_OS_LINUX
#include <sys/auxv.h>
#endif

namespace hwy {
namespace {

#if HWY_ARCH_X86

struct Features {
  uint32_t basic_c = 0;                       // leaf 1, ecx
  uint32_t extended_b = 0, extended_c = 0;    // leaf 7, ebx and ecx
  uint32_t amd_c = 0;                         // leaf 0x80000001, ecx
  bool saves_256 = false, saves_512 = false;  // the system keeps registers of so many bits when it changes threads
};

// The register XCR0, which says what the system saves. To be asked for only where OSXSAVE is set.
uint64_t saved_state() {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

Features read_features() {
  Features f;
  uint32_t a, b, c, d;
  if (__get_cpuid(1, &a, &b, &c, &d)) f.basic_c = c;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) f.extended_b = b, f.extended_c = c;
  if (__get_cpuid(0x80000001, &a, &b, &c, &d)) f.amd_c = c;
  if (f.basic_c & bit_OSXSAVE) {
    constexpr uint64_t kWords256 = 0x6, kWords512 = 0xe6;  // SSE and AVX; those, masks and both parts of the 512
    const uint64_t saved = saved_state();
    f.saves_256 = (saved & kWords256) == kWords256;
    f.saves_512 = (saved & kWords512) == kWords512;
  }
  return f;
}

bool has(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

// Each set holds those before it. The bits are what Highway has the compiler use for it (hwy/ops/set_macros-inl.h).
int64_t machine_targets() {
  const Features f = read_features();
  if (!has(f.basic_c, bit_SSSE3)) return 0;
  if (!has(f.basic_c, bit_SSE4_1 | bit_SSE4_2 | bit_PCLMUL | bit_AES)) return HWY_SSSE3;
  const bool avx2 = f.saves_256 && has(f.basic_c, bit_AVX | bit_FMA | bit_F16C) &&
                    has(f.extended_b, bit_AVX2 | bit_BMI | bit_BMI2) && has(f.amd_c, bit_LZCNT);
  if (!avx2) return HWY_SSSE3 | HWY_SSE4;
  const bool avx3 = f.saves_512 && has(f.extended_b, bit_AVX512F | bit_AVX512VL | bit_AVX512DQ | bit_AVX512BW);
  if (!avx3) return HWY_SSSE3 | HWY_SSE4 | HWY_AVX2;
  const bool avx3_dl = has(f.extended_c, bit_AVX512VBMI | bit_AVX512VBMI2 | bit_VAES | bit_VPCLMULQDQ | bit_AVX512VNNI |
                                             bit_AVX512BITALG | bit_AVX512VPOPCNTDQ);
  return HWY_SSSE3 | HWY_SSE4 | HWY_AVX2 | HWY_AVX3 | (avx3_dl ? HWY_AVX3_DL : 0);
}

#elif HWY_ARCH_ARM && HWY_OS_LINUX

int64_t machine_targets() {
  const unsigned long facts = getauxval(AT_HWCAP);
#if HWY_ARCH_ARM_A64
  constexpr unsigned long kAes = 1ul << 3, kSve = 1ul << 22;
  // Highway has the compiler use AES with NEON, which a few small cores lack.
  return (facts & kAes ? HWY_NEON : 0) | (facts & kSve ? HWY_SVE : 0);
#else
  constexpr unsigned long kNeon = 1ul << 12, kVfp4 = 1ul << 16;
  return (facts & kNeon) && (facts & kVfp4) ? HWY_NEON : 0;
#endif
}

#else

int64_t machine_targets() { return HWY_STATIC_TARGET; }

#endif

std::atomic<int64_t> pretended{0};  // what tests say instead; 0: nothing

}  // namespace

int64_t SupportedTargets() {
  static const int64_t machine = machine_targets() | HWY_SCALAR | HWY_EMU128;
  const int64_t instead = pretended.load();
  return instead ? instead : machine;
}

void SetSupportedTargetsForTest(int64_t targets) { pretended.store(targets); }

ChosenTarget& GetChosenTarget() {
  static ChosenTarget chosen;
  return chosen;
}

}  // namespace hwy
