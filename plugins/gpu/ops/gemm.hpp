// Matrix products as launches: what MatMul, Conv and others share.
#pragma once

#include "ops.hpp"

namespace motley::gpu {

// What a tuner chooses for a product.
struct GemmTile {
  int32_t mr = 8, nv = 2, vw = 4;  // rows and vectors per work item
  uint32_t lx = 1, ly = 1;         // work items per group along n and m
  int32_t local_k = 0;             // depth of the tiles in local memory; 0: no local memory
  int32_t deep = 1;                // rows of B that are loaded ahead
  uint32_t split = 1;              // work items that share a tile, each a part of k

  int32_t columns() const { return nv * vw; }
};
struct GemmShape {
  int64_t m = 0, n = 0, k = 0, batch = 1;
  bool plain = false;  // of two matrices, not a convolution
};
// The tile for a device, or as the config says ("mr=8,nv=2,vw=16,lx=1,ly=1"); narrowed until it fits n.
GemmTile gemm_tile(const Capabilities& device, const Config& config, const GemmShape& shape);
// The parameters that gemm_tile reads, for the tuner.
std::vector<sdk::Parameter> gemm_parameters(const Capabilities& device);
// Empty, or what is wrong with the config's values.
sdk::Reason gemm_config_check(const Config& config, const Capabilities& device);

struct Gemm {
  int64_t m = 0, n = 0, k = 0;
  Operand a, b, y;
  bool packed = false;              // A is packed for the tile: pack_rows
  int64_t a_row = 0, a_k = 1, b_k = 0, y_row = 0;
  Operand table;                    // where B's rows begin; none: b_k apart. On texels: where each tap's first row begins
  int64_t depth = 0;                // rows of a tap; 0: all are one tap
  bool aligned = false;             // on texels: every row of B begins at a multiple of four
  bool map = false;                 // see gemm.gpu
  int64_t b_width = 0, y_width = 0;
  int32_t bias_mode = 0;            // 0 none, 1 per row, 2 per column, 3 by strides
  Operand bias, residual;
  int64_t bias_m = 0, bias_n = 0;
  float scale = 1, bias_scale = 1;
  Epilogue epilogue;
  int64_t batch0 = 1, batch1 = 1;
  GemmShape shape() const { return {m, n, k, batch0 * batch1}; }
  int64_t a_batch0 = 0, a_batch1 = 0, b_batch0 = 0, b_batch1 = 0, y_batch0 = 0, y_batch1 = 0, bias_batch0 = 0, bias_batch1 = 0;
};
// Whether the product is the kernel for texels, whose B comes by taps.
bool on_texels(const Capabilities& device, const GemmTile& tile);
// The tile for an A that is packed: texels bring four rows at once.
GemmTile packed_tile(const Capabilities& device, GemmTile tile);
void emit_gemm(Emitter& e, const Gemm& gemm, const GemmTile& tile);

// [m / mr][k][mr] from rows of k, zeros behind the last row.
std::vector<float> pack_rows(const float* rows, int64_t m, int64_t k, int64_t mr);

}  // namespace motley::gpu
