// MatMulInteger and QLinearMatMul: products of 8-bit matrices, quantized per tensor, per row of A or per column of B.
#include "kernels.hpp"
#include "matrix.hpp"
#include "quantization.hpp"

namespace motley::reference {

namespace {

// A and B with their zero points, and where these stand among the inputs.
struct IntegerProduct {
  MatrixProduct shape;
  DataType a_type, b_type;
  size_t b_input, a_zero_input, b_zero_input;
  Parameters a_zero, b_zero;

  IntegerProduct(const NodeView& node, size_t b, size_t a_zero_at, size_t b_zero_at)
      : shape(make_product(*node.input(0), *node.input(b), *node.output(0))),
        a_type(node.input(0)->type),
        b_type(node.input(b)->type),
        b_input(b),
        a_zero_input(a_zero_at),
        b_zero_input(b_zero_at),
        a_zero(node.input(a_zero_at)),
        b_zero(node.input(b_zero_at)) {}

  // Calls finish(index, row, column, sum) for all elements of Y.
  template <class Finish>
  void run(const RunContext& c, Finish&& finish) const {
    with_byte(a_type, [&](auto at) {
      with_byte(b_type, [&](auto bt) {
        const auto* a = c.input<typename decltype(at)::type>(0);
        const auto* b = c.input<typename decltype(bt)::type>(b_input);
        const auto count = static_cast<uint64_t>(shape.batch.elements() * shape.rows);
        c.threads.parallel_for(count, [&](uint64_t number, uint32_t) {
          multiply_row<int64_t>(
              shape, static_cast<int64_t>(number),
              [&](int64_t i, int64_t row) {
                return a[i] - (a_zero.count ? a_zero.zero_point(c.inputs[a_zero_input], row) : 0);
              },
              [&](int64_t i, int64_t column) {
                return b[i] - (b_zero.count ? b_zero.zero_point(c.inputs[b_zero_input], column) : 0);
              },
              finish);
        });
      });
    });
  }
};

void check_zero_points(const NodeView& node, const IntegerProduct& p) {
  check_parameters(node.input(p.a_zero_input), is_byte, p.shape.rows, "zero point of A");
  check_parameters(node.input(p.b_zero_input), is_byte, p.shape.columns, "zero point of B");
}

// The schema gives these ops no attributes of their own; those of a MatMul would change the result.
void check_plain(const NodeView& node) {
  const auto* a = node.raw().attributes_as<schema::MatMulAttributes>();
  require(!a || (!a->transpose_a() && !a->transpose_b() && a->alpha() == 1 && a->beta() == 1 && !a->activation()),
          "transposed, scaled or activated integer products are not supported");
}

void check_integer(const NodeView& node) {
  check_arity(node, {2, 4});
  check_plain(node);
  check_type(*node.input(0), is_byte, "input 0");
  check_type(*node.input(1), is_byte, "input 1");
  check_type(*node.output(0), is_int32, "output 0");
  check_zero_points(node, IntegerProduct(node, 1, 2, 3));
}

std::unique_ptr<Kernel> prepare_integer(const NodeView& node, const PrepareContext&) {
  return make_kernel("matmul_integer", [product = IntegerProduct(node, 1, 2, 3)](const RunContext& c) {
    product.run(c,
                [&](int64_t i, int64_t, int64_t, int64_t sum) { c.output<int32_t>(0)[i] = static_cast<int32_t>(sum); });
  });
}

// Inputs a, its scale and zero point, b with the same, y's scale and zero point, maybe what each column's sums get
// added.
void check_qlinear(const NodeView& node) {
  check_arity(node, {8, 9});
  check_plain(node);
  check_type(*node.input(0), is_byte, "input 0");
  check_type(*node.input(3), is_byte, "input 3");
  check_type(*node.output(0), is_byte, "output 0");
  const IntegerProduct product(node, 3, 2, 5);
  check_zero_points(node, product);
  check_parameters(node.input(1), is_real, product.shape.rows, "a_scale");
  check_parameters(node.input(4), is_real, product.shape.columns, "b_scale");
  check_parameters(node.input(6), is_real, product.shape.rows, "y_scale");
  check_parameters(node.input(7), is_byte, product.shape.rows, "y_zero_point");
  check_parameters(node.input(8), is_int32, product.shape.columns, "the addend");
}

std::unique_ptr<Kernel> prepare_qlinear(const NodeView& node, const PrepareContext&) {
  return make_kernel("qlinear_matmul", [product = IntegerProduct(node, 3, 2, 5), a = Parameters(node.input(1)),
                                        b = Parameters(node.input(4)), scale = Parameters(node.input(6)),
                                        zero = Parameters(node.input(7)), addend = Parameters(node.input(8)),
                                        type = node.output(0)->type](const RunContext& c) {
    with_byte(type, [&](auto t) {
      using T = typename decltype(t)::type;
      product.run(c, [&](int64_t i, int64_t row, int64_t column, int64_t sum) {
        const double factor = a.scale(c.inputs[1], row) * b.scale(c.inputs[4], column) / scale.scale(c.inputs[6], row);
        if (addend.count) sum += addend.zero_point(c.inputs[8], column);
        c.output<T>(0)[i] = quantize<T>(static_cast<double>(sum) * factor, zero.zero_point(c.inputs[7], row));
      });
    });
  });
}

}  // namespace

KernelEntry matmul_integer_kernel() { return entry<check_integer>(Op::MatMulInteger, prepare_integer); }
KernelEntry qlinear_matmul_kernel() { return entry<check_qlinear>(Op::QLinearMatMul, prepare_qlinear); }

}  // namespace motley::reference
