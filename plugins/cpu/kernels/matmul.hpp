// Matrix multiplication: what its algorithms share. kernels/matmul.cpp chooses between them.
#pragma once

#include "kernels/gemm.hpp"

namespace motley::cpu {

// Geometry and operands of a MatMul node, valid after its attributes are gone. Element (r, k) of a matrix of A lies at
// r * a_row + k * a_depth, and so on; offsets give where each matrix of the batch begins.
struct Product {
  int64_t batch = 1, rows = 1, columns = 1, depth = 0;
  int64_t a_row = 0, a_depth = 0, b_depth = 0, b_column = 0;
  std::vector<int64_t> a_offsets, b_offsets;
  int64_t a_matrices = 1, b_matrices = 1;  // distinct ones
  const float* a = nullptr;                // constant, or null
  const float* b = nullptr;
  float alpha = 1, beta = 1;
  bool has_addend = false;
  int64_t c_row = 0, c_column = 0;  // strides of C, 0 where it is broadcast
  std::vector<int64_t> c_offsets;
  Epilogue epilogue;

  bool is_empty() const { return batch * rows * columns == 0; }
  double flops() const {
    return 2.0 * static_cast<double>(batch * rows) * static_cast<double>(columns) * static_cast<double>(depth);
  }
  // Adds beta * C to n results of a row from `column` on, then the activation.
  void finish(const RunContext& context, int64_t matrix, int64_t row, int64_t column, int64_t n, float* out) const;
};

// The geometry of matrices of these shapes. Throws StatusError where they don't fit together; with an empty result
// is_empty() holds, and little else is set.
Product product_of(const Shape& a, const Shape& b, const TensorView& y, bool transpose_a, bool transpose_b);
// Batches of A's rows that meet the same B become one taller matrix.
void merge_batch(Product& p, bool transpose_a);
// Throws StatusError where the node is not supported.
Product make_product(const NodeView& node);

std::unique_ptr<Kernel> make_matmul_blocked(Product product, const schema::Activation* activation,
                                            const Blocking& blocking, const Threads& threads);
// For products of one row or one column.
std::unique_ptr<Kernel> make_matmul_vector(Product product, const schema::Activation* activation);

std::vector<Parameter> matmul_space(const NodeView& node);
Reason matmul_config_check(const NodeView& node, const Config& config);
std::string matmul_problem_key(const NodeView& node);
double matmul_flops(const NodeView& node);

}  // namespace motley::cpu
