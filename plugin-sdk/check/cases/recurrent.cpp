// LSTM, GRU and RNN: sizes around a vector, directions, states, and each option.
#include "../cases.hpp"

namespace motley::check {

using schema::DataType;
using schema::Op;
using Input = CaseList::Input;

namespace {

struct Sizes {
  int64_t steps, batch, inputs, hidden;
};

// Which optional inputs a case has.
struct With {
  bool bias = true, states = true, peepholes = false, constant = true;
};

int64_t gates(Op op) { return op == Op::LSTM ? 4 : op == Op::GRU ? 3 : 1; }

void recurrent(CaseList& list, Op op, const Sizes& s, schema::RecurrentAttributesT a, const With& with,
               const std::string& what) {
  a.hidden_size = s.hidden;
  const int64_t d = a.direction == 2 ? 2 : 1, rows = gates(op) * s.hidden;
  const std::vector<int64_t> x =
      a.layout ? std::vector<int64_t>{s.batch, s.steps, s.inputs} : std::vector<int64_t>{s.steps, s.batch, s.inputs};
  const std::vector<int64_t> state =
      a.layout ? std::vector<int64_t>{s.batch, d, s.hidden} : std::vector<int64_t>{d, s.batch, s.hidden};
  const auto weight = [&](std::vector<int64_t> shape) {
    return Input{std::move(shape), DataType::float32, {-0.5, 0.5}, with.constant};
  };
  Input absent;
  absent.absent = true;
  std::vector<Input> inputs = {{x}, weight({d, rows, s.inputs}), weight({d, rows, s.hidden})};
  inputs.push_back(with.bias ? weight({d, 2 * rows}) : absent);
  inputs.push_back(absent);
  inputs.push_back(with.states ? Input{state} : absent);
  if (op == Op::LSTM) inputs.push_back(with.states ? Input{state} : absent);
  if (with.peepholes) inputs.push_back(weight({d, 3 * s.hidden}));
  list.add(op, std::move(a), std::move(inputs), op == Op::LSTM ? 3 : 2, shape_text(x) + what);
}

void options(CaseList& list, Op op) {
  const Sizes s{3, 2, 4, 5};
  schema::RecurrentAttributesT a;
  recurrent(list, op, s, a, {.bias = false}, ", no bias");
  recurrent(list, op, s, a, {.states = false}, ", no initial state");
  recurrent(list, op, s, a, {.constant = false}, ", computed weights");
  if (op == Op::LSTM) recurrent(list, op, s, a, {.peepholes = true}, ", peepholes");
  a.layout = true;
  recurrent(list, op, s, a, {}, ", batch first");
  a.layout = false;
  a.clip = 0.5f;
  recurrent(list, op, s, a, {}, ", clip");
  a.clip = 0;
  a.input_forget = op == Op::LSTM;
  a.linear_before_reset = op == Op::GRU;
  if (op != Op::RNN) recurrent(list, op, s, a, {}, op == Op::LSTM ? ", input_forget" : ", linear_before_reset");
  schema::RecurrentAttributesT b;
  b.activations.assign(op == Op::LSTM ? 3 : op == Op::GRU ? 2 : 1, schema::UnaryFunction::relu);
  recurrent(list, op, s, b, {}, ", relu");
}

}  // namespace

void recurrent_cases(CaseList& list) {
  for (Op op : {Op::LSTM, Op::GRU, Op::RNN}) {
    for (int64_t steps : {1, 5})
      for (int64_t batch : {1, 3})
        for (int64_t hidden : {1, 5, 17})
          for (uint8_t direction : {0, 1, 2}) {
            schema::RecurrentAttributesT a;
            a.direction = direction;
            recurrent(list, op, {steps, batch, 7, hidden}, a, {},
                      ", hidden " + std::to_string(hidden) + ", direction " + std::to_string(direction));
          }
    options(list, op);
  }
}

}  // namespace motley::check
