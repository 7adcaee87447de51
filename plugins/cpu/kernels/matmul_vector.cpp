// Products of one row or one column: a vector times a matrix, bound by reading the matrix once.
#include "kernels/matmul.hpp"

namespace motley::cpu {

namespace {

class MatMulVector final : public Kernel {
 public:
  MatMulVector(Product product, const schema::Activation* activation) : p_(std::move(product)), ops_(gemm_ops()) {
    // One column: the transposed product has one row, and its matrix is A.
    swapped_ = p_.rows != 1;
    length_ = swapped_ ? p_.rows : p_.columns;
    matrix_k_ = swapped_ ? p_.a_depth : p_.b_depth;
    matrix_lane_ = swapped_ ? p_.a_row : p_.b_column;
    p_.epilogue = Epilogue(activation, Between::addend);
    layout_ = {length_, p_.depth, static_cast<int64_t>(ops_.tile_columns), std::max<int64_t>(p_.depth, 1)};
    const float* constant = swapped_ ? p_.a : p_.b;
    // Rows along k are read in order anyway; columns are, once packed.
    if (!constant || reads_rows()) return;
    const int64_t matrices = swapped_ ? p_.a_matrices : p_.b_matrices;
    packed_.resize(static_cast<size_t>(matrices * layout_.elements()));
    for (int64_t m = 0; m < matrices; ++m)
      for (int64_t panel = 0; panel < layout_.panels(); ++panel)
        layout_.pack(constant + m * length_ * p_.depth, matrix_lane_, matrix_k_, panel, 1.0f,
                     packed_.data() + m * layout_.elements());
  }

  void run(const RunContext& context) const override {
    // Pieces are cut at panels, so that packed ones are whole.
    const int64_t grain = std::max<int64_t>(1, kGrain / (layout_.width * p_.depth + 1));
    parallel_ranges(context.threads, p_.batch * layout_.panels(), grain, [&](int64_t begin, int64_t end, uint32_t) {
      for (int64_t i = begin; i < end; ++i) run_panel(context, i / layout_.panels(), i % layout_.panels());
    });
  }
  uint64_t resident_bytes() const override { return packed_.size() * sizeof(float); }
  std::string_view name() const override { return reads_rows() ? "matmul_dot" : "matmul_vector"; }

 private:
  bool reads_rows() const { return matrix_k_ == 1 && matrix_lane_ != 1; }

  void run_panel(const RunContext& context, int64_t batch, int64_t panel) const {
    const auto at = static_cast<size_t>(batch);
    const float* x = context.input<float>(swapped_ ? 1 : 0) + (swapped_ ? p_.b_offsets : p_.a_offsets)[at];
    const int64_t offset = (swapped_ ? p_.a_offsets : p_.b_offsets)[at];
    const int64_t lane = panel * layout_.width, n = std::min(layout_.width, length_ - lane);
    alignas(64) float sums[kMaxTileColumns];
    if (!packed_.empty()) {
      const int64_t matrix = offset / (length_ * p_.depth);
      ops_.vector_panel(x, packed_.data() + matrix * layout_.elements() + layout_.offset(panel, 0), ops_.tile_columns,
                        static_cast<size_t>(p_.depth), false, sums);
    } else {
      sum_in_place(x, context.input<float>(swapped_ ? 0 : 1) + offset + lane * matrix_lane_, n, sums);
    }
    if (p_.alpha != 1)
      for (int64_t i = 0; i < n; ++i) sums[i] *= p_.alpha;
    float* out = context.output<float>(0) + batch * length_ + lane;
    std::copy_n(sums, n, out);
    if (!swapped_) return p_.finish(context, batch, 0, lane, n, out);
    for (int64_t i = 0; i < n; ++i) p_.finish(context, batch, lane + i, 0, 1, out + i);
  }

  void sum_in_place(const float* x, const float* matrix, int64_t n, float* sums) const {
    if (reads_rows()) {
      for (int64_t i = 0; i < n; ++i) sums[i] = ops_.dot(x, matrix + i * matrix_lane_, static_cast<size_t>(p_.depth));
      return;
    }
    if (matrix_lane_ == 1 && n == layout_.width) {
      ops_.vector_panel(x, matrix, static_cast<size_t>(matrix_k_), static_cast<size_t>(p_.depth), false, sums);
      return;
    }
    std::fill_n(sums, n, 0.0f);
    for (int64_t k = 0; k < p_.depth; ++k)
      for (int64_t i = 0; i < n; ++i) sums[i] += x[k] * matrix[k * matrix_k_ + i * matrix_lane_];
  }

  Product p_;
  const GemmOps& ops_;
  PanelLayout layout_;
  bool swapped_ = false;
  int64_t length_ = 0, matrix_k_ = 0, matrix_lane_ = 0;
  std::vector<float> packed_;
};

}  // namespace

std::unique_ptr<Kernel> make_matmul_vector(Product product, const schema::Activation* activation) {
  return std::make_unique<MatMulVector>(std::move(product), activation);
}

}  // namespace motley::cpu
