// Functions of one float, over an array.
#pragma once

#include <cstddef>

#include "motley/schema/model_generated.h"

namespace motley::cpu {

// out[i] = f(in[i]) for i < n; out may be in.
using UnaryFn = void (*)(const float* in, float* out, size_t n, float alpha, float beta);

// Of the best instruction set enabled now; null where the function is none of float to float.
UnaryFn unary_simd(schema::UnaryFunction function);

}  // namespace motley::cpu
