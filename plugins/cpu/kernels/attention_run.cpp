// Attention block by block, with a softmax that needs no second look at the scores.
//
// For a block of queries, each row keeps the largest score seen so far, the sum of exponentials relative to it, and the
// weighted sum of values. A block of keys with a larger score scales the two sums down (Milakov and Gimelshein, "Online
// normalizer calculation for softmax", 2018; Dao et al., "FlashAttention", 2022). Keys are packed once for all queries.
#include <cmath>

#include "kernels/attention.hpp"
#include "kernels/gemm.hpp"
#include "kernels/rows_simd.hpp"

namespace motley::cpu {

namespace {

constexpr int64_t kQueries = 48;    // per block; a multiple of every tile's rows
constexpr int64_t kKeys = 256;      // per block; a multiple of every tile's columns
constexpr int64_t kFewQueries = 4;  // up to these, packing keys costs more than it saves
// Less than this is done by the caller's thread. With two threads, 12 heads of size 64 and one step took 17 us in four of
// six runs on a busy machine, where waking the second one took longer than the work, and 1 us alone.
constexpr double kSerialFlops = 0x1p20;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

static_assert(kKeys % static_cast<int64_t>(kMaxTileColumns) == 0);

// What a worker keeps for its block of queries.
struct Work {
  float *queries, *scores, *weights, *sums;  // packed; rows of row_keys_; packed; rows of padded values
  float largest[kQueries], total[kQueries];
};

// One (batch, head, block of queries).
struct Block {
  int64_t batch, head, group, first, count;
};

class Attention final : public Kernel {
 public:
  Attention(const AttentionShape& shape, const Threads& threads)
      : a_(shape),
        gemm_(gemm_ops()),
        rows_(row_ops()),
        add_(binary_simd(schema::BinaryFunction::add, Operands::both)),
        add_one_(binary_simd(schema::BinaryFunction::add, Operands::scalar_b)),
        scale_(binary_simd(schema::BinaryFunction::mul, Operands::scalar_b)),
        tanh_(unary_simd(schema::UnaryFunction::tanh)),
        tile_rows_(static_cast<int64_t>(gemm_.tile_rows)),
        width_(static_cast<int64_t>(gemm_.tile_columns)) {
    few_ = a_.queries <= kFewQueries;
    serial_ = a_.flops() < kSerialFlops;
    row_keys_ = std::min(kKeys, round_up(std::max(a_.steps[0], a_.steps[1]), width_));
    value_width_ = round_up(a_.value_size, width_);
    pack_values_ = value_width_ != a_.value_size;
    int64_t at = 0;
    for (int part : {0, 1}) {
      key_at_[part] = at;
      key_floats_[part] = few_ ? 0 : round_up(a_.steps[part], width_) * a_.size;
      at += round_up(a_.batch * a_.groups * key_floats_[part], 16);
      value_at_[part] = at;
      value_floats_[part] = pack_values_ ? a_.steps[part] * value_width_ : 0;
      at += round_up(a_.batch * a_.groups * value_floats_[part], 16);
    }
    worker_at_ = at;
    block_ = std::min(kQueries, round_up(a_.queries, tile_rows_));
    worker_floats_ = round_up(block_ * a_.size, 16) + 2 * round_up(block_ * row_keys_, 16) +
                     round_up(block_ * value_width_, 16);
    scratch_floats_ = worker_at_ + worker_floats_ * (serial_ ? 1 : threads.count());
  }

  void run(const RunContext& c) const override {
    copy_present(c);
    pack(c);
    const int64_t blocks_per_head = blocks(a_.queries, kQueries);
    threads_of(c).parallel_for(static_cast<uint64_t>(a_.batch * a_.heads * blocks_per_head), [&](uint64_t index,
                                                                                             uint32_t worker) {
      const auto i = static_cast<int64_t>(index);
      const int64_t matrix = i / blocks_per_head, first = i % blocks_per_head * kQueries;
      const int64_t head = matrix % a_.heads;
      run_block(c,
                {matrix / a_.heads, head, head / (a_.heads / a_.groups), first, std::min(kQueries, a_.queries - first)},
                worker);
    });
  }
  uint64_t scratch_bytes() const override { return static_cast<uint64_t>(scratch_floats_) * sizeof(float); }
  std::string_view name() const override { return few_ ? "attention_few" : "attention_blocked"; }

 private:
  Threads threads_of(const RunContext& c) const { return serial_ ? Threads() : c.threads; }

  // Keys and values of a part: the inputs 4 and 5, or 1 and 2.
  const float* keys(const RunContext& c, int part, int64_t batch, int64_t group) const {
    return c.input<float>(part == 0 ? 4 : 1) + batch * a_.k[part].batch + group * a_.k[part].head;
  }
  const float* values(const RunContext& c, int part, int64_t batch, int64_t group) const {
    return c.input<float>(part == 0 ? 5 : 2) + batch * a_.v[part].batch + group * a_.v[part].head;
  }
  float* packed_keys(const RunContext& c, int part, int64_t matrix) const {
    return static_cast<float*>(c.scratch) + key_at_[part] + matrix * key_floats_[part];
  }
  float* packed_values(const RunContext& c, int part, int64_t matrix) const {
    return static_cast<float*>(c.scratch) + value_at_[part] + matrix * value_floats_[part];
  }

  // Past and recent steps, one after the other, where the node gives them out.
  void copy_present(const RunContext& c) const {
    for (size_t output : {1u, 2u}) {
      if (!a_.present[output - 1]) continue;
      float* out = c.output<float>(output);
      const int64_t size = output == 1 ? a_.size : a_.value_size;
      threads_of(c).parallel_for(static_cast<uint64_t>(a_.batch * a_.groups), [&](uint64_t index, uint32_t) {
        const auto matrix = static_cast<int64_t>(index);
        float* to = out + matrix * a_.keys() * size;
        for (int part : {0, 1}) {
          if (a_.steps[part] == 0) continue;
          const int64_t batch = matrix / a_.groups, group = matrix % a_.groups;
          const float* from = output == 1 ? keys(c, part, batch, group) : values(c, part, batch, group);
          const int64_t step = output == 1 ? a_.k[part].step : a_.v[part].step;
          for (int64_t t = 0; t < a_.steps[part]; ++t, from += step, to += size) std::copy_n(from, size, to);
        }
      });
    }
  }

  // Keys as panels of `width_` columns; values too, where their rows don't fill whole tiles.
  void pack(const RunContext& c) const {
    if (few_ && !pack_values_) return;
    for (int part : {0, 1}) {
      const int64_t pieces = blocks(a_.steps[part], kKeys);
      threads_of(c).parallel_for(static_cast<uint64_t>(a_.batch * a_.groups * pieces), [&](uint64_t index, uint32_t) {
        const int64_t matrix = static_cast<int64_t>(index) / pieces;
        pack_piece(c, part, matrix, static_cast<int64_t>(index) % pieces * kKeys);
      });
    }
  }
  void pack_piece(const RunContext& c, int part, int64_t matrix, int64_t first) const {
    const int64_t end = std::min(first + kKeys, a_.steps[part]);
    const int64_t batch = matrix / a_.groups, group = matrix % a_.groups;
    const float* k = keys(c, part, batch, group);
    for (int64_t t = first; t < end && !few_; t += width_)
      pack_panel(k + t * a_.k[part].step, a_.k[part].step, 1, std::min(width_, end - t), width_, a_.size, 1,
                 packed_keys(c, part, matrix) + t * a_.size);
    if (!pack_values_) return;
    const float* v = values(c, part, batch, group) + first * a_.v[part].step;
    for (int64_t column = 0; column < a_.value_size; column += width_)
      gemm_.pack_rows(v + column, static_cast<size_t>(a_.v[part].step), static_cast<size_t>(end - first),
                      static_cast<size_t>(std::min(width_, a_.value_size - column)),
                      packed_values(c, part, matrix) + column * a_.steps[part] + first * width_);
  }

  void run_block(const RunContext& c, const Block& b, uint32_t worker) const {
    Work w;
    w.queries = static_cast<float*>(c.scratch) + worker_at_ + worker * worker_floats_;
    w.scores = w.queries + round_up(block_ * a_.size, 16);
    w.weights = w.scores + round_up(block_ * row_keys_, 16);
    w.sums = w.weights + round_up(block_ * row_keys_, 16);
    std::fill_n(w.sums, b.count * value_width_, 0.0f);
    std::fill_n(w.largest, b.count, -kInfinity);
    std::fill_n(w.total, b.count, 0.0f);
    pack_queries(c, b, w);
    // Keys that are too late for the last query are not looked at.
    const int64_t end = a_.causal ? std::min(a_.keys(), a_.steps[0] + b.first + b.count) : a_.keys();
    for (int part : {0, 1}) {
      const int64_t before = part == 0 ? 0 : a_.steps[0], stop = std::min(a_.steps[part], end - before);
      for (int64_t t = 0; t < stop; t += kKeys) {
        const int64_t n = std::min(kKeys, stop - t);
        score(c, b, part, t, n, w);
        for (int64_t row = 0; row < b.count; ++row) weigh(c, b, row, before + t, n, w);
        add_values(c, b, part, t, n, w);
      }
    }
    float* y = c.output<float>(0) + b.batch * a_.y.batch + b.head * a_.y.head + b.first * a_.y.step;
    for (int64_t row = 0; row < b.count; ++row) {
      // Where every key is hidden, 0 / 0 is what a softmax of minus infinities gives too.
      const float factor = 1 / w.total[row];
      scale_(w.sums + row * value_width_, &factor, y + row * a_.y.step, static_cast<size_t>(a_.value_size));
    }
  }

  void pack_queries(const RunContext& c, const Block& b, const Work& w) const {
    const float* q = c.input<float>(0) + b.batch * a_.q.batch + b.head * a_.q.head + b.first * a_.q.step;
    if (few_) {
      for (int64_t row = 0; row < b.count; ++row)
        scale_(q + row * a_.q.step, &a_.scale, w.queries + row * a_.size, static_cast<size_t>(a_.size));
      return;
    }
    for (int64_t row = 0; row < b.count; row += tile_rows_)
      pack_panel(q + row * a_.q.step, a_.q.step, 1, std::min(tile_rows_, b.count - row), tile_rows_, a_.size, a_.scale,
                 w.queries + row * a_.size);
  }

  // scores[row][i] = query · key for n keys from t of the part.
  void score(const RunContext& c, const Block& b, int part, int64_t t, int64_t n, const Work& w) const {
    if (few_) {
      const float* k = keys(c, part, b.batch, b.group) + t * a_.k[part].step;
      for (int64_t i = 0; i < n; ++i, k += a_.k[part].step)
        for (int64_t row = 0; row < b.count; ++row)
          w.scores[row * row_keys_ + i] = gemm_.dot(w.queries + row * a_.size, k, static_cast<size_t>(a_.size));
      return;
    }
    const float* k = packed_keys(c, part, b.batch * a_.groups + b.group) + t * a_.size;
    GemmTile tile;
    tile.k = static_cast<size_t>(a_.size);
    tile.b_stride = static_cast<size_t>(width_);
    tile.c_stride = static_cast<size_t>(row_keys_);
    for (int64_t column = 0; column < n; column += width_) {
      tile.b = k + column * a_.size;
      for (int64_t row = 0; row < b.count; row += tile_rows_) {
        tile.a = w.queries + row * a_.size;
        tile.rows = static_cast<size_t>(std::min(tile_rows_, b.count - row));
        tile.c = w.scores + row * row_keys_ + column;
        gemm_.tile(tile);
      }
    }
  }

  // Scores of a row to weights relative to its largest score; what was summed before is scaled to that.
  void weigh(const RunContext& c, const Block& b, int64_t row, int64_t key, int64_t n, Work& w) const {
    float* s = w.scores + row * row_keys_;
    const auto count = static_cast<size_t>(n);
    if (a_.softcap != 0) {
      const float inverse = 1 / a_.softcap;
      scale_(s, &inverse, s, count);
      tanh_(s, s, count, 0, 0);
      scale_(s, &a_.softcap, s, count);
    }
    if (a_.mask.present) apply_mask(c, b, b.first + row, key, n, s);
    if (a_.causal)
      for (int64_t i = std::max<int64_t>(0, a_.steps[0] + b.first + row + 1 - key); i < n; ++i) s[i] += -kInfinity;
    const float here = rows_.along[static_cast<size_t>(Fold::max)](s, count), before = w.largest[row];
    const float largest = before >= here || std::isnan(before) ? before : here;
    if (largest == -kInfinity) {  // nothing to see yet
      std::fill_n(s, n, 0.0f);
      return;
    }
    const float sum = rows_.exp_along(s, largest, s, count);
    w.largest[row] = largest;
    if (before == largest) {
      w.total[row] += sum;
      return;
    }
    const float factor = std::exp(before - largest);
    w.total[row] = w.total[row] * factor + sum;
    float* sums = w.sums + row * value_width_;
    scale_(sums, &factor, sums, static_cast<size_t>(value_width_));
  }

  void apply_mask(const RunContext& c, const Block& b, int64_t query, int64_t key, int64_t n, float* s) const {
    const AttentionMask& m = a_.mask;
    const int64_t at = b.batch * m.strides.batch + b.head * m.strides.head + query * m.strides.step + key * m.key;
    const int64_t covered = std::clamp<int64_t>(m.covered - key, 0, n);
    for (int64_t i = covered; i < n; ++i) s[i] += -kInfinity;
    if (covered == 0) return;
    if (m.boolean) {
      const uint8_t* mask = c.input<uint8_t>(3) + at;
      for (int64_t i = 0; i < covered; ++i) s[i] += mask[i * m.key] ? 0 : -kInfinity;
    } else {
      (m.key == 1 ? add_ : add_one_)(s, c.input<float>(3) + at, s, static_cast<size_t>(covered));
    }
  }

  // sums += weights · values.
  void add_values(const RunContext& c, const Block& b, int part, int64_t t, int64_t n, const Work& w) const {
    const int64_t step = pack_values_ ? width_ : a_.v[part].step;
    const int64_t panel = pack_values_ ? a_.steps[part] * width_ : width_;
    const float* v =
        (pack_values_ ? packed_values(c, part, b.batch * a_.groups + b.group) : values(c, part, b.batch, b.group)) +
        t * step;
    const int64_t panels = value_width_ / width_;
    if (few_) {
      for (int64_t row = 0; row < b.count; ++row)
        for (int64_t p = 0; p < panels; ++p)
          gemm_.vector_panel(w.scores + row * row_keys_, v + p * panel, static_cast<size_t>(step), static_cast<size_t>(n),
                             true, w.sums + row * value_width_ + p * width_);
      return;
    }
    for (int64_t row = 0; row < b.count; row += tile_rows_)
      pack_panel(w.scores + row * row_keys_, row_keys_, 1, std::min(tile_rows_, b.count - row), tile_rows_, n, 1,
                 w.weights + row * row_keys_);
    GemmTile tile;
    tile.k = static_cast<size_t>(n);
    tile.b_stride = static_cast<size_t>(step);
    tile.c_stride = static_cast<size_t>(value_width_);
    tile.accumulate = true;
    for (int64_t p = 0; p < panels; ++p) {
      tile.b = v + p * panel;
      for (int64_t row = 0; row < b.count; row += tile_rows_) {
        tile.a = w.weights + row * row_keys_;
        tile.rows = static_cast<size_t>(std::min(tile_rows_, b.count - row));
        tile.c = w.sums + row * value_width_ + p * width_;
        gemm_.tile(tile);
      }
    }
  }

  AttentionShape a_;
  const GemmOps& gemm_;
  const RowOps& rows_;
  BinaryFn add_, add_one_, scale_;
  UnaryFn tanh_;
  int64_t tile_rows_, width_;
  bool few_ = false, pack_values_ = false, serial_ = false;
  int64_t value_width_ = 0, block_ = 0, row_keys_ = 0;
  int64_t key_at_[2], key_floats_[2], value_at_[2], value_floats_[2];
  int64_t worker_at_ = 0, worker_floats_ = 0, scratch_floats_ = 0;
};

}  // namespace

std::unique_ptr<Kernel> make_attention(const AttentionShape& shape, const Threads& threads) {
  return std::make_unique<Attention>(shape, threads);
}

}  // namespace motley::cpu
