// Arithmetic between the gates of a recurrent cell. All counts are multiples of a vector.
#pragma once

#include <cstddef>

namespace motley::cpu {

struct GateOps {
  // c = f · c + i · g
  void (*cell_state)(const float* i, const float* f, const float* g, float* c, size_t n);
  // out = a · b; out = a + b · c; out may be an operand
  void (*multiply)(const float* a, const float* b, float* out, size_t n);
  void (*multiply_add)(const float* a, const float* b, const float* c, float* out, size_t n);
  // out = a + r · (q + bias)
  void (*add_reset)(const float* a, const float* r, const float* q, const float* bias, float* out, size_t n);
  // h = (1 - z) · g + z · h
  void (*mix)(const float* z, const float* g, float* h, size_t n);
};

// Of the best instruction set enabled now.
const GateOps& gate_ops();

}  // namespace motley::cpu
