// Functions of two floats, over arrays.
#pragma once

#include <cstddef>
#include <cstdint>

#include "motley/schema/model_generated.h"

namespace motley::cpu {

// Which operand advances: both, or one of them while the other is one number for all.
enum class Operands { both, scalar_a, scalar_b };

// out[i] = f(a[i], b[i]); out may be a or b.
using BinaryFn = void (*)(const float* a, const float* b, float* out, size_t n);
// out[i] = 1 where the comparison holds, else 0.
using CompareFn = void (*)(const float* a, const float* b, uint8_t* out, size_t n);

// Of the best instruction set enabled now; null where the function is none of floats.
BinaryFn binary_simd(schema::BinaryFunction function, Operands operands);
CompareFn compare_simd(schema::CompareFunction function, Operands operands);

}  // namespace motley::cpu
