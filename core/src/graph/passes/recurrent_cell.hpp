// One step of an unrolled recurrent network, read out of the small nodes that an exporter made of it.
#pragma once

#include <set>
#include <vector>

#include "graph/rewrite.hpp"

namespace motley::graph {

// source · weights, where weights(k, n) = data[k * k_stride + n * n_stride]; steps share weights, not sources.
struct CellTerm {
  TensorId source = kNone;
  const float* data = nullptr;
  int64_t k_stride = 0, n_stride = 0, rows = 0;

  bool same_weights(const CellTerm& o) const {
    return data == o.data && k_stride == o.k_stride && n_stride == o.n_stride && rows == o.rows;
  }
};

// What an activation is applied to: a sum of products with constants, and a bias of one number per unit.
struct CellGate {
  std::vector<CellTerm> terms;
  std::vector<float> bias;
};

struct RecurrentCell {
  Op op = Op::LSTM;
  bool linear_before_reset = false;  // GRU: the last gate's product with the state is multiplied by the reset
  bool negated_update = false;       // GRU: the update gate is 1 - z
  int64_t batch = 0, hidden = 0;
  std::vector<CellGate> gates;    // in ONNX's order: i o f c, z r h
  std::vector<float> state_bias;  // of the product that the reset multiplies
  TensorId h_before = kNone;      // GRU only: an LSTM's formula names its state only as one of the sources
  TensorId c_before = kNone;      // LSTM only
  TensorId h = kNone, c = kNone;  // results
  std::set<size_t> nodes;
};

// The cell whose h node `root` computes. Shapes must be known, types float32.
std::optional<RecurrentCell> lstm_cell_at(const Rewriter& r, size_t root);
std::optional<RecurrentCell> gru_cell_at(const Rewriter& r, size_t root);

}  // namespace motley::graph
