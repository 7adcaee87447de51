// MatMul: Y = activation(alpha · op(A)·op(B) + beta · C), batched.
#include "functions.hpp"
#include "kernels.hpp"
#include "matrix.hpp"

namespace motley::reference {

MatrixProduct make_product(const TensorView& a, const TensorView& b, const TensorView& y, bool transpose_a,
                           bool transpose_b) {
  require(a.shape.rank() >= 1 && b.shape.rank() >= 1, "a scalar can't be multiplied as a matrix");
  const bool a_vector = a.shape.rank() == 1, b_vector = b.shape.rank() == 1;
  const auto matrix = [](const Shape& s, bool vector, bool transpose) {
    struct {
      int64_t rows, columns, row_stride, column_stride;
    } m{1, s[s.size() - 1], s[s.size() - 1], 1};
    if (vector) return m;
    m.rows = s[s.size() - 2];
    if (transpose) std::swap(m.rows, m.columns), std::swap(m.row_stride, m.column_stride);
    return m;
  };
  auto left = matrix(a.shape, a_vector, transpose_a), right = matrix(b.shape, b_vector, transpose_b);
  if (b_vector) right = {right.columns, 1, 1, 1};
  require(left.columns == right.rows,
          "inner extents " + std::to_string(left.columns) + " and " + std::to_string(right.rows) + " differ");
  const auto leading = [](const Shape& s) { return Shape({s.begin(), s.size() < 2 ? 0 : s.size() - 2}); };
  const Shape a_batch = leading(a.shape), b_batch = leading(b.shape);
  MatrixProduct p;
  p.batch = broadcast_shape(a_batch, b_batch);
  p.a_batch = broadcast_strides(a_batch, p.batch);
  p.b_batch = broadcast_strides(b_batch, p.batch);
  for (size_t i = 0; i < p.batch.size(); ++i) {
    p.a_batch[i] *= left.rows * left.columns;
    p.b_batch[i] *= right.rows * right.columns;
  }
  p.rows = left.rows, p.columns = right.columns, p.depth = left.columns;
  p.a_row = left.row_stride, p.a_depth = left.column_stride;
  p.b_depth = right.row_stride, p.b_column = right.column_stride;
  Shape expected = p.batch;
  if (!a_vector) expected.push_back(p.rows);
  if (!b_vector) expected.push_back(p.columns);
  check_shape(y, expected, "output 0");
  return p;
}

namespace {

MatrixProduct product_of(const NodeView& node) {
  const auto& attributes = node.attributes<schema::MatMulAttributes>();
  return make_product(*node.input(0), *node.input(1), *node.output(0), attributes.transpose_a(),
                      attributes.transpose_b());
}

void check(const NodeView& node) {
  check_arity(node, {2, 3});
  const TensorView &a = *node.input(0), &b = *node.input(1), &y = *node.output(0);
  check_type(a, is_number, "input 0");
  check_same_type(a, b);
  check_same_type(a, y);
  product_of(node);
  if (const TensorView* c = node.input(2)) {
    check_same_type(a, *c);
    require(broadcasts_to(c->shape, y.shape), "C does not broadcast to the output");
  }
  check_activation(node.attributes<schema::MatMulAttributes>().activation(), y.type);
}

struct MatMulKernel final : Kernel {
  DataType type;
  MatrixProduct product;
  Activation activation;
  double alpha = 1, beta = 1;
  bool has_addend = false;
  Shape shape;
  Strides addend_strides{};

  // Where in C the element of Y of that index reads.
  int64_t addend_offset(int64_t index) const {
    int64_t offset = 0;
    for (size_t axis = shape.size(); axis-- > 0; index /= shape[axis])
      offset += index % shape[axis] * addend_strides[axis];
    return offset;
  }

  template <class T>
  T finish(const RunContext& c, int64_t index, double sum) const {
    double y = alpha * sum;
    if (has_addend) y += beta * real(c.input<T>(2)[addend_offset(index)]);
    return static_cast<T>(activation(y));
  }
  // Integers stay integers, and wrap, unless alpha or beta scale them.
  template <class T>
  T finish(const RunContext& c, int64_t index, uint64_t sum) const {
    const auto scaled = [](T x, double factor) { return factor == 1 ? x : saturate_to<T>(real(x) * factor); };
    T y = scaled(static_cast<T>(sum), alpha);
    if (has_addend) y = wrap_add(y, scaled(c.input<T>(2)[addend_offset(index)], beta));
    return activation.on_integer(y);
  }

  template <class T>
  void run_row(const RunContext& c, int64_t number) const {
    using Sum = std::conditional_t<is_real_v<T>, double, uint64_t>;
    const auto load = [](const T* data) {
      return [data](int64_t i, int64_t) {
        if constexpr (is_real_v<T>) return real(data[i]);
        else return static_cast<uint64_t>(data[i]);
      };
    };
    multiply_row<Sum>(product, number, load(c.input<T>(0)), load(c.input<T>(1)),
                      [&](int64_t i, int64_t, int64_t, Sum sum) { c.output<T>(0)[i] = finish<T>(c, i, sum); });
  }
  void run(const RunContext& c) const override {
    with_number(type, [&](auto t) {
      c.threads.parallel_for(static_cast<uint64_t>(product.batch.elements() * product.rows), [&](uint64_t i, uint32_t) {
        run_row<typename decltype(t)::type>(c, static_cast<int64_t>(i));
      });
    });
  }
  std::string_view name() const override { return "matmul"; }
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const auto& attributes = node.attributes<schema::MatMulAttributes>();
  auto kernel = std::make_unique<MatMulKernel>();
  kernel->type = node.input(0)->type;
  kernel->product = product_of(node);
  kernel->activation = Activation(attributes.activation());
  kernel->alpha = attributes.alpha();
  kernel->beta = attributes.beta();
  kernel->has_addend = node.input(2) != nullptr;
  kernel->shape = node.output(0)->shape;
  if (kernel->has_addend) kernel->addend_strides = broadcast_strides(node.input(2)->shape, kernel->shape);
  return kernel;
}

}  // namespace

KernelEntry matmul_kernel() { return entry<check>(Op::MatMul, prepare); }

}  // namespace motley::reference
