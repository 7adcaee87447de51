// QLinearMatMul and MatMulInteger: both operands packed, tiles of sums, zero points taken out, rounded to bytes or not.
#include "kernels/kernels.hpp"
#include "kernels/matmul.hpp"
#include "kernels/quantized.hpp"

namespace motley::cpu {

namespace {

// Where the operands stand among the inputs.
struct Operands {
  size_t b, a_zero, b_zero;
};
constexpr Operands kQLinear{3, 2, 5}, kInteger{1, 2, 3};

const TensorView* optional_input(const NodeView& node, size_t i) {
  return i < node.input_count() ? node.input(i) : nullptr;
}

// The schema gives these ops no attributes of their own; those of a MatMul would change the result.
void check_plain(const NodeView& node) {
  const auto* a = node.raw().attributes_as<schema::MatMulAttributes>();
  require(!a || (!a->transpose_a() && !a->transpose_b() && a->alpha() == 1 && a->beta() == 1 && !a->activation()),
          "transposed, scaled or activated integer products are not supported");
}

Product checked_product(const NodeView& node, const Operands& at) {
  check_plain(node);
  for (size_t i : {size_t{0}, at.b}) require(is_byte(node.input(i)->type), "only int8 and uint8 are supported");
  Product p = product_of(node.input(0)->shape, node.input(at.b)->shape, *node.output(0), false, false);
  require(p.depth <= kMostQuantizedDepth, "sums this long are not supported");
  return p;
}

void check_qlinear(const NodeView& node) {
  check_arity(node, 8, 9);
  const Product p = checked_product(node, kQLinear);
  require(is_byte(node.output(0)->type), "only int8 and uint8 are supported");
  check_linear(node.input(1), node.input(2), *node.input(0), 1);
  check_linear(node.input(4), node.input(5), *node.input(3), p.columns);
  check_linear(node.input(6), node.input(7), *node.output(0), 1);
  if (const TensorView* addend = optional_input(node, 8)) {
    check_type(*addend, DataType::int32, "the addend");
    require(addend->elements() == 1 || addend->elements() == p.columns, "this number of addends is not supported");
  }
}

void check_integer(const NodeView& node) {
  check_arity(node, 2, 4);
  const Product p = checked_product(node, kInteger);
  check_type(*node.output(0), DataType::int32, "output 0");
  check_zero(optional_input(node, 2), *node.input(0), p.rows);
  check_zero(optional_input(node, 3), *node.input(1), p.columns);
}

// Matrices of one operand, packed one after the other: panels, each lane's zero point as packed, each lane's sum.
struct Packed {
  PackedSide side;
  DataType type = DataType::uint8;
  int64_t matrices = 1, elements = 0, lane = 0, step = 1;
  int64_t zeros = 0;  // how many zero points there are; 0: none

  int64_t matrix_words() const { return up_to(side.words() + 2 * side.padded_lanes(), 16); }
  int64_t words() const { return matrices * matrix_words(); }
  const int32_t* lane_zeros(const uint32_t* matrix) const {
    return reinterpret_cast<const int32_t*>(matrix + side.words());
  }
  const int32_t* lane_sums(const uint32_t* matrix) const { return lane_zeros(matrix) + side.padded_lanes(); }

  void pack(const QuantizedOps& ops, const Threads& threads, const void* data, const void* zero_data,
            uint32_t* to) const {
    const int64_t grain = std::max<int64_t>(1, kGrain / (side.width * side.depth));
    parallel_ranges(threads, matrices * side.panels(), grain, [&](int64_t begin, int64_t end, uint32_t) {
      for (int64_t i = begin; i < end; ++i) pack_panel(ops, data, zero_data, i / side.panels(), i % side.panels(), to);
    });
  }

 private:
  void pack_panel(const QuantizedOps& ops, const void* data, const void* zero_data, int64_t matrix, int64_t panel,
                  uint32_t* to) const {
    uint32_t* out = to + matrix * matrix_words();
    auto* lane_zeros = reinterpret_cast<int32_t*>(out + side.words());
    const auto zero_of = [&](int64_t i) { return zeros ? byte_at(type, zero_data, zeros == 1 ? 0 : i) : 0; };
    uint32_t* words = out + panel * side.panel_words();
    side.pack(ops, {type, data, matrix * elements, lane, step}, panel, zero_of, words);
    side.sum(ops, words, lane_zeros + side.padded_lanes() + panel * side.width);
    for (int64_t i = panel * side.width; i < (panel + 1) * side.width; ++i)
      lane_zeros[i] = i < side.lanes ? side.packed_zero(type, zero_of(i)) : 0;
  }
};

class QuantizedMatMul final : public Kernel {
 public:
  QuantizedMatMul(const NodeView& node, Product product, const Operands& at, const Threads& threads)
      : p_(std::move(product)), at_(at), ops_(quantized_ops()), is_integer_(node.op() == Op::MatMulInteger) {
    const TensorView &a = *node.input(0), &b = *node.input(at.b);
    const TensorView *a_zero = optional_input(node, at.a_zero), *b_zero = optional_input(node, at.b_zero);
    const int64_t a_zeros = a_zero ? a_zero->elements() : 0, b_zeros = b_zero ? b_zero->elements() : 0;
    if (a_zeros <= 1) merge_batch(p_, false);
    a_ = {PackedSide(ops_, Side::rows, p_.rows, p_.depth),
          a.type,
          p_.a_matrices,
          p_.rows * p_.depth,
          p_.a_row,
          p_.a_depth,
          a_zeros};
    b_ = {PackedSide(ops_, Side::columns, p_.columns, p_.depth),
          b.type,
          p_.b_matrices,
          p_.columns * p_.depth,
          p_.b_column,
          p_.b_depth,
          b_zeros};
    y_type_ = node.output(0)->type;
    if (!is_integer_) {
      b_scales_ = node.input(4)->elements();
      addends_ = optional_input(node, 8) ? node.input(8)->elements() : 0;
    }
    if (b.constant && (!b_zero || b_zero->constant)) {
      weights_.resize(static_cast<size_t>(b_.words()));
      b_.pack(ops_, threads, b.constant, b_zero ? b_zero->constant : nullptr, weights_.data());
    }
    // Scratch, in words: A, B where it is not constant, factors and addends of the columns.
    b_at_ = a_.words();
    columns_at_ = b_at_ + (weights_.empty() ? b_.words() : 0);
    scratch_ = columns_at_ + (is_integer_ ? 0 : up_to(3 * p_.columns, 16));
  }

  void run(const RunContext& c) const override {
    auto* scratch = static_cast<uint32_t*>(c.scratch);
    const uint32_t* b = weights_.data();
    if (weights_.empty()) {
      b_.pack(ops_, c.threads, c.inputs[at_.b], b_.zeros ? c.inputs[at_.b_zero] : nullptr, scratch + b_at_);
      b = scratch + b_at_;
    }
    a_.pack(ops_, c.threads, c.inputs[0], a_.zeros ? c.inputs[at_.a_zero] : nullptr, scratch);
    if (!is_integer_) set_columns(c, scratch + columns_at_);
    // Tasks are rows of tiles: so the columns' panels, which are the larger ones, are shared.
    const int64_t row_panels = a_.side.panels(), column_panels = b_.side.panels();
    const int64_t row_step = std::max<int64_t>(1, 64 / a_.side.width);
    const int64_t row_blocks = (row_panels + row_step - 1) / row_step;
    const int64_t work = std::max<int64_t>(1, row_step * a_.side.width * b_.side.width * (p_.depth + 32) / 32);
    parallel_ranges(c.threads, p_.batch * row_blocks * column_panels, std::max<int64_t>(1, kGrain / work),
                    [&](int64_t begin, int64_t end, uint32_t) {
                      for (int64_t i = begin; i < end; ++i) {
                        const int64_t matrix = i / (row_blocks * column_panels),
                                      rest = i % (row_blocks * column_panels);
                        const int64_t first = rest / column_panels * row_step, panel = rest % column_panels;
                        const int64_t last = std::min(first + row_step, row_panels);
                        for (int64_t row = first; row < last; ++row) run_tile(c, scratch, b, matrix, row, panel);
                      }
                    });
  }
  uint64_t scratch_bytes() const override { return static_cast<uint64_t>(scratch_) * sizeof(uint32_t); }
  uint64_t resident_bytes() const override { return weights_.size() * sizeof(uint32_t); }
  std::string_view name() const override { return is_integer_ ? "matmul_integer" : "qlinear_matmul"; }

 private:
  // A factor in double per column, then an addend each.
  void set_columns(const RunContext& c, uint32_t* to) const {
    auto* factors = reinterpret_cast<double*>(to);
    auto* addends = reinterpret_cast<int32_t*>(factors + p_.columns);
    const double a_scale = static_cast<double>(*c.input<float>(1)), y_scale = static_cast<double>(*c.input<float>(6));
    for (int64_t j = 0; j < p_.columns; ++j) {
      factors[j] = a_scale * static_cast<double>(c.input<float>(4)[b_scales_ == 1 ? 0 : j]) / y_scale;
      addends[j] = addends_ ? c.input<int32_t>(8)[addends_ == 1 ? 0 : j] : 0;
    }
  }

  void run_tile(const RunContext& c, const uint32_t* scratch, const uint32_t* b, int64_t matrix, int64_t row_panel,
                int64_t column_panel) const {
    const PackedSide &rows = a_.side, &columns = b_.side;
    const auto index = static_cast<size_t>(matrix);
    const uint32_t* left = scratch + p_.a_offsets[index] / a_.elements * a_.matrix_words();
    const uint32_t* right = b + p_.b_offsets[index] / b_.elements * b_.matrix_words();
    const int64_t row = row_panel * rows.width, column = column_panel * columns.width;
    const int64_t count = std::min(rows.width, rows.lanes - row), n = std::min(columns.width, columns.lanes - column);
    int32_t sums[kMostQuantizedRows * kMostQuantizedColumns];
    ops_.tile(left + row_panel * rows.panel_words(), static_cast<size_t>(rows.width),
              right + column_panel * columns.panel_words(), static_cast<size_t>(columns.width),
              static_cast<size_t>(rows.depth_words()), static_cast<size_t>(count), sums);
    for (int64_t i = 0; i < count; ++i) {
      int32_t* of_row = sums + i * columns.width;
      take_zeros_out(ops_, of_row, n, p_.depth, a_.lane_zeros(left)[row + i], a_.lane_sums(left)[row + i],
                     {b_.lane_zeros(right) + column, b_.lane_sums(right) + column});
      store(c, scratch + columns_at_, (matrix * p_.rows + row + i) * p_.columns + column, column, n, of_row);
    }
  }

  void store(const RunContext& c, const uint32_t* of_columns, int64_t at, int64_t column, int64_t n,
             const int32_t* sums) const {
    if (is_integer_) return void(std::copy_n(sums, n, c.output<int32_t>(0) + at));
    const auto* factors = reinterpret_cast<const double*>(of_columns);
    const auto* addends = reinterpret_cast<const int32_t*>(factors + p_.columns);
    const IntegerRange range = byte_range(y_type_, byte_at(y_type_, c.inputs[7], 0));
    const auto size = static_cast<size_t>(n);
    uint8_t* out = c.output<uint8_t>(0) + at;
    const bool plain = b_scales_ == 1 && addends_ <= 1;
    const bool fits = p_.depth * 255 * 255 + std::abs(int64_t{addends[0]}) <= std::numeric_limits<int32_t>::max();
    if (plain && fits && std::abs(factors[0]) <= kNearFactor)
      ops_.requantize_near(sums, size, addends[0], factors[0], range, out);
    else if (plain) ops_.requantize(sums, size, addends[0], factors[0], range, out);
    else ops_.requantize_each(sums, size, addends_ ? addends + column : nullptr, factors + column, range, out);
  }

  Product p_;
  Operands at_;
  const QuantizedOps& ops_;
  bool is_integer_;
  Packed a_, b_;
  DataType y_type_ = DataType::uint8;
  int64_t b_scales_ = 1, addends_ = 0;
  std::vector<uint32_t> weights_;
  int64_t b_at_ = 0, columns_at_ = 0, scratch_ = 0;  // in words
};

template <const Operands& kOperands>
std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext& context) {
  Product p = checked_product(node, kOperands);
  if (p.is_empty()) return make_kernel("quantized_matmul_empty", [](const RunContext&) {});
  return std::make_unique<QuantizedMatMul>(node, std::move(p), kOperands, context.threads);
}

}  // namespace

KernelEntry qlinear_matmul_kernel() { return entry<check_qlinear>(Op::QLinearMatMul, prepare<kQLinear>); }
KernelEntry matmul_integer_kernel() { return entry<check_integer>(Op::MatMulInteger, prepare<kInteger>); }

}  // namespace motley::cpu
