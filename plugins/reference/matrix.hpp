// The shapes of a matrix product, shared by MatMul, MatMulInteger and QLinearMatMul.
#pragma once

#include "indexing.hpp"

namespace motley::reference {

// Y[batch, row, column] = Σ_k A[batch, row, k] · B[batch, k, column], with broadcasting of the leading dimensions.
// A of rank 1 is one row, B of rank 1 one column; those dimensions are not in Y.
struct MatrixProduct {
  Shape batch;  // of the result, leading dimensions only
  Strides a_batch{}, b_batch{};
  int64_t rows = 0, columns = 0, depth = 0;
  int64_t a_row = 0, a_depth = 0, b_depth = 0, b_column = 0;  // strides
};

// Throws where A, B and Y do not fit together.
MatrixProduct make_product(const TensorView& a, const TensorView& b, const TensorView& y, bool transpose_a = false,
                           bool transpose_b = false);

// Calls finish(index in Y, row, column, sum) for every element of one row of all matrices of Y; `number` counts rows
// through all of them. a(i) and b(i) give elements.
template <class Sum, class A, class B, class Finish>
void multiply_row(const MatrixProduct& p, int64_t number, const A& a, const B& b, Finish&& finish) {
  const int64_t row = number % p.rows;
  int64_t rest = number / p.rows, a_matrix = 0, b_matrix = 0;
  for (size_t axis = p.batch.size(); axis-- > 0; rest /= p.batch[axis]) {
    a_matrix += rest % p.batch[axis] * p.a_batch[axis];
    b_matrix += rest % p.batch[axis] * p.b_batch[axis];
  }
  std::vector<Sum> sums(static_cast<size_t>(p.columns), Sum{0});
  for (int64_t k = 0; k < p.depth; ++k) {
    const Sum left = a(a_matrix + row * p.a_row + k * p.a_depth, row);
    const int64_t right = b_matrix + k * p.b_depth;
    for (int64_t column = 0; column < p.columns; ++column)
      sums[static_cast<size_t>(column)] += left * b(right + column * p.b_column, column);
  }
  for (int64_t column = 0; column < p.columns; ++column)
    finish(number * p.columns + column, row, column, sums[static_cast<size_t>(column)]);
}

}  // namespace motley::reference
