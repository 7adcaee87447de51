// The middle of a matrix product: sums[MR · NV] become A · B over k_begin <= k < k_end, for the rows from m0 and columns from n0 on. Stands
// inside of a kernel's body, after a_at and b_at, where the batch's matrices begin, n0 included. DEEP rows of B are loaded before the
// first is used, so that a GPU waits for memory once for all of them.
    VEC sums[MR * NV];
    UNROLL for (int i = 0; i < MR * NV; i++) sums[i] = VSPLAT(0.0f);
    int rows[MR];
    if (PACKED != 0) {
      a_at += m0 * p.k;
    } else {
      UNROLL for (int i = 0; i < MR; i++) rows[i] = a_at + min(m0 + i, p.m - 1) * p.a_row;
    }
    int k = k_begin;
    if (DEEP > 1) {
      for (; k + DEEP <= k_end; k += DEEP) {
        VEC right[DEEP * NV];
        float left[DEEP * MR];
        UNROLL for (int u = 0; u < DEEP; u++) {
          int row = b_at + (TABLE != 0 ? table[k + u] : (k + u) * p.b_k);
          UNROLL for (int j = 0; j < NV; j++) right[u * NV + j] = VLOAD_AS(B_TYPE, b, row + j * VW);
          UNROLL for (int i = 0; i < MR; i++) left[u * MR + i] = LEFT(i, k + u);
        }
        UNROLL for (int u = 0; u < DEEP; u++) {
          UNROLL for (int i = 0; i < MR; i++) {
            UNROLL for (int j = 0; j < NV; j++)
              sums[i * NV + j] = VMAD(VSPLAT(left[u * MR + i]), right[u * NV + j], sums[i * NV + j]);
          }
        }
      }
    }
    for (; k < k_end; k++) {
      int row = b_at + (TABLE != 0 ? table[k] : k * p.b_k);
      VEC right[NV];
      UNROLL for (int j = 0; j < NV; j++) right[j] = VLOAD_AS(B_TYPE, b, row + j * VW);
      float left[MR];
      if (PACKED != 0) {
        LOAD_ROW(A_TYPE, left, a, a_at + k * MR, MR)
      } else {
        UNROLL for (int i = 0; i < MR; i++) left[i] = LEFT(i, k);
      }
      UNROLL for (int i = 0; i < MR; i++) {
        UNROLL for (int j = 0; j < NV; j++) sums[i * NV + j] = VMAD(VSPLAT(left[i]), right[j], sums[i * NV + j]);
      }
    }
