// MatMul.
#include "checks.hpp"
#include "gemm.hpp"
#include "matrix.hpp"
#include "shapes.hpp"

namespace motley::gpu {

namespace {

using reference::MatrixProduct;

MatrixProduct product_of(const NodeView& node) {
  const auto& a = node.attributes<schema::MatMulAttributes>();
  return reference::make_product(*node.input(0), *node.input(1), *node.output(0), a.transpose_a(), a.transpose_b());
}

// The addend's strides over the batch dimensions, then rows and columns.
std::vector<int64_t> addend_strides(const NodeView& node, const MatrixProduct& p) {
  const Shape& y = node.output(0)->shape;
  std::vector<int64_t> strides = broadcast(node.input(2)->shape, y);
  // Vectors lack one of the two last dimensions in Y.
  if (node.input(0)->shape.rank() == 1) strides.insert(strides.begin() + static_cast<int64_t>(p.batch.size()), 0);
  if (node.input(1)->shape.rank() == 1) strides.push_back(0);
  return strides;
}

Merged merged_batch(const NodeView& node, const MatrixProduct& p) {
  std::vector<std::vector<int64_t>> strides(4);
  const std::vector<int64_t> extents = list(p.batch);
  strides[0].assign(p.a_batch.begin(), p.a_batch.begin() + p.batch.rank());
  strides[1].assign(p.b_batch.begin(), p.b_batch.begin() + p.batch.rank());
  strides[2] = row_major(p.batch);
  for (int64_t& s : strides[2]) s *= p.rows * p.columns;
  strides[3].assign(extents.size(), 0);
  if (node.input(2)) {
    const std::vector<int64_t> own = addend_strides(node, p);
    strides[3].assign(own.begin(), own.begin() + p.batch.rank());
  }
  return merge_dimensions(extents, strides);
}

void check(const NodeView& node, const Capabilities&) {
  require_type(*node.input(0), {DataType::float32}, "input 0");
  const MatrixProduct p = product_of(node);
  require(merged_batch(node, p).extents.size() <= 2, "more than two batch dimensions that can't be merged");
}

// B with its columns next to each other: as it is, transposed when compiled, or transposed by a launch.
Operand columns_together(Emitter& e, const MatrixProduct& p, const TensorView& b) {
  if (p.b_column == 1 && b.is_constant() && e.keeps_half())
    return e.weights(b.constant_as<float>().data(), static_cast<size_t>(b.elements()));
  if (p.b_column == 1) return e.input(1);
  const int64_t matrix = p.depth * p.columns, matrices = matrix ? b.elements() / matrix : 0;
  if (b.is_constant()) {
    std::vector<float> turned(static_cast<size_t>(b.elements()));
    const float* from = b.constant_as<float>().data();
    for (int64_t i = 0; i < matrices; ++i)
      for (int64_t k = 0; k < p.depth; ++k)
        for (int64_t n = 0; n < p.columns; ++n)
          turned[static_cast<size_t>(i * matrix + k * p.columns + n)] = from[i * matrix + n * p.depth + k];
    return e.weights(turned);
  }
  const Operand turned = e.scratch(b.bytes());
  const Merged m = merge_dimensions({matrices, p.depth, p.columns},
                                    {{matrix, p.b_depth, p.b_column}, {matrix, p.columns, 1}});
  Call call = elementwise(e, "strided_copy.u32", b.elements());
  call.constants = {static_cast<int32_t>(m.extents.size()), 0};
  call.params = Params(b.elements(), 0, 0);
  call.params.add_all(m.extents, 6, 1).add_all(m.strides[0], 6, 0).add_all(m.strides[1], 6, 0);
  call.uses = {in(e.input(1)), out(turned)};
  e.launch(std::move(call));
  return turned;
}

void emit(Emitter& e) {
  const auto& attributes = e.node.attributes<schema::MatMulAttributes>();
  const MatrixProduct p = product_of(e.node);
  const TensorView &a = *e.node.input(0), &b = *e.node.input(1);
  const Merged batch = merged_batch(e.node, p);
  Gemm g;
  // One matrix B for all of a batch of row-major A: the batch is more rows.
  const bool one_dimension = batch.extents.size() == 1;
  const bool fold = one_dimension && batch.strides[1][0] == 0 && batch.extents[0] > 1 && p.a_depth == 1 &&
                    batch.strides[0][0] == p.rows * p.a_row && !e.has_input(2);
  g.m = fold ? p.rows * batch.extents[0] : p.rows;
  g.n = p.columns;
  g.k = p.depth;
  g.a = e.input(0);
  g.a_row = p.a_row;
  g.a_k = p.a_depth;
  g.b = columns_together(e, p, b);
  g.b_k = p.columns;
  g.y = e.output(0);
  g.y_row = p.columns;
  g.scale = attributes.alpha();
  g.bias_scale = attributes.beta();
  g.epilogue = Epilogue(attributes.activation());
  if (!fold) {
    const size_t d = batch.extents.size();
    g.batch1 = batch.extents[d - 1];
    g.a_batch1 = batch.strides[0][d - 1];
    g.b_batch1 = batch.strides[1][d - 1];
    g.y_batch1 = batch.strides[2][d - 1];
    g.bias_batch1 = batch.strides[3][d - 1];
    if (d == 2) {
      g.batch0 = batch.extents[0];
      g.a_batch0 = batch.strides[0][0];
      g.b_batch0 = batch.strides[1][0];
      g.y_batch0 = batch.strides[2][0];
      g.bias_batch0 = batch.strides[3][0];
    }
  }
  if (e.has_input(2)) {
    const std::vector<int64_t> strides = addend_strides(e.node, p);
    g.bias = e.input(2);
    g.bias_m = strides[strides.size() - 2];
    g.bias_n = strides[strides.size() - 1];
    const bool single = g.batch0 * g.batch1 == 1;
    g.bias_mode = single && g.bias_m == 1 && g.bias_n == 0 ? 1 : g.bias_m == 0 && g.bias_n == 1 ? 2 : 3;
  }
  GemmShape shape = g.shape();
  shape.plain = true;
  GemmTile tile = gemm_tile(e.device, e.config, shape);
  if (a.is_constant() && a.type == DataType::float32 && p.batch.elements() == 1 && p.a_depth == 1) {
    tile = packed_tile(e.device, tile);
    const std::vector<float> rows = pack_rows(a.constant_as<float>().data(), p.rows, p.depth, tile.mr);
    g.a = g.b.half ? e.constant(rows) : e.weights(rows);
    g.packed = true;
  }
  emit_gemm(e, g, tile);
}

}  // namespace

const std::vector<OpEntry>& product_ops() {
  static const auto* table = new std::vector<OpEntry>{op<reference::matmul_kernel, check>(emit)};
  return *table;
}

}  // namespace motley::gpu
