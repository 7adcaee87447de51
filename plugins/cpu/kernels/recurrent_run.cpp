// Running LSTM, GRU and RNN: inputs of all steps times W as one product, then step by step the state times R.
//
// Rows of the batch and directions do not depend on each other, so they are the tasks that threads share, as many rows
// as a register tile has in one task. A single large one is shared by columns, step by step.
#include "kernels/recurrent.hpp"
#include "kernels/recurrent_simd.hpp"

namespace motley::cpu {

namespace {

// Multiplications in one step from which splitting it among threads outweighs waking them.
constexpr int64_t kStepToSplit = int64_t{1} << 19;

// Offsets of a run's scratch, in floats.
struct Scratch {
  int64_t x = 0, weights = 0, projections = 0, h = 0, c = 0, tasks = 0, task_floats = 0, floats = 0;
};

// Rows [b, b + rows) of the batch in one direction.
struct Task {
  int64_t direction, b, rows;
  const float* weights;
  float *projections, *h, *c, *scratch;
};

class Recurrent final : public Kernel {
 public:
  Recurrent(const NodeView& node, const Recurrence& op, const PrepareContext& context)
      : op_(op), ops_(gemm_ops()), gate_ops_(gate_ops()), layout_(op, ops_) {
    const auto present = [&](size_t i) { return node.input(i) != nullptr; };
    inputs_ = node.input_count();
    outputs_ = node.output_count();
    constant_weights_ = true;
    for (size_t i : {kW, kR, kB, kPeepholes})
      if (present(i) && !node.input(i)->is_constant()) constant_weights_ = false;
    peepholes_ = present(kPeepholes);
    if (present(kLengths)) length_type_ = node.input(kLengths)->type;
    if (constant_weights_) {
      packed_.resize(static_cast<size_t>(op.directions * layout_.floats));
      const auto data = [&](size_t i) { return present(i) ? node.input(i)->constant_as<float>().data() : nullptr; };
      pack_weights(data(kW), data(kR), data(kB), data(kPeepholes), packed_.data());
    }
    if (op.clip > 0) clip_ = {unary_simd(schema::UnaryFunction::clip), -op.clip, op.clip};
    // Sequences of different lengths are at different steps at the same time when read from the end.
    task_rows_ =
        length_type_ == DataType::undefined ? std::min<int64_t>(static_cast<int64_t>(ops_.tile_rows), op.batch) : 1;
    row_tasks_ = blocks(op.batch, task_rows_);
    split_steps_ = op.directions * row_tasks_ == 1 && layout_.columns * op.hidden >= kStepToSplit;
    x_ = {op.rows(), op.inputs, static_cast<int64_t>(ops_.tile_rows), layout_.w.kc};
    split_ = split_work(op.rows(), layout_.columns, op.directions, ops_, Blocking().nc, context.threads.count());
    plan_scratch();
  }

  void run(const RunContext& context) const override {
    auto* scratch = static_cast<float*>(context.scratch);
    check_lengths(context);
    const float* weights = packed_.data();
    if (!constant_weights_) {
      weights = scratch + scratch_.weights;
      pack_weights(input(context, kW), input(context, kR), input(context, kB), input(context, kPeepholes),
                   scratch + scratch_.weights);
    }
    project(context, weights, scratch);
    fill_states(context, scratch);
    if (length_type_ != DataType::undefined && output(context, 0))
      std::fill_n(output(context, 0), op_.rows() * op_.directions * op_.hidden, 0.0f);
    const int64_t work = op_.steps * task_rows_ * layout_.columns * op_.hidden;
    parallel_ranges(context.threads, op_.directions * row_tasks_, std::max<int64_t>(1, kGrain * 8 / (work + 1)),
                    [&](int64_t begin, int64_t end, uint32_t) {
                      for (int64_t i = begin; i < end; ++i) run_task(context, task(i, weights, scratch));
                    });
    store_states(context, scratch);
  }
  uint64_t scratch_bytes() const override { return static_cast<uint64_t>(scratch_.floats) * sizeof(float); }
  uint64_t resident_bytes() const override { return packed_.size() * sizeof(float); }
  std::string_view name() const override {
    return op_.cell == Cell::lstm ? "lstm_packed" : op_.cell == Cell::gru ? "gru_packed" : "rnn_packed";
  }

 private:
  // Null where the node has none, also past the end of its list.
  const float* input(const RunContext& context, size_t i) const {
    return i < inputs_ ? context.input<float>(i) : nullptr;
  }
  float* output(const RunContext& context, size_t i) const { return i < outputs_ ? context.output<float>(i) : nullptr; }

  // ---- preparation

  void plan_scratch() {
    const auto take = [this](int64_t floats) {
      const int64_t at = scratch_.floats;
      scratch_.floats += round_up(floats, 16);
      return at;
    };
    const int64_t sequences = op_.directions * op_.batch;
    scratch_.x = take(x_.elements());
    scratch_.weights = take(constant_weights_ ? 0 : op_.directions * layout_.floats);
    scratch_.projections = take(op_.directions * op_.rows() * layout_.columns);
    scratch_.h = take(sequences * layout_.unit);
    scratch_.c = take(sequences * layout_.unit);
    // The state packed for the tile, and one gate of each row (padded to a tile's columns) twice.
    gate_floats_ = round_up(layout_.unit, layout_.r.width);
    scratch_.task_floats =
        round_up(op_.hidden * static_cast<int64_t>(ops_.tile_rows) + 2 * task_rows_ * gate_floats_, 16);
    scratch_.tasks = take(op_.directions * row_tasks_ * scratch_.task_floats);
  }

  void pack_weights(const float* w, const float* r, const float* b, const float* p, float* out) const {
    const int64_t rows = op_.gates() * op_.hidden;
    for (int64_t d = 0; d < op_.directions; ++d)
      layout_.pack(op_, w + d * rows * op_.inputs, r + d * rows * op_.hidden, b ? b + d * 2 * rows : nullptr,
                   p ? p + d * 3 * op_.hidden : nullptr, out + d * layout_.floats);
  }

  // ---- before the first step

  int64_t length_of(const RunContext& context, int64_t b) const {
    if (length_type_ == DataType::undefined) return op_.steps;
    return length_type_ == DataType::int64 ? context.input<int64_t>(kLengths)[b] : context.input<int32_t>(kLengths)[b];
  }
  void check_lengths(const RunContext& context) const {
    for (int64_t b = 0; length_type_ != DataType::undefined && b < op_.batch; ++b) {
      const int64_t length = length_of(context, b);
      if (length < 0 || length > op_.steps)
        throw StatusError(MOTLEY_INVALID_ARGUMENT, "sequence_lens has a length (" + std::to_string(length) +
                                                       ") that the input's " + std::to_string(op_.steps) +
                                                       " steps do not have; pass lengths within them");
    }
  }

  // X · W + bias for all steps and directions.
  void project(const RunContext& context, const float* weights, float* scratch) const {
    float* packed = scratch + scratch_.x;
    parallel_ranges(context.threads, x_.panels(), std::max<int64_t>(1, kGrain / (x_.width * x_.depth)),
                    [&](int64_t begin, int64_t end, uint32_t) {
                      for (int64_t panel = begin; panel < end; ++panel)
                        x_.pack(context.input<float>(kX), op_.inputs, 1, panel, 1.0f, packed);
                    });
    const int64_t row_tasks = blocks(op_.rows(), split_.row_step),
                  column_tasks = blocks(layout_.columns, split_.column_step);
    const auto tasks = static_cast<uint64_t>(op_.directions * row_tasks * column_tasks);
    const auto run_one = [&](uint64_t i, uint32_t) {
      const auto task = static_cast<int64_t>(i);
      project_part(weights, packed, task / column_tasks / row_tasks, task / column_tasks % row_tasks * split_.row_step,
                   task % column_tasks * split_.column_step, scratch);
    };
    if (op_.rows() * op_.inputs * layout_.columns * op_.directions >= kGrain * 8)
      context.threads.parallel_for(tasks, run_one);
    else
      for (uint64_t i = 0; i < tasks; ++i) run_one(i, 0);
  }
  void project_part(const float* weights, const float* x, int64_t direction, int64_t row, int64_t column,
                    float* scratch) const {
    const float* w = weights + direction * layout_.floats;
    TileOutput output;
    output.ops = &ops_;
    output.out = scratch + scratch_.projections + direction * op_.rows() * layout_.columns;
    output.row_stride = layout_.columns;
    output.column_bias = w + layout_.bias_at;
    multiply(
        x, x_, Blocking().mc, row, std::min(row + split_.row_step, op_.rows()), column,
        std::min(column + split_.column_step, layout_.columns), output, [](int64_t, int64_t) {},
        [&](GemmTile& tile, int64_t first, int64_t, int64_t k0) {
          tile.b = w + layout_.w.offset(first / layout_.w.width, k0);
          tile.b_stride = ops_.tile_columns;
        });
  }

  void fill_states(const RunContext& context, float* scratch) const {
    std::fill_n(scratch + scratch_.h, scratch_.tasks - scratch_.h, 0.0f);
    for (int64_t d = 0; d < op_.directions; ++d)
      for (int64_t b = 0; b < op_.batch; ++b) {
        const int64_t to = (d * op_.batch + b) * layout_.unit, from = op_.state_offset(d, b);
        if (const auto* h = input(context, kInitialH)) std::copy_n(h + from, op_.hidden, scratch + scratch_.h + to);
        if (op_.cell != Cell::lstm) continue;
        if (const auto* c = input(context, kInitialC)) std::copy_n(c + from, op_.hidden, scratch + scratch_.c + to);
      }
  }
  void store_states(const RunContext& context, const float* scratch) const {
    for (int64_t d = 0; d < op_.directions; ++d)
      for (int64_t b = 0; b < op_.batch; ++b) {
        const int64_t from = (d * op_.batch + b) * layout_.unit, to = op_.state_offset(d, b);
        if (auto* h = output(context, 1)) std::copy_n(scratch + scratch_.h + from, op_.hidden, h + to);
        if (op_.cell != Cell::lstm) continue;
        if (auto* c = output(context, 2)) std::copy_n(scratch + scratch_.c + from, op_.hidden, c + to);
      }
  }

  // ---- the steps of some sequences

  Task task(int64_t i, const float* weights, float* scratch) const {
    const int64_t d = i / row_tasks_, b = i % row_tasks_ * task_rows_, state = (d * op_.batch + b) * layout_.unit;
    return {d,
            b,
            std::min(task_rows_, op_.batch - b),
            weights + d * layout_.floats,
            scratch + scratch_.projections + d * op_.rows() * layout_.columns,
            scratch + scratch_.h + state,
            scratch + scratch_.c + state,
            scratch + scratch_.tasks + i * scratch_.task_floats};
  }

  void run_task(const RunContext& context, const Task& t) const {
    const int64_t length = length_of(context, t.b);
    auto* y = output(context, 0);
    for (int64_t i = 0; i < length; ++i) {
      const int64_t step = op_.backward(t.direction) ? length - 1 - i : i;
      if (op_.cell == Cell::gru) advance_gru(context, t, step);
      else advance(context, t, step);
      for (int64_t r = 0; y && r < t.rows; ++r)
        std::copy_n(t.h + r * layout_.unit, op_.hidden, y + op_.y_offset(step, t.direction, t.b + r));
    }
  }

  float* gates(const Task& t, int64_t step, int64_t r) const {
    return t.projections + op_.row(step, t.b + r) * layout_.columns;
  }
  const GateFunction& function(const Task& t, int64_t i) const {
    return op_.functions[static_cast<size_t>(t.direction * function_count(op_.cell) + i)];
  }
  void activate(const GateFunction& f, float* values, int64_t n) const {
    if (clip_.function) clip_(values, n);
    f(values, n);
  }

  // Rows of `state` times columns of R from `column` on: added to `out`, or stored there.
  void multiply_state(const RunContext& context, const Task& t, const float* state, int64_t column, int64_t columns,
                      bool accumulate, float* out, int64_t out_stride) const {
    const int64_t first = column / layout_.r.width, width = layout_.r.width, panels = columns / width;
    const float* matrix = t.weights + layout_.r_at;
    GemmTile tile;
    tile.a = t.scratch;
    tile.b_stride = ops_.tile_columns;
    tile.c_stride = static_cast<size_t>(out_stride);
    tile.k = static_cast<size_t>(op_.hidden);
    tile.rows = static_cast<size_t>(t.rows);
    tile.accumulate = accumulate;
    if (t.rows > 1)
      pack_panel(state, layout_.unit, 1, t.rows, static_cast<int64_t>(ops_.tile_rows), op_.hidden, 1.0f, t.scratch);
    const auto part = [&](int64_t begin, int64_t end, uint32_t) {
      GemmTile mine = tile;
      for (int64_t panel = begin; panel < end; ++panel) {
        mine.b = matrix + layout_.r.offset(first + panel, 0);
        mine.c = out + panel * width;
        if (t.rows > 1) ops_.tile(mine);
        else ops_.vector_panel(state, mine.b, mine.b_stride, mine.k, accumulate, mine.c);
      }
    };
    if (split_steps_) parallel_ranges(context.threads, panels, kStepToSplit / 4 / (width * op_.hidden) + 1, part);
    else part(0, panels, 0);
  }

  int64_t row_stride() const { return (op_.batch_first ? op_.steps : 1) * layout_.columns; }

  void advance(const RunContext& context, const Task& t, int64_t step) const {
    multiply_state(context, t, t.h, 0, layout_.columns, true, gates(t, step, 0), row_stride());
    for (int64_t r = 0; r < t.rows; ++r) {
      float *g = gates(t, step, r), *h = t.h + r * layout_.unit;
      if (op_.cell == Cell::lstm) {
        finish_lstm(t, g, t.c + r * layout_.unit, h);
      } else {
        activate(function(t, 0), g, layout_.unit);
        std::copy_n(g, layout_.unit, h);
      }
    }
  }

  // Gates stand in ONNX's order: input, output, forget, cell.
  void finish_lstm(const Task& t, float* g, float* c, float* h) const {
    const int64_t unit = layout_.unit;
    const auto n = static_cast<size_t>(unit);
    float *o = g + unit, *f = g + 2 * unit, *candidate = g + 3 * unit;
    const float* p = t.weights + layout_.peepholes_at;
    if (peepholes_) {
      gate_ops_.multiply_add(g, p, c, g, n);
      gate_ops_.multiply_add(f, p + 2 * unit, c, f, n);
      activate(function(t, 0), g, unit);
      activate(function(t, 0), f, unit);
    } else {
      activate(function(t, 0), g, 3 * unit);
    }
    activate(function(t, 1), candidate, unit);
    if (op_.input_forget)
      for (int64_t i = 0; i < unit; ++i) f[i] = 1 - g[i];
    gate_ops_.cell_state(g, f, candidate, c, n);
    if (peepholes_) {
      gate_ops_.multiply_add(o, p + unit, c, o, n);
      activate(function(t, 0), o, unit);
    }
    std::copy_n(c, unit, candidate);
    function(t, 2)(candidate, unit);
    gate_ops_.multiply(o, candidate, h, n);
  }

  // Gates stand in ONNX's order: update, reset, hidden.
  void advance_gru(const RunContext& context, const Task& t, int64_t step) const {
    const int64_t unit = layout_.unit, first = 2 * unit, last = layout_.columns - first;
    const auto n = static_cast<size_t>(unit);
    float* rows = t.scratch + op_.hidden * static_cast<int64_t>(ops_.tile_rows);
    multiply_state(context, t, t.h, 0, first, true, gates(t, step, 0), row_stride());
    if (op_.linear_before_reset) multiply_state(context, t, t.h, first, last, false, rows, gate_floats_);
    for (int64_t r = 0; r < t.rows; ++r) {
      float *g = gates(t, step, r), *reset = g + unit;
      activate(function(t, 0), g, first);
      if (op_.linear_before_reset)
        gate_ops_.add_reset(g + first, reset, rows + r * gate_floats_, t.weights + layout_.state_bias_at, g + first, n);
      else gate_ops_.multiply(reset, t.h + r * unit, rows + r * unit, n);
    }
    if (!op_.linear_before_reset)
      multiply_state(context, t, rows, first, last, true, gates(t, step, 0) + first, row_stride());
    for (int64_t r = 0; r < t.rows; ++r) {
      float* g = gates(t, step, r);
      activate(function(t, 1), g + first, unit);
      gate_ops_.mix(g, g + first, t.h + r * unit, n);
    }
  }

  Recurrence op_;
  const GemmOps& ops_;
  const GateOps& gate_ops_;
  WeightLayout layout_;
  PanelLayout x_;
  Split split_{};
  GateFunction clip_;
  DataType length_type_ = DataType::undefined;
  bool constant_weights_ = false, peepholes_ = false, split_steps_ = false;
  size_t inputs_ = 0, outputs_ = 0;
  int64_t task_rows_ = 1, row_tasks_ = 1, gate_floats_ = 0;
  Scratch scratch_;
  std::vector<float> packed_;
};

}  // namespace

std::unique_ptr<Kernel> make_recurrent(const NodeView& node, const Recurrence& op, const PrepareContext& context) {
  return std::make_unique<Recurrent>(node, op, context);
}

}  // namespace motley::cpu
