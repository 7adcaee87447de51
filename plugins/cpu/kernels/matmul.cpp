// MatMul: Y = activation(alpha · op(A)·op(B) + beta · C), batched: checks, and the choice of algorithm.
#include "kernels/matmul.hpp"

#include "kernels/kernels.hpp"

namespace motley::cpu {

namespace {

// The last two dimensions of an operand as rows and columns with strides; a vector is one row.
struct Matrix {
  int64_t rows = 1, columns = 1, row_stride = 0, column_stride = 1;

  Matrix(const Shape& s, bool transpose) {
    columns = row_stride = s[s.size() - 1];
    if (s.rank() == 1) return;
    rows = s[s.size() - 2];
    if (transpose) {
      std::swap(rows, columns);
      std::swap(row_stride, column_stride);
    }
  }
};

Shape leading(const Shape& s) { return Shape({s.begin(), s.size() < 2 ? 0 : s.size() - 2}); }

// Where each matrix of the broadcast batch begins in a tensor with the leading dimensions `own`.
std::vector<int64_t> batch_offsets(const Shape& batch, const Shape& own, int64_t matrix) {
  std::vector<int64_t> offsets(static_cast<size_t>(batch.elements()));
  const size_t lead = batch.size() - own.size();
  for (size_t i = 0; i < offsets.size(); ++i) {
    int64_t rest = static_cast<int64_t>(i), stride = matrix, offset = 0;
    for (size_t axis = batch.size(); axis-- > 0;) {
      const int64_t position = rest % batch[axis];
      rest /= batch[axis];
      if (axis < lead) continue;
      if (own[axis - lead] != 1) offset += position * stride;
      stride *= own[axis - lead];
    }
    offsets[i] = offset;
  }
  return offsets;
}

void set_addend(Product& p, const TensorView& c, const Shape& batch, bool a_vector, bool b_vector, const Shape& y) {
  require(broadcast_shape(c.shape, y) == y, "C does not broadcast to the output");
  p.has_addend = true;
  Shape own = c.shape;
  // Make C's last two dimensions rows and columns, as A and B are.
  int64_t rows = 1, columns = 1;
  const auto take_last = [&own] {
    if (own.rank() == 0) return int64_t{1};
    const int64_t last = own[own.size() - 1];
    own = Shape({own.begin(), own.size() - 1});
    return last;
  };
  if (!b_vector) columns = take_last();
  if (!a_vector) rows = take_last();
  p.c_column = columns > 1 ? 1 : 0;
  p.c_row = rows > 1 ? columns : 0;
  p.c_offsets = batch_offsets(batch, own, rows * columns);
}

}  // namespace

void merge_batch(Product& p, bool transpose_a) {
  const bool addend_fits = !p.has_addend || (p.c_row == 0 && std::all_of(p.c_offsets.begin(), p.c_offsets.end(),
                                                                         [](int64_t o) { return o == 0; }));
  if (p.batch <= 1 || p.b_matrices != 1 || p.a_matrices != p.batch || transpose_a || !addend_fits) return;
  p.rows *= p.batch;
  p.batch = p.a_matrices = 1;
  p.a_offsets = p.b_offsets = p.c_offsets = {0};
}

namespace {

void check(const NodeView& node) {
  check_arity(node, 2, 3);
  check_all_float(node);
  make_product(node);
}

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext& context) {
  const Reason why = matmul_config_check(node, context.config);
  if (!why.empty()) throw StatusError(MOTLEY_INVALID_ARGUMENT, why);
  Product p = make_product(node);
  if (p.is_empty()) return make_kernel("matmul_empty", [](const RunContext&) {});
  const auto* activation = node.attributes<schema::MatMulAttributes>().activation();
  if (p.rows == 1 || p.columns == 1) return make_matmul_vector(std::move(p), activation);
  return make_matmul_blocked(std::move(p), activation, blocking_of(context.config), context.threads);
}

}  // namespace

Product product_of(const Shape& a, const Shape& b, const TensorView& y, bool transpose_a, bool transpose_b) {
  require(a.rank() >= 1 && b.rank() >= 1, "a scalar can't be multiplied as a matrix");
  const bool a_vector = a.rank() == 1, b_vector = b.rank() == 1;
  const Matrix left(a, transpose_a);
  Matrix right(b, transpose_b);
  if (b_vector) {
    right.rows = right.columns;
    right.columns = right.row_stride = right.column_stride = 1;
  }
  require(left.columns == right.rows,
          "inner extents " + std::to_string(left.columns) + " and " + std::to_string(right.rows) + " differ");
  const Shape a_batch = leading(a), b_batch = leading(b), batch = broadcast_shape(a_batch, b_batch);
  Shape expected = batch;
  if (!a_vector) expected.push_back(left.rows);
  if (!b_vector) expected.push_back(right.columns);
  check_shape(y, expected, "output 0");
  Product p;
  p.rows = left.rows, p.columns = right.columns, p.depth = left.columns;
  // A batch of empty matrices may be of any size; nothing may be listed per matrix then.
  if (y.elements() == 0) {
    p.batch = 0;
    return p;
  }
  require(p.depth > 0, "an inner extent of 0 not supported");
  p.batch = batch.elements();
  require(p.batch <= (int64_t{1} << 20), "more than 1048576 matrices not supported");  // they are listed
  p.a_row = left.row_stride, p.a_depth = left.column_stride;
  p.b_depth = right.row_stride, p.b_column = right.column_stride;
  p.a_matrices = a_batch.elements();
  p.b_matrices = b_batch.elements();
  p.a_offsets = batch_offsets(batch, a_batch, left.rows * left.columns);
  p.b_offsets = batch_offsets(batch, b_batch, right.rows * right.columns);
  return p;
}

Product make_product(const NodeView& node) {
  const TensorView &a = *node.input(0), &b = *node.input(1), &y = *node.output(0);
  const auto& attributes = node.attributes<schema::MatMulAttributes>();
  Product p = product_of(a.shape, b.shape, y, attributes.transpose_a(), attributes.transpose_b());
  check_activation(attributes.activation());
  const TensorView* c = node.input(2);
  if (c) require(broadcast_shape(c->shape, y.shape) == y.shape, "C does not broadcast to the output");
  if (p.is_empty()) return p;
  p.a = static_cast<const float*>(a.constant);
  p.b = static_cast<const float*>(b.constant);
  p.alpha = attributes.alpha();
  p.beta = attributes.beta();
  if (c)
    set_addend(p, *c, broadcast_shape(leading(a.shape), leading(b.shape)), a.shape.rank() == 1, b.shape.rank() == 1,
               y.shape);
  merge_batch(p, attributes.transpose_a());
  return p;
}

void Product::finish(const RunContext& context, int64_t matrix, int64_t row, int64_t column, int64_t n,
                     float* out) const {
  if (has_addend) {
    const float* c = context.input<float>(2) + c_offsets[static_cast<size_t>(matrix)] + row * c_row + column * c_column;
    for (int64_t i = 0; i < n; ++i) out[i] += beta * c[i * c_column];
  }
  epilogue.finish(out, nullptr, n);
}

std::vector<Parameter> matmul_space(const NodeView& node) {
  const Product p = make_product(node);
  if (p.is_empty() || p.rows == 1 || p.columns == 1) return {};
  return blocking_space();
}

Reason matmul_config_check(const NodeView&, const Config& config) {
  for (const auto& [key, value] : config.values())
    if (key != "mc" && key != "kc" && key != "nc") return "unknown parameter (" + key + ")";
  try {
    blocking_of(config);
  } catch (const StatusError& e) {
    return e.what();
  }
  return {};
}

std::string matmul_problem_key(const NodeView& node) {
  const Product p = make_product(node);
  std::string key = "matmul f32 b=" + std::to_string(p.batch) + " m=" + std::to_string(p.rows) +
                    " n=" + std::to_string(p.columns) + " k=" + std::to_string(p.depth);
  if (p.a_depth != 1) key += " ta";
  if (p.b_column != 1) key += " tb";
  if (p.batch > 1 && p.a_matrices == 1) key += " a=shared";
  if (p.batch > 1 && p.b_matrices == 1) key += " b=shared";
  if (p.a) key += " a=constant";
  if (p.b) key += " b=constant";
  if (p.has_addend) key += " c=" + std::to_string(p.c_row != 0) + std::to_string(p.c_column);
  const auto* activation = node.attributes<schema::MatMulAttributes>().activation();
  if (activation && activation->function() != schema::UnaryFunction::identity)
    key += std::string(" act=") + schema::EnumNameUnaryFunction(activation->function());
  return key;
}

double matmul_flops(const NodeView& node) { return make_product(node).flops(); }

KernelEntry matmul_kernel() { return entry<check>(Op::MatMul, prepare); }

}  // namespace motley::cpu
