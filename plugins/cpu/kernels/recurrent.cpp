// LSTM, GRU and RNN: what is supported, and packing of weights.
#include "kernels/recurrent.hpp"

#include "kernels/kernels.hpp"

namespace motley::cpu {

namespace {

using schema::UnaryFunction;

// Projections of all steps are kept at once; beyond this a network is no longer one to run in one go.
constexpr int64_t kMostFloats = int64_t{1} << 31;

GateFunction gate_function(UnaryFunction f, const flatbuffers::Vector<float>* alphas,
                           const flatbuffers::Vector<float>* betas, uint32_t i) {
  GateFunction g;
  g.function = unary_simd(f);
  require(g.function != nullptr, std::string("activation ") + schema::EnumNameUnaryFunction(f) + " not supported");
  // ONNX's defaults, where the node lists none.
  if (f == UnaryFunction::leaky_relu) g.alpha = 0.01f;
  if (f == UnaryFunction::thresholded_relu || f == UnaryFunction::elu) g.alpha = 1;
  if (f == UnaryFunction::hard_sigmoid) g.alpha = 0.2f, g.beta = 0.5f;
  if (alphas && alphas->size() > 0) g.alpha = alphas->Get(i);
  if (betas && betas->size() > 0) g.beta = betas->Get(i);
  return g;
}

void read_functions(Recurrence& op, const schema::RecurrentAttributes& attributes) {
  const auto each = static_cast<uint32_t>(function_count(op.cell)), count = each * static_cast<uint32_t>(op.directions);
  const auto* names = attributes.activations();
  for (const auto* list : {attributes.activation_alpha(), attributes.activation_beta()})
    require(!list || list->size() == 0 || list->size() == count,
            "scaling values do not have one number per activation");
  const bool given = names && names->size() > 0;
  require(!given || names->size() == count, "activations do not have one function per gate and direction");
  for (uint32_t i = 0; i < count; ++i) {
    const bool gate = i % each == 0 && op.cell != Cell::rnn;
    const UnaryFunction f = given  ? static_cast<UnaryFunction>(names->Get(i))
                            : gate ? UnaryFunction::sigmoid
                                   : UnaryFunction::tanh;
    op.functions[i] = gate_function(f, attributes.activation_alpha(), attributes.activation_beta(), i);
  }
}

void check_inputs(const NodeView& node, const Recurrence& op) {
  const int64_t rows = op.gates() * op.hidden, d = op.directions;
  check_shape(*node.input(kW), Shape({d, rows, op.inputs}), "W");
  check_shape(*node.input(kR), Shape({d, rows, op.hidden}), "R");
  if (node.input(kB)) check_shape(*node.input(kB), Shape({d, 2 * rows}), "B");
  if (node.input(kInitialH)) check_shape(*node.input(kInitialH), op.state_shape(), "initial_h");
  if (node.input(kInitialC)) check_shape(*node.input(kInitialC), op.state_shape(), "initial_c");
  if (node.input(kPeepholes)) check_shape(*node.input(kPeepholes), Shape({d, 3 * op.hidden}), "P");
  for (size_t i = 0; i < node.input_count(); ++i)
    if (i != kLengths && node.input(i)) check_type(*node.input(i), DataType::float32, "an input");
  if (const TensorView* lengths = node.input(kLengths)) {
    require(lengths->type == DataType::int32 || lengths->type == DataType::int64, "sequence_lens are not integers");
    check_shape(*lengths, Shape({op.batch}), "sequence_lens");
  }
}

void check_outputs(const NodeView& node, const Recurrence& op) {
  const size_t most = op.cell == Cell::lstm ? 3 : 2;
  for (size_t i = 0; i < node.output_count(); ++i) {
    if (!node.output(i)) continue;
    require(i < most, "output " + std::to_string(i) + " is not known to this op");
    check_type(*node.output(i), DataType::float32, "an output");
    check_shape(*node.output(i), i == 0 ? op.y_shape() : op.state_shape(), "an output");
  }
}

template <Cell cell>
void check(const NodeView& node) {
  read_recurrence(node, cell);
}

template <Cell cell>
std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext& context) {
  return make_recurrent(node, read_recurrence(node, cell), context);
}

}  // namespace

Recurrence read_recurrence(const NodeView& node, Cell cell) {
  const size_t most = cell == Cell::lstm ? 8 : 6;
  for (size_t i = 0; i < 3; ++i) require(node.input(i) != nullptr, "input " + std::to_string(i) + " is missing");
  for (size_t i = most; i < node.input_count(); ++i)
    require(node.input(i) == nullptr, "input " + std::to_string(i) + " is not known to this op");
  const auto& attributes = node.attributes<schema::RecurrentAttributes>();
  const Shape &x = node.input(kX)->shape, &r = node.input(kR)->shape;
  require(x.rank() == 3 && r.rank() == 3, "input and recurrence weights must have three dimensions");
  require(attributes.direction() <= 2, "unknown direction");
  Recurrence op;
  op.cell = cell;
  op.batch_first = attributes.layout();
  op.steps = x[op.batch_first ? 1u : 0u];
  op.batch = x[op.batch_first ? 0u : 1u];
  op.inputs = x[2];
  op.hidden = r[2];
  op.directions = attributes.direction() == 2 ? 2 : 1;
  op.reverse = attributes.direction() == 1;
  op.input_forget = attributes.input_forget();
  op.linear_before_reset = attributes.linear_before_reset();
  op.clip = attributes.clip();
  require(attributes.hidden_size() == 0 || attributes.hidden_size() == op.hidden,
          "hidden_size does not fit the weights");
  require(op.steps > 0 && op.batch > 0 && op.inputs > 0 && op.hidden > 0, "an empty sequence is not supported");
  require(op.hidden <= 65536 && op.inputs <= (int64_t{1} << 24), "the weights are too large");
  int64_t floats = 0;
  require(!__builtin_mul_overflow(op.steps, op.batch, &floats) &&
              !__builtin_mul_overflow(floats, op.directions * (op.gates() * (op.hidden + 128) + op.inputs), &floats) &&
              floats < kMostFloats,
          "the sequence is too long");
  check_inputs(node, op);
  check_outputs(node, op);
  read_functions(op, attributes);
  return op;
}

WeightLayout::WeightLayout(const Recurrence& op, const GemmOps& ops) {
  const auto width = static_cast<int64_t>(ops.tile_columns);
  unit = round_up(op.hidden, width / 2);
  columns = round_up(op.gates() * unit, width);
  w = {columns, op.inputs, width, std::min(op.inputs, Blocking().kc)};
  r = {columns, op.hidden, width, op.hidden};
  r_at = w.elements();
  bias_at = r_at + r.elements();
  state_bias_at = bias_at + columns;
  peepholes_at = state_bias_at + columns;
  floats = round_up(peepholes_at + 3 * unit, 16);
}

void WeightLayout::pack_matrix(const Recurrence& op, const PanelLayout& layout, const float* in, float* out) const {
  std::fill_n(out, layout.elements(), 0.0f);
  for (int64_t column = 0; column < op.gates() * unit; ++column) {
    const int64_t gate = column / unit, u = column % unit;
    if (u >= op.hidden) continue;
    const float* row = in + (gate * op.hidden + u) * layout.depth;
    const int64_t panel = column / layout.width, lane = column % layout.width;
    for (int64_t k0 = 0; k0 < layout.depth; k0 += layout.kc) {
      float* to = out + layout.offset(panel, k0) + lane;
      const int64_t depth = std::min(layout.kc, layout.depth - k0);
      for (int64_t k = 0; k < depth; ++k) to[k * layout.width] = row[k0 + k];
    }
  }
}

void WeightLayout::pack(const Recurrence& op, const float* w_in, const float* r_in, const float* b, const float* p,
                        float* out) const {
  pack_matrix(op, w, w_in, out);
  pack_matrix(op, r, r_in, out + r_at);
  std::fill(out + bias_at, out + floats, 0.0f);
  const int64_t rows = op.gates() * op.hidden;
  for (int64_t gate = 0; b && gate < op.gates(); ++gate) {
    // A reset that comes behind the product takes the product's bias with it, so that one stands apart.
    const bool apart = op.cell == Cell::gru && op.linear_before_reset && gate == 2;
    for (int64_t u = 0; u < op.hidden; ++u) {
      const int64_t row = gate * op.hidden + u;
      out[bias_at + gate * unit + u] = apart ? b[row] : b[row] + b[rows + row];
      if (apart) out[state_bias_at + u] = b[rows + row];
    }
  }
  for (int64_t i = 0; p && i < 3; ++i) std::copy_n(p + i * op.hidden, op.hidden, out + peepholes_at + i * unit);
}

KernelEntry lstm_kernel() { return entry<check<Cell::lstm>>(Op::LSTM, prepare<Cell::lstm>); }
KernelEntry gru_kernel() { return entry<check<Cell::gru>>(Op::GRU, prepare<Cell::gru>); }
KernelEntry rnn_kernel() { return entry<check<Cell::rnn>>(Op::RNN, prepare<Cell::rnn>); }

}  // namespace motley::cpu
