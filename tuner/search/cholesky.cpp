// Triangular factors of small symmetric matrices.
#include "search/cholesky.hpp"

#include <algorithm>
#include <cmath>

namespace motley::tuner {

namespace {

constexpr double kLeastPivot = 1e-9;

// y -= factor * x: the loop that takes the time, in a form that compilers turn into vectors.
void subtract(double* __restrict y, const double* __restrict x, double factor, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] -= factor * x[i];
}

}  // namespace

Cholesky::Cholesky(std::vector<double> matrix, size_t size) : factor_(std::move(matrix)), size_(size) {
  std::vector<double> column(size);
  for (size_t j = 0; j < size; ++j) {
    double* const a = factor_.data();
    const double pivot = std::sqrt(std::max(a[j * size + j], kLeastPivot));
    a[j * size + j] = pivot;
    for (size_t i = j + 1; i < size; ++i) column[i] = a[i * size + j] /= pivot;
    for (size_t i = j + 1; i < size; ++i) subtract(a + i * size + j + 1, &column[j + 1], column[i], i - j);
  }
}

std::vector<double> Cholesky::solve(std::vector<double> b) const {
  for (size_t i = 0; i < size_; ++i) {
    double rest = b[i];
    for (size_t j = 0; j < i; ++j) rest -= at(i, j) * b[j];
    b[i] = rest / at(i, i);
  }
  return b;
}

std::vector<double> Cholesky::solve_transposed(std::vector<double> b) const {
  for (size_t i = size_; i-- > 0;) {
    b[i] /= at(i, i);
    for (size_t j = 0; j < i; ++j) b[j] -= at(i, j) * b[i];
  }
  return b;
}

double Cholesky::log_determinant() const {
  double sum = 0;
  for (size_t i = 0; i < size_; ++i) sum += 2 * std::log(at(i, i));
  return sum;
}

}  // namespace motley::tuner
