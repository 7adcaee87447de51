// The end of a matrix product: sums[MR · NV] of the rows from m0 and columns from n0 on get bias, residual and activation and are stored
// where m < p.m and n_first <= n < p.n. Stands inside of a kernel's body.
    int y_at = batch0 * p.y_batch0 + batch1 * p.y_batch1;
    int bias_at = batch0 * p.bias_batch0 + batch1 * p.bias_batch1;
    if (MAP != 0) {
      UNROLL for (int j = 0; j < NV; j++) {
        int places[VW];
        for (int v = 0; v < VW; v++) {
          int n = n0 + j * VW + v;
          int line = n / p.b_width;
          int column = n - line * p.b_width;
          places[v] = column < p.y_width && n >= n_first && n < p.n ? line * p.y_width + column : -1;
        }
        // All in one row of the output, which most vectors are where rows are long.
        bool together = places[0] >= 0 && places[VW - 1] == places[0] + (VW - 1);
        UNROLL for (int i = 0; i < MR; i++) {
          if (m0 + i < p.m) {
            int line = y_at + (m0 + i) * p.y_row;
            VEC value = sums[i * NV + j];
            if (BIAS != 0) value += VSPLAT(bias[bias_at + m0 + i]);
            if (together) {
              if (RESIDUAL != 0) value += VLOAD(residual, line + places[0]);
              VSTORE(y, line + places[0], activate(ACTIVATION, value, p.alpha, p.beta));
            } else {
              if (RESIDUAL != 0) {
                float added[VW];
                for (int v = 0; v < VW; v++) added[v] = places[v] >= 0 ? residual[line + places[v]] : 0.0f;
                value += VLOAD(added, 0);
              }
              float items[VW];
              VSPILL(items, activate(ACTIVATION, value, p.alpha, p.beta));
              for (int v = 0; v < VW; v++) {
                if (places[v] >= 0) y[line + places[v]] = items[v];
              }
            }
          }
        }
      }
    } else {
      UNROLL for (int i = 0; i < MR; i++) {
        if (m0 + i < p.m) {
          UNROLL for (int j = 0; j < NV; j++) {
            int n = n0 + j * VW;
            int at = y_at + (m0 + i) * p.y_row + n;
            VEC value = sums[i * NV + j] * VSPLAT(p.scale);
            if (BIAS == 1) value += VSPLAT(p.bias_scale * bias[bias_at + m0 + i]);
            if (n >= n_first && n + VW <= p.n) {
              if (BIAS == 2) value += VSPLAT(p.bias_scale) * VLOAD(bias, bias_at + n);
              if (BIAS == 3) {
                float added[VW];
                for (int v = 0; v < VW; v++) added[v] = bias[bias_at + (m0 + i) * p.bias_m + (n + v) * p.bias_n];
                value += VSPLAT(p.bias_scale) * VLOAD(added, 0);
              }
              if (RESIDUAL != 0) value += VLOAD(residual, at);
              VSTORE(y, at, activate(ACTIVATION, value, p.alpha, p.beta));
            } else {
              float items[VW];
              VSPILL(items, value);
              for (int v = 0; v < VW; v++) {
                if (n + v >= n_first && n + v < p.n) {
                  float one = items[v];
                  if (BIAS == 2) one += p.bias_scale * bias[bias_at + n + v];
                  if (BIAS == 3) one += p.bias_scale * bias[bias_at + (m0 + i) * p.bias_m + (n + v) * p.bias_n];
                  if (RESIDUAL != 0) one += residual[at + v];
                  y[at + v] = unary_function(ACTIVATION, one, p.alpha, p.beta);
                }
              }
            }
          }
        }
      }
    }
