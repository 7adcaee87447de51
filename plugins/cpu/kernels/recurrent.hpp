// LSTM, GRU and RNN: what a node asks for, and how its weights lie once packed.
#pragma once

#include <array>
#include <memory>

#include "kernels/gemm.hpp"
#include "kernels/unary_simd.hpp"
#include "support.hpp"

namespace motley::cpu {

enum class Cell { lstm, gru, rnn };

constexpr int64_t gate_count(Cell cell) { return cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1; }
constexpr int64_t function_count(Cell cell) { return cell == Cell::lstm ? 3 : cell == Cell::gru ? 2 : 1; }

// Inputs stand at the same places in all three ops.
enum RecurrentInput : size_t { kX, kW, kR, kB, kLengths, kInitialH, kInitialC, kPeepholes };

// A function of one gate, in the instruction set chosen when it was made.
struct GateFunction {
  UnaryFn function = nullptr;
  float alpha = 0, beta = 0;

  void operator()(float* values, int64_t n) const { function(values, values, static_cast<size_t>(n), alpha, beta); }
};

struct Recurrence {
  Cell cell = Cell::lstm;
  int64_t steps = 0, batch = 0, inputs = 0, hidden = 0, directions = 1;
  bool batch_first = false, reverse = false, input_forget = false, linear_before_reset = false;
  float clip = 0;
  std::array<GateFunction, 6> functions{};  // by direction, in ONNX's order

  int64_t gates() const { return gate_count(cell); }
  int64_t rows() const { return steps * batch; }
  bool backward(int64_t direction) const { return reverse || direction == 1; }
  // Row of X as a matrix of rows of `inputs`.
  int64_t row(int64_t step, int64_t b) const { return batch_first ? b * steps + step : step * batch + b; }
  int64_t y_offset(int64_t step, int64_t d, int64_t b) const {
    return (batch_first ? (b * steps + step) * directions + d : (step * directions + d) * batch + b) * hidden;
  }
  int64_t state_offset(int64_t d, int64_t b) const {
    return (batch_first ? b * directions + d : d * batch + b) * hidden;
  }
  Shape x_shape() const { return batch_first ? Shape({batch, steps, inputs}) : Shape({steps, batch, inputs}); }
  Shape y_shape() const {
    return batch_first ? Shape({batch, steps, directions, hidden}) : Shape({steps, directions, batch, hidden});
  }
  Shape state_shape() const {
    return batch_first ? Shape({batch, directions, hidden}) : Shape({directions, batch, hidden});
  }
};

// Reads and checks a node; throws StatusError(MOTLEY_UNSUPPORTED) with the reason where it can't run here.
Recurrence read_recurrence(const NodeView& node, Cell cell);

// One direction's weights as one block of floats. Gates are columns, each padded to whole vectors, so that no gate
// shares a vector with another and every loop runs over whole vectors; padding is zero. One gate takes `unit` columns.
struct WeightLayout {
  int64_t unit = 0, columns = 0;
  PanelLayout w, r;
  int64_t r_at = 0, bias_at = 0, state_bias_at = 0, peepholes_at = 0, floats = 0;

  WeightLayout() = default;
  WeightLayout(const Recurrence& op, const GemmOps& ops);
  // From ONNX's tensors at this direction; b and p may be null.
  void pack(const Recurrence& op, const float* w_in, const float* r_in, const float* b, const float* p,
            float* out) const;

 private:
  void pack_matrix(const Recurrence& op, const PanelLayout& layout, const float* in, float* out) const;
};

std::unique_ptr<Kernel> make_recurrent(const NodeView& node, const Recurrence& op, const PrepareContext& context);

}  // namespace motley::cpu
