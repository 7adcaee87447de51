// LSTM, GRU and RNN.
#include "graph/infer/dims.hpp"
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

namespace {

// X, W, R, B, sequence_lens, initial_h, initial_c, P -> Y, Y_h, Y_c. `gates` per cell: 4, 3 or 1.
void recurrent(Context& c, int64_t gates) {
  const auto& a = c.attributes<schema::RecurrentAttributesT>();
  c.require_type(0, kFloat, "the input");
  for (size_t i = 0; i < 3; ++i) {
    c.require_same_type(i);
    c.require_rank(i, 3, i == 0 ? "the input" : i == 1 ? "the weights" : "the recurrence weights");
  }
  if (a.direction > 2) c.fail("direction (%) is not 0 to 2", {a.direction});
  if (a.hidden_size < 0) c.fail("hidden_size (%) is negative", {a.hidden_size});
  Dim hidden = a.hidden_size > 0 ? Dim(a.hidden_size) : Dim();
  if (c.shape(2)) hidden = unify(c, hidden, (*c.shape(2))[2], "hidden_size and the recurrence weights' last dimension");
  const Dim directions(a.direction == 2 ? 2 : 1), rows = multiply(c, hidden, Dim(gates));

  Dim sequence, batch, input;
  if (c.shape(0)) {
    sequence = (*c.shape(0))[a.layout ? 1 : 0];
    batch = (*c.shape(0))[a.layout ? 0 : 1];
    input = (*c.shape(0))[2];
  }
  c.require_shape(1, Dims{directions, rows, input}, "the weights");
  c.require_shape(2, Dims{directions, rows, hidden}, "the recurrence weights");
  if (c.has(3)) c.require_shape(3, Dims{directions, multiply(c, rows, Dim(2))}, "the bias");
  if (c.has(4)) {
    c.require_index_type(4, "the sequence lengths");
    c.require_shape(4, Dims{batch}, "the sequence lengths");
  }
  const Dims state = a.layout ? Dims{batch, directions, hidden} : Dims{directions, batch, hidden};
  if (c.has(5)) c.require_shape(5, state, "the initial hidden state");
  if (c.has(6)) c.require_shape(6, state, "the initial cell state");
  if (c.has(7)) c.require_shape(7, Dims{directions, multiply(c, hidden, Dim(3))}, "the peephole weights");

  c.set(0, c.type(0), a.layout ? Dims{batch, sequence, directions, hidden} : Dims{sequence, directions, batch, hidden});
  c.set(1, c.type(0), state);
  c.set(2, c.type(0), state);
}

}  // namespace

void lstm(Context& c) { recurrent(c, 4); }
void gru(Context& c) { recurrent(c, 3); }
void rnn(Context& c) { recurrent(c, 1); }

}  // namespace motley::graph::infer
