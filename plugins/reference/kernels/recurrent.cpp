// LSTM, GRU and RNN over a sequence, forward, reverse or both, as ONNX defines them; computed in double.
#include "functions.hpp"
#include "indexing.hpp"
#include "kernels.hpp"

namespace motley::reference {

namespace {

enum class Cell { lstm, gru, rnn };

// How many gates a cell has, and how many activation functions.
int64_t gate_count(Cell cell) { return cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1; }
size_t function_count(Cell cell) { return cell == Cell::lstm ? 3 : cell == Cell::gru ? 2 : 1; }

// Inputs stand at the same places in all three.
enum Input : size_t { kX, kW, kR, kB, kLengths, kInitialH, kInitialC, kPeepholes };

struct Sizes {
  int64_t steps = 0, batch = 0, inputs = 0, hidden = 0, directions = 1, gates = 0;
  bool batch_first = false, reverse = false;

  int64_t x_offset(int64_t step, int64_t b) const {
    return (batch_first ? b * steps + step : step * batch + b) * inputs;
  }
  int64_t y_offset(int64_t step, int64_t d, int64_t b) const {
    return (batch_first ? (b * steps + step) * directions + d : (step * directions + d) * batch + b) * hidden;
  }
  int64_t state_offset(int64_t d, int64_t b) const {
    return (batch_first ? b * directions + d : d * batch + b) * hidden;
  }
  Shape x_shape() const { return batch_first ? Shape{batch, steps, inputs} : Shape{steps, batch, inputs}; }
  Shape y_shape() const {
    return batch_first ? Shape{batch, steps, directions, hidden} : Shape{steps, directions, batch, hidden};
  }
  Shape state_shape() const {
    return batch_first ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
  }
};

Sizes read_sizes(const NodeView& node, Cell cell) {
  const auto& attributes = node.attributes<schema::RecurrentAttributes>();
  const Shape &x = node.input(kX)->shape, &r = node.input(kR)->shape;
  require(x.rank() == 3 && r.rank() == 3, "input and recurrence weights must have three dimensions");
  require(attributes.direction() <= 2, "unknown direction");
  Sizes s;
  s.batch_first = attributes.layout();
  s.steps = x[s.batch_first ? 1 : 0];
  s.batch = x[s.batch_first ? 0 : 1];
  s.inputs = x[2];
  s.hidden = r[2];
  s.directions = attributes.direction() == 2 ? 2 : 1;
  s.reverse = attributes.direction() == 1;
  s.gates = gate_count(cell);
  require(attributes.hidden_size() == 0 || attributes.hidden_size() == s.hidden,
          "hidden_size does not fit the weights");
  return s;
}

struct Functions {
  std::vector<Activation> list;  // per direction, in ONNX's order
  double clip = 0;

  double apply(size_t i, double x) const { return list[i](clip > 0 ? std::clamp(x, -clip, clip) : x); }
};

// A function with its scaling values, from lists of one value per function; an empty list stands for ONNX's defaults.
Activation make_function(UnaryFunction f, const flatbuffers::Vector<float>* alphas,
                         const flatbuffers::Vector<float>* betas, uint32_t i) {
  require(is_real_function(f), "this activation is not supported");
  Activation a;
  a.function = f;
  if (f == UnaryFunction::leaky_relu) a.alpha = 0.01f;
  if (f == UnaryFunction::thresholded_relu || f == UnaryFunction::elu) a.alpha = 1;
  if (f == UnaryFunction::hard_sigmoid) a.alpha = 0.2f, a.beta = 0.5f;
  if (alphas && alphas->size() > 0) a.alpha = alphas->Get(i);
  if (betas && betas->size() > 0) a.beta = betas->Get(i);
  return a;
}

Functions read_functions(const NodeView& node, Cell cell, int64_t directions) {
  const auto& attributes = node.attributes<schema::RecurrentAttributes>();
  const size_t per_direction = function_count(cell), count = per_direction * static_cast<size_t>(directions);
  std::vector<UnaryFunction> names;
  if (const auto* given = attributes.activations(); given && given->size() > 0) {
    for (size_t i = 0; i < given->size(); ++i)
      names.push_back(static_cast<UnaryFunction>(given->Get(static_cast<uint32_t>(i))));
    require(names.size() == count, "activations do not have one function per gate and direction");
  } else {
    for (size_t i = 0; i < count; ++i)
      names.push_back(i % per_direction == 0 && cell != Cell::rnn ? UnaryFunction::sigmoid : UnaryFunction::tanh);
  }
  for (const auto* list : {attributes.activation_alpha(), attributes.activation_beta()})
    require(!list || list->size() == 0 || list->size() == count,
            "scaling values do not have one number per activation");
  Functions functions;
  for (uint32_t i = 0; i < count; ++i)
    functions.list.push_back(make_function(names[i], attributes.activation_alpha(), attributes.activation_beta(), i));
  functions.clip = attributes.clip();
  return functions;
}

template <Cell cell>
void check(const NodeView& node) {
  check_arity(node, {3, cell == Cell::lstm ? 8u : 6u, 0, cell == Cell::lstm ? 3u : 2u});
  const TensorView& x = *node.input(kX);
  check_type(x, is_real, "input 0");
  const Sizes s = read_sizes(node, cell);
  const int64_t rows = s.gates * s.hidden;
  check_shape(*node.input(kW), Shape{s.directions, rows, s.inputs}, "W");
  check_shape(*node.input(kR), Shape{s.directions, rows, s.hidden}, "R");
  if (node.input(kB)) check_shape(*node.input(kB), Shape{s.directions, 2 * rows}, "B");
  if (node.input(kInitialH)) check_shape(*node.input(kInitialH), s.state_shape(), "initial_h");
  if (node.input(kInitialC)) check_shape(*node.input(kInitialC), s.state_shape(), "initial_c");
  if (node.input(kPeepholes)) check_shape(*node.input(kPeepholes), Shape{s.directions, 3 * s.hidden}, "P");
  for (size_t i = kW; i < node.input_count(); ++i)
    if (i != kLengths && node.input(i)) check_same_type(x, *node.input(i));
  if (const TensorView* lengths = node.input(kLengths)) {
    check_type(*lengths, is_index, "sequence_lens");
    check_shape(*lengths, Shape{s.batch}, "sequence_lens");
  }
  for (size_t i = 0; i < node.output_count(); ++i) {
    if (!node.output(i)) continue;
    check_same_type(x, *node.output(i));
    check_shape(*node.output(i), i == 0 ? s.y_shape() : s.state_shape(), "an output");
  }
  read_functions(node, cell, s.directions);
}

// A tensor as doubles; empty where it is absent.
std::vector<double> load(const void* data, DataType type, int64_t count) {
  std::vector<double> values;
  if (count == 0) return values;
  with_real(type, [&](auto t) {
    const auto* items = static_cast<const typename decltype(t)::type*>(data);
    for (int64_t i = 0; i < count; ++i) values.push_back(real(items[i]));
  });
  return values;
}
void store(const std::vector<double>& values, void* data, DataType type) {
  with_real(type, [&](auto t) {
    using T = typename decltype(t)::type;
    for (size_t i = 0; i < values.size(); ++i) static_cast<T*>(data)[i] = static_cast<T>(values[i]);
  });
}

double dot(const double* a, const double* b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

// One direction's weights. Gates are in ONNX's order: i o f c, z r h, or i.
struct Weights {
  const double *w, *r, *b, *p;  // b and p may be null
  int64_t inputs, hidden, gates;

  double from_input(int64_t gate, int64_t unit, const double* x) const {
    const int64_t row = gate * hidden + unit;
    return dot(w + row * inputs, x, inputs) + (b ? b[row] : 0);
  }
  double from_state(int64_t gate, int64_t unit, const double* h) const {
    const int64_t row = gate * hidden + unit;
    return dot(r + row * hidden, h, hidden) + (b ? b[gates * hidden + row] : 0);
  }
  double gate(int64_t gate, int64_t unit, const double* x, const double* h) const {
    return from_input(gate, unit, x) + from_state(gate, unit, h);
  }
  double peephole(int64_t which, int64_t unit, double c) const { return p ? p[which * hidden + unit] * c : 0; }
};

struct RecurrentKernel final : Kernel {
  Cell cell;
  DataType type, length_type = DataType::int32;
  Sizes s;
  Functions functions;
  bool input_forget, linear_before_reset;
  std::array<int64_t, 8> counts{};  // elements by input, 0 for absent ones
  std::array<bool, 3> wanted{};

  // Each of these advances state h (and c) of one batch element by one step. `f` is its direction's first function.
  void lstm(const Weights& w, size_t f, const double* x, double* h, double* c) const {
    std::vector<double> next(static_cast<size_t>(s.hidden));
    for (int64_t u = 0; u < s.hidden; ++u) {
      const double i = functions.apply(f, w.gate(0, u, x, h) + w.peephole(0, u, c[u]));
      const double forget = input_forget ? 1 - i : functions.apply(f, w.gate(2, u, x, h) + w.peephole(2, u, c[u]));
      c[u] = forget * c[u] + i * functions.apply(f + 1, w.gate(3, u, x, h));
      const double o = functions.apply(f, w.gate(1, u, x, h) + w.peephole(1, u, c[u]));
      next[static_cast<size_t>(u)] = o * functions.list[f + 2](c[u]);
    }
    std::copy(next.begin(), next.end(), h);
  }
  void gru(const Weights& w, size_t f, const double* x, double* h, double*) const {
    std::vector<double> z, reset_h, next;
    std::vector<double> reset;
    for (int64_t u = 0; u < s.hidden; ++u) {
      z.push_back(functions.apply(f, w.gate(0, u, x, h)));
      reset.push_back(functions.apply(f, w.gate(1, u, x, h)));
      reset_h.push_back(reset.back() * h[u]);
    }
    for (int64_t u = 0; u < s.hidden; ++u) {
      const auto i = static_cast<size_t>(u);
      const double from_state =
          linear_before_reset ? reset[i] * w.from_state(2, u, h) : w.from_state(2, u, reset_h.data());
      next.push_back((1 - z[i]) * functions.apply(f + 1, w.from_input(2, u, x) + from_state) + z[i] * h[u]);
    }
    std::copy(next.begin(), next.end(), h);
  }
  void rnn(const Weights& w, size_t f, const double* x, double* h, double*) const {
    std::vector<double> next;
    for (int64_t u = 0; u < s.hidden; ++u) next.push_back(functions.apply(f, w.gate(0, u, x, h)));
    std::copy(next.begin(), next.end(), h);
  }

  int64_t length_of(const RunContext& c, int64_t b) const {
    if (counts[kLengths] == 0) return s.steps;
    const int64_t length = index_at(c.inputs[kLengths], length_type, b);
    if (length < 0 || length > s.steps)
      throw StatusError(MOTLEY_INVALID_ARGUMENT, "sequence_lens has a length (" + std::to_string(length) +
                                                     ") that the input's " + std::to_string(s.steps) +
                                                     " steps do not have; pass lengths within them");
    return length;
  }

  void run(const RunContext& c) const override {
    std::array<std::vector<double>, 8> in;
    for (size_t i = 0; i < in.size(); ++i)
      if (i != kLengths) in[i] = load(counts[i] ? c.inputs[i] : nullptr, type, counts[i]);
    // Steps after a sequence's end give zeros.
    std::vector<double> y(wanted[0] ? static_cast<size_t>(s.y_shape().elements()) : 0);
    std::vector<double> h(static_cast<size_t>(s.state_shape().elements())), state(h.size());
    if (counts[kInitialH]) h = in[kInitialH];
    if (counts[kInitialC]) state = in[kInitialC];
    for (int64_t d = 0; d < s.directions; ++d) {
      const int64_t rows = s.gates * s.hidden;
      const Weights w{in[kW].data() + d * rows * s.inputs,
                      in[kR].data() + d * rows * s.hidden,
                      counts[kB] ? in[kB].data() + d * 2 * rows : nullptr,
                      counts[kPeepholes] ? in[kPeepholes].data() + d * 3 * s.hidden : nullptr,
                      s.inputs,
                      s.hidden,
                      s.gates};
      for (int64_t b = 0; b < s.batch; ++b) run_sequence(c, w, d, b, in[kX], h, state, y);
    }
    if (wanted[0]) store(y, c.outputs[0], type);
    if (wanted[1]) store(h, c.outputs[1], type);
    if (wanted[2]) store(state, c.outputs[2], type);
  }
  void run_sequence(const RunContext& c, const Weights& w, int64_t d, int64_t b, const std::vector<double>& x,
                    std::vector<double>& h, std::vector<double>& state, std::vector<double>& y) const {
    const int64_t length = length_of(c, b), at = s.state_offset(d, b);
    const size_t f = static_cast<size_t>(d) * function_count(cell);
    for (int64_t i = 0; i < length; ++i) {
      const int64_t step = s.reverse || d == 1 ? length - 1 - i : i;
      const double* x_now = x.data() + s.x_offset(step, b);
      const auto advance = cell == Cell::lstm  ? &RecurrentKernel::lstm
                           : cell == Cell::gru ? &RecurrentKernel::gru
                                               : &RecurrentKernel::rnn;
      (this->*advance)(w, f, x_now, h.data() + at, state.data() + at);
      if (wanted[0]) std::copy_n(h.begin() + at, s.hidden, y.begin() + s.y_offset(step, d, b));
    }
  }
  std::string_view name() const override { return cell == Cell::lstm ? "lstm" : cell == Cell::gru ? "gru" : "rnn"; }
};

template <Cell cell>
std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const auto& attributes = node.attributes<schema::RecurrentAttributes>();
  auto kernel = std::make_unique<RecurrentKernel>();
  kernel->cell = cell;
  kernel->type = node.input(kX)->type;
  kernel->s = read_sizes(node, cell);
  kernel->functions = read_functions(node, cell, kernel->s.directions);
  kernel->input_forget = attributes.input_forget();
  kernel->linear_before_reset = attributes.linear_before_reset();
  for (size_t i = 0; i < kernel->counts.size(); ++i)
    if (node.input(i)) kernel->counts[i] = node.input(i)->elements();
  if (node.input(kLengths)) kernel->length_type = node.input(kLengths)->type;
  for (size_t i = 0; i < 3; ++i) kernel->wanted[i] = node.output(i) != nullptr;
  return kernel;
}

}  // namespace

KernelEntry lstm_kernel() { return entry<check<Cell::lstm>>(Op::LSTM, prepare<Cell::lstm>); }
KernelEntry gru_kernel() { return entry<check<Cell::gru>>(Op::GRU, prepare<Cell::gru>); }
KernelEntry rnn_kernel() { return entry<check<Cell::rnn>>(Op::RNN, prepare<Cell::rnn>); }

}  // namespace motley::reference
