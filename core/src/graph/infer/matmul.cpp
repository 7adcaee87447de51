// Matrix products.
#include "graph/infer/dims.hpp"
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

namespace {

// As numpy's matmul: a vector on the left is a row, on the right a column, and their 1 is dropped again.
std::optional<Dims> matmul_shape(const Context& c, size_t ia, size_t ib, bool transpose_a, bool transpose_b) {
  c.require_rank(ia, 1, sdk::kMaxRank, "the first matrix");
  c.require_rank(ib, 1, sdk::kMaxRank, "the second matrix");
  if (!c.shape(ia) || !c.shape(ib)) return std::nullopt;
  Dims a = *c.shape(ia), b = *c.shape(ib);
  const bool row = a.size() == 1, column = b.size() == 1;
  if (row) a.insert(a.begin(), Dim(1));
  if (column) b.push_back(Dim(1));
  if (transpose_a && !row) std::swap(a[a.size() - 1], a[a.size() - 2]);
  if (transpose_b && !column) std::swap(b[b.size() - 1], b[b.size() - 2]);

  const Dim &k_a = a.back(), &k_b = b[b.size() - 2];
  if (differ(k_a, k_b))
    c.fail("the inner dimensions differ (% of % and % of %)",
           {to_string(k_a), graph::to_string(*c.shape(ia)), to_string(k_b), graph::to_string(*c.shape(ib))});
  Dims result = broadcast(c, Dims(a.begin(), a.end() - 2), Dims(b.begin(), b.end() - 2));
  if (!row) result.push_back(a[a.size() - 2]);
  if (!column) result.push_back(b.back());
  return result;
}

void require_addend(const Context& c, size_t i, const std::optional<Dims>& shape) {
  if (!c.has(i)) return;
  c.require_same_type(i);
  if (shape) c.require_broadcasts_to(i, *shape, "the addend");
}

}  // namespace

void matmul(Context& c) {
  const auto& a = c.attributes<schema::MatMulAttributesT>();
  c.require_type(0, kNumeric, "the first matrix");
  c.require_type(1, kNumeric, "the second matrix");
  c.require_same_type(1);
  std::optional<Dims> shape = matmul_shape(c, 0, 1, a.transpose_a, a.transpose_b);
  require_addend(c, 2, shape);
  c.set(0, c.type(0), std::move(shape));
}

void gemm(Context& c) {
  c.require_rank(0, 2, "the first matrix");
  c.require_rank(1, 2, "the second matrix");
  matmul(c);
}

void matmul_integer(Context& c) {
  c.require_type(0, kInteger, "the first matrix");
  c.require_type(1, kInteger, "the second matrix");
  if (c.has(2)) c.require_same_type(2, 0);
  if (c.has(3)) c.require_same_type(3, 1);
  c.set(0, DataType::int32, matmul_shape(c, 0, 1, false, false));
}

// a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point, addend to the sums of a column
void qlinear_matmul(Context& c) {
  c.require_type(0, kInteger, "the first matrix");
  c.require_type(3, kInteger, "the second matrix");
  c.require_same_type(2, 0);
  c.require_same_type(5, 3);
  for (size_t i : {1, 4, 6}) c.require_type(i, kFloat, "a scale");
  c.require_type(7, kInteger, "the output's zero point");
  std::optional<Dims> shape = matmul_shape(c, 0, 3, false, false);
  if (c.has(8)) {
    c.require_type_is(8, DataType::int32, "the addend");
    c.require_rank(8, 1, "the addend");
    if (shape) c.require_broadcasts_to(8, *shape, "the addend");
  }
  c.set(0, c.type(7), std::move(shape));
}

}  // namespace motley::graph::infer
