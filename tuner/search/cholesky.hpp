// Triangular factors of small symmetric matrices.
#pragma once

#include <cstddef>
#include <vector>

namespace motley::tuner {

// The lower factor L of a positive definite matrix A = L L', by rows, size x size. A pivot that rounding made too small
// is lifted.
class Cholesky {
 public:
  Cholesky() = default;
  // Only the lower half of `matrix` is read.
  Cholesky(std::vector<double> matrix, size_t size);

  size_t size() const { return size_; }
  double at(size_t row, size_t column) const { return factor_[row * size_ + column]; }
  // L x = b, and L' x = b.
  std::vector<double> solve(std::vector<double> b) const;
  std::vector<double> solve_transposed(std::vector<double> b) const;
  double log_determinant() const;  // of A

 private:
  std::vector<double> factor_;
  size_t size_ = 0;
};

}  // namespace motley::tuner
