// LSTM, GRU, RNN: a launch per step (a GRU that resets first takes two), all directions at once.
#include <algorithm>

#include "checks.hpp"

namespace motley::gpu {

namespace {

using schema::UnaryFunction;

enum Input : size_t { kX, kW, kR, kB, kLengths, kInitialH, kInitialC, kPeepholes };

int32_t cell_of(Op op) { return op == Op::LSTM ? 0 : op == Op::GRU ? 1 : 2; }

void check(const NodeView& node, const Capabilities&) {
  require_type(*node.input(kX), {DataType::float32}, "input 0");
  if (node.input(kLengths)) require_type(*node.input(kLengths), {DataType::int32}, "sequence_lens");
  // Launches are listed when compiled; sequences of very many steps would make long lists.
  const auto& a = node.attributes<schema::RecurrentAttributes>();
  require(node.input(kX)->shape[a.layout() ? 1 : 0] <= 4096, "more than 4096 steps");
}

// The functions of all directions with their scaling values, ONNX's defaults where none are given.
struct Functions {
  std::array<int32_t, 6> function{};
  std::array<float, 6> alpha{}, beta{};
};
Functions functions_of(const schema::RecurrentAttributes& a, int32_t cell, int64_t directions) {
  constexpr std::array<size_t, 3> kPerDirection{3, 2, 1};
  const size_t per = kPerDirection[static_cast<size_t>(cell)], count = per * static_cast<size_t>(directions);
  Functions f;
  for (size_t i = 0; i < count; ++i) {
    UnaryFunction name = i % per == 0 && cell != 2 ? UnaryFunction::sigmoid : UnaryFunction::tanh;
    const auto at = static_cast<uint32_t>(i);
    if (a.activations() && a.activations()->size() > 0) name = static_cast<UnaryFunction>(a.activations()->Get(at));
    f.function[i] = static_cast<int32_t>(name);
    if (name == UnaryFunction::leaky_relu) f.alpha[i] = 0.01f;
    if (name == UnaryFunction::thresholded_relu || name == UnaryFunction::elu) f.alpha[i] = 1;
    if (name == UnaryFunction::hard_sigmoid) f.alpha[i] = 0.2f, f.beta[i] = 0.5f;
    if (a.activation_alpha() && a.activation_alpha()->size() > 0) f.alpha[i] = a.activation_alpha()->Get(at);
    if (a.activation_beta() && a.activation_beta()->size() > 0) f.beta[i] = a.activation_beta()->Get(at);
  }
  return f;
}

void fill_zero(Emitter& e, const Operand& to, int64_t count) {
  Call call = elementwise(e, "fill.u32", count);
  call.params = Params(count, 0, 0);
  call.uses = {out(to)};
  e.launch(std::move(call));
}

void emit(Emitter& e) {
  const auto& a = e.node.attributes<schema::RecurrentAttributes>();
  const Shape &x = e.node.input(kX)->shape, &r = e.node.input(kR)->shape;
  const int32_t cell = cell_of(e.node.op());
  const int64_t steps = x[a.layout() ? 1 : 0], batch = x[a.layout() ? 0 : 1], hidden = r[2];
  const int64_t directions = a.direction() == 2 ? 2 : 1, items = directions * batch * hidden;
  const auto bytes = static_cast<uint64_t>(items) * sizeof(float);
  std::array<Operand, 2> h{e.scratch(bytes), e.scratch(bytes)};
  const Operand c = e.scratch(bytes), aux = e.scratch(2 * bytes);
  const auto start = [&](const Operand& state, size_t input) {
    if (e.has_input(input)) emit_bytes_copy(e, e.input(input), state, items, DataType::float32);
    else fill_zero(e, state, items);
  };
  start(h[0], kInitialH);
  if (cell == 0) start(c, kInitialC);
  if (e.has_output(0) && e.has_input(kLengths)) fill_zero(e, e.output(0), e.node.output(0)->elements());

  const Functions f = functions_of(a, cell, directions);
  const bool two = cell == 1 && !a.linear_before_reset();
  const auto or_x = [&](size_t i) { return in(e.input(e.has_input(i) ? i : size_t{kX})); };
  size_t now = 0;
  for (int64_t step = 0; step < steps; ++step) {
    for (int32_t phase = 0; phase < (two ? 2 : 1); ++phase) {
      Call call = elementwise(e, "recurrent", items);
      call.group[0] = std::min(call.group[0], e.device.device_class == DeviceClass::cpu ? 8u : 64u);
      call.groups[0] = groups_for(items, call.group[0]);
      call.constants = {cell, e.has_input(kB) ? 1 : 0, e.has_input(kLengths) ? 1 : 0, cell == 0 && e.has_input(kPeepholes) ? 1 : 0,
                        e.has_output(0) ? 1 : 0, phase, a.linear_before_reset() ? 1 : 0, a.input_forget() ? 1 : 0};
      call.params = Params(step, steps, batch, x[2], hidden, directions, a.direction() == 1 ? 1 : 0, a.layout() ? 1 : 0, a.clip());
      for (int32_t v : f.function) call.params.add(v);
      for (float v : f.alpha) call.params.add(v);
      for (float v : f.beta) call.params.add(v);
      call.uses = {in(e.input(kX)), in(e.input(kW)), in(e.input(kR)), or_x(kB), or_x(kLengths),
                   or_x(cell == 0 ? size_t{kPeepholes} : size_t{kX}), in(h[now]), out(h[1 - now]), out(c), out(aux),
                   out(e.has_output(0) ? e.output(0) : aux)};
      call.operations = 8.0 * static_cast<double>(items) * static_cast<double>(x[2] + hidden);
      e.launch(std::move(call));
    }
    now = 1 - now;
  }
  if (e.has_output(1)) emit_bytes_copy(e, h[now], e.output(1), items, DataType::float32);
  if (cell == 0 && e.has_output(2)) emit_bytes_copy(e, c, e.output(2), items, DataType::float32);
}

}  // namespace

const std::vector<OpEntry>& recurrent_ops() {
  static const auto* table = new std::vector<OpEntry>{op<reference::lstm_kernel, check>(emit), op<reference::gru_kernel, check>(emit),
                                                      op<reference::rnn_kernel, check>(emit)};
  return *table;
}

}  // namespace motley::gpu
