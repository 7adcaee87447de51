// Constants, parameters and buffers of a matrix product, the same for all kernels that compute one.
CONSTANT(0, MR, 8)
CONSTANT(1, NV, 2)
// 1: A is packed as [m / MR][k][MR], with zeros behind the last row; 0: A[m · a_row + k · a_k]
CONSTANT(2, PACKED, 1)
// 1: B's row k begins at table[k]; 0: at k · b_k
CONSTANT(3, TABLE, 0)
// 1: column n is element n % b_width of row n / b_width of the output, and those from y_width on are dropped
CONSTANT(4, MAP, 0)
// 0: none, 1: bias[m], 2: bias[n], 3: bias[m · bias_m + n · bias_n]
CONSTANT(5, BIAS, 0)
CONSTANT(6, RESIDUAL, 0)
CONSTANT(7, ACTIVATION, 0)
PARAMS(int m; int n; int k; int a_row; int a_k; int b_k; int y_row; int b_width; int y_width; int bias_m; int bias_n;
       float scale; float bias_scale; float alpha; float beta; int batch1; int a_batch0; int a_batch1; int b_batch0;
       int b_batch1; int y_batch0; int y_batch1; int bias_batch0; int bias_batch1; int depth;)
// Storage types of A and B: f16 in variants for weights that are kept so.
#ifndef A_TYPE
#define A_TYPE f32
#endif
#ifndef B_TYPE
#define B_TYPE f32
#endif
#define BUFFERS(IN, OUT) IN(0, A_TYPE, a) IN(1, B_TYPE, b) IN(2, i32, table) IN(3, f32, bias) IN(4, f32, residual) OUT(5, f32, y)
#define TN (NV * VW)
#define LEFT(i, k) (PACKED != 0 ? LOAD(A_TYPE, a, a_at + (k) * MR + (i)) : LOAD(A_TYPE, a, rows[i] + (k) * p.a_k))
