// Unrolled recurrent networks: cells in a row that share their weights become one LSTM or GRU.
//
// Exporters without a recurrent op write every step out, so that a layer of a hundred steps is thousands of nodes. Each
// cell is recognised by its formula (recurrent_cell.hpp); a cell whose state comes from another with the same weights
// continues that one's chain.
#include <algorithm>
#include <cstring>
#include <map>

#include "graph/passes/all.hpp"
#include "graph/passes/recurrent_cell.hpp"
#include "graph/passes/sequence_cut.hpp"
#include "graph/patterns.hpp"

namespace motley::graph {
namespace {

struct Chain {
  std::vector<RecurrentCell> cells;
  std::vector<TensorId> inputs;                 // x of each step
  std::vector<CellTerm> x, h;                   // weights by gate
  TensorId h_before = kNone, c_before = kNone;  // kNone: zero
  std::set<size_t> nodes;

  const RecurrentCell& first() const { return cells.front(); }
  int64_t steps() const { return static_cast<int64_t>(cells.size()); }
};

bool all_zero(const Tensor& t) {
  if (!t.is_constant() || t.type != DataType::float32 || !t.shape_known()) return false;
  const float* values = t.values<float>();
  return std::all_of(values, values + t.elements(), [](float v) { return v == 0; });
}

// Whether `next` may follow on `cell`: the same formula, the same numbers.
bool same_kind(const RecurrentCell& cell, const RecurrentCell& next) {
  if (cell.op != next.op || cell.batch != next.batch || cell.hidden != next.hidden ||
      cell.linear_before_reset != next.linear_before_reset || cell.negated_update != next.negated_update ||
      cell.state_bias != next.state_bias)
    return false;
  for (size_t g = 0; g < cell.gates.size(); ++g)
    if (cell.gates[g].bias != next.gates[g].bias) return false;
  return true;
}

// The state that `cell` reads, if it is what `before` computes.
bool continues(const RecurrentCell& before, const RecurrentCell& cell) {
  if (!same_kind(before, cell)) return false;
  if (cell.op == Op::LSTM && cell.c_before != before.c) return false;
  return std::all_of(cell.gates.begin(), cell.gates.end(), [&](const CellGate& gate) {
    return gate.terms.size() == 2 && (gate.terms[0].source == before.h) != (gate.terms[1].source == before.h);
  });
}

// Adds a cell whose terms have the chain's weights. `state` is its state before; any, and perhaps none, where kNone.
bool add_cell(Chain& chain, const RecurrentCell& cell, TensorId state, TensorId* found_state, bool* complete) {
  TensorId input = kNone, before = state;
  *complete = true;
  for (size_t g = 0; g < cell.gates.size(); ++g) {
    bool has_x = false, has_h = false;
    for (const CellTerm& term : cell.gates[g].terms) {
      const bool is_h = term.same_weights(chain.h[g]);
      if (!is_h && !term.same_weights(chain.x[g])) return false;
      TensorId& source = is_h ? before : input;
      if ((is_h ? has_h : has_x) || (source != kNone && source != term.source)) return false;
      source = term.source;
      (is_h ? has_h : has_x) = true;
    }
    if (!has_x) return false;
    *complete = *complete && has_h;
  }
  *found_state = before;
  chain.inputs.push_back(input);
  chain.nodes.insert(cell.nodes.begin(), cell.nodes.end());
  chain.cells.push_back(cell);
  return true;
}

// The first cell's state is whatever its weights multiply; where that is missing, constants were folded, and only zeros
// leave the bias as it is.
bool add_first(const Rewriter& r, Chain& chain, const RecurrentCell& cell) {
  const TensorId state = cell.op == Op::GRU ? cell.h_before : kNone;
  TensorId found = kNone;
  bool complete = true;
  if (!add_cell(chain, cell, kNone, &found, &complete)) return false;
  if (cell.op == Op::GRU) {
    chain.h_before = state;
    if (found != kNone && found != state) return false;
    if (!complete && !all_zero(r.tensor(state))) return false;
  } else {
    chain.h_before = found;
    chain.c_before = cell.c_before;
    if (!complete && found != kNone && !all_zero(r.tensor(found))) return false;
    if (!same_shape(r.tensor(cell.c_before), r.tensor(cell.h))) return false;
  }
  return chain.h_before == kNone || same_shape(r.tensor(chain.h_before), r.tensor(cell.h));
}

// Every step has an input for each row of the batch; none is broadcast.
bool sizes_fit(const Rewriter& r, const Chain& chain) {
  for (size_t g = 0; g < chain.x.size(); ++g)
    if (chain.h[g].rows != chain.first().hidden || chain.x[g].rows != chain.x[0].rows) return false;
  const Dims wanted = {Dim(chain.first().batch), Dim(chain.x[0].rows)};
  return std::all_of(chain.inputs.begin(), chain.inputs.end(), [&](TensorId id) {
    return id != kNone && r.tensor(id).type == DataType::float32 && r.tensor(id).shape == wanted;
  });
}

std::vector<Chain> find_chains(const Rewriter& r, const std::vector<RecurrentCell>& cells) {
  std::map<TensorId, size_t> by_result;
  for (size_t i = 0; i < cells.size(); ++i) by_result.emplace(cells[i].h, i);
  std::vector<std::optional<size_t>> before(cells.size()), after(cells.size());
  std::vector<bool> forks(cells.size());
  for (size_t i = 0; i < cells.size(); ++i)
    for (const CellTerm& term : cells[i].gates[0].terms) {
      const auto p = by_result.find(term.source);
      if (p == by_result.end() || p->second == i || !continues(cells[p->second], cells[i])) continue;
      if (after[p->second]) forks[p->second] = true;
      after[p->second] = i;
      before[i] = p->second;
    }
  std::vector<Chain> chains;
  for (size_t start = 0; start < cells.size(); ++start) {
    if (!after[start] || forks[start] || (before[start] && !forks[*before[start]])) continue;
    const RecurrentCell& second = cells[*after[start]];
    Chain chain;
    for (const CellGate& gate : second.gates) {
      const bool h_first = gate.terms[0].source == cells[start].h;
      chain.h.push_back(gate.terms[h_first ? 0 : 1]);
      chain.x.push_back(gate.terms[h_first ? 1 : 0]);
    }
    if (!add_first(r, chain, cells[start])) continue;
    for (auto i = after[start]; i && chain.cells.size() < cells.size(); i = forks[*i] ? std::nullopt : after[*i]) {
      TensorId found = kNone;
      bool complete = true;
      if (!add_cell(chain, cells[*i], chain.cells.back().h, &found, &complete) || !complete) break;
    }
    if (chain.steps() >= 2 && sizes_fit(r, chain)) chains.push_back(std::move(chain));
  }
  return chains;
}

// Nothing but the results may be seen from outside, no node asked for by name may go.
bool may_replace(const Rewriter& r, const Chain& chain) {
  std::set<TensorId> results;
  for (const RecurrentCell& cell : chain.cells) results.insert(cell.h);
  if (chain.first().op == Op::LSTM) results.insert(chain.cells.back().c);
  for (size_t i : chain.nodes) {
    if (r.removed(i) || r.keeps_node(i)) return false;
    for (TensorId id : r.node(i).outputs) {
      if (id == kNone || results.count(id)) continue;
      if (r.consumers(id).empty() && !r.may_vanish(id)) return false;
      for (size_t reader : r.consumers(id))
        if (!chain.nodes.count(reader) || !r.may_vanish(id)) return false;
    }
  }
  return true;
}

// A step's input that depends on an earlier step's result (a decoder that reads what it wrote) needs the steps.
bool inputs_are_ready(const Rewriter& r, const Chain& chain) {
  std::vector<bool> seen(r.size());
  std::vector<TensorId> pending = chain.inputs;
  pending.push_back(chain.h_before);
  pending.push_back(chain.c_before);
  while (!pending.empty()) {
    const auto i = r.producer(pending.back());
    pending.pop_back();
    if (!i || seen[*i]) continue;
    if (chain.nodes.count(*i)) return false;
    seen[*i] = true;
    for (TensorId id : r.node(*i).inputs) pending.push_back(id);
  }
  return true;
}

// ---- the replacement

class Replacement {
 public:
  Replacement(Rewriter& r, const Chain& chain) : r_(r), chain_(chain), cell_(chain.first()) {
    for (const RecurrentCell& cell : chain.cells) results_.insert(*r.producer(cell.h));
    for (size_t i : chain.nodes)
      if (!results_.count(i)) slots_.push_back(i);
  }

  // Returns the tensor that readers of the last result read now.
  TensorId make() {
    const TensorId last_h = chain_.cells.back().h, last_c = chain_.cells.back().c;
    const bool lstm = cell_.op == Op::LSTM;
    // Asked before anything is removed. Where a step before the last is read, all steps come from the one sequence, so
    // that a layer behind this one finds its inputs in one tensor.
    std::vector<RecurrentCell> read;
    for (const RecurrentCell& cell : chain_.cells)
      if (is_read(cell.h)) read.push_back(cell);
    if (read.size() == 1 && read[0].h == last_h) read.clear();
    const bool c_is_read = lstm && is_read(last_c);
    std::vector<size_t> writers;
    for (const RecurrentCell& cell : read) writers.push_back(*r_.producer(cell.h));
    const size_t last_writer = *r_.producer(last_h);
    const bool only_last = read.empty(), last_stays = !r_.may_vanish(last_h);

    const int64_t steps = chain_.steps(), batch = cell_.batch, hidden = cell_.hidden;
    const TensorId y = only_last ? kNone : tensor(last_h, ":y", {steps, 1, batch, hidden});
    const TensorId y_h = only_last || last_stays ? tensor(last_h, ":y_h", {1, batch, hidden}) : kNone;
    const TensorId y_c = c_is_read ? tensor(last_h, ":y_c", {1, batch, hidden}) : kNone;
    const TensorId x = steps_tensor();
    const TensorId h_before = state(chain_.h_before, ":h"), c_before = lstm ? state(chain_.c_before, ":c") : kNone;
    Node node;
    node.op = cell_.op;
    node.inputs = {x, weights(chain_.x, ":w"), weights(chain_.h, ":r"), bias(), kNone, h_before};
    node.outputs = {y, y_h};
    if (lstm) {
      node.inputs.push_back(c_before);
      node.outputs.push_back(y_c);
    }
    node.attributes.Set(attributes());
    put(std::move(node), chain_.nodes);
    if (!only_last && last_stays) {
      // The output itself is a view of Y_h, which costs nothing; those that read it go on with the others' tensor.
      const TensorId step = tensor(last_h, ":step", {batch, hidden});
      r_.read_instead(last_h, step);
      read.back().h = step;
      writers.back() = next_slot();
    }
    if (y_h != kNone) put_view(y_h, last_h, last_writer);
    if (!only_last) put_steps(y, read, writers);
    if (y_c != kNone) put_view(y_c, last_c, next_slot());
    return !only_last && last_stays ? read.back().h : last_h;
  }

 private:
  bool is_read(TensorId id) const {
    if (!r_.may_vanish(id)) return true;
    const auto& readers = r_.consumers(id);
    return std::any_of(readers.begin(), readers.end(), [&](size_t i) { return !chain_.nodes.count(i); });
  }
  size_t next_slot() { return slots_[used_++]; }
  // The node takes the place and name of one that goes; `others` go too.
  void put(Node node, const std::set<size_t>& others = {}) { r_.replace(next_slot(), std::move(node), others); }
  void put_view(TensorId from, TensorId to, size_t slot) { r_.replace(slot, view(from, to)); }
  Node view(TensorId from, TensorId to) {
    Node node;
    node.op = Op::Reshape;
    node.inputs = {from, shape_of(to)};
    node.outputs = {to};
    node.attributes.Set(schema::ReshapeAttributesT{});
    return node;
  }
  TensorId shape_of(TensorId id) {
    const Extents extents = r_.tensor(id).extents();
    return r_.add_constant(id, ":shape", DataType::int64, {static_cast<int64_t>(extents.size())},
                           std::vector<double>(extents.begin(), extents.end()));
  }
  TensorId tensor(TensorId like, const std::string& suffix, const Extents& extents) {
    const TensorId id = r_.add_tensor_like(like, suffix);
    r_.graph().tensor(id).shape = Dims(extents.begin(), extents.end());
    return id;
  }

  TensorId steps_tensor() {
    const TensorId first = chain_.inputs[0];
    const int64_t steps = chain_.steps(), batch = cell_.batch, inputs = chain_.x[0].rows;
    const TensorId x = tensor(first, ":x", {steps, batch, inputs});
    const auto cut = sequence_of(r_, chain_.inputs, cell_.batch);
    Node node;
    node.outputs = {x};
    if (cut && cut->axis == 1) {
      schema::TransposeAttributesT a;
      a.perm = {1, 0, 2};
      node.op = Op::Transpose;
      node.inputs = {cut->sequence};
      node.attributes.Set(std::move(a));
      before_.push_back(std::move(node));
    } else if (cut) {
      before_.push_back(view(cut->sequence, x));
    } else {
      const TensorId rows = tensor(first, ":rows", {steps * batch, inputs});
      node.op = Op::Concat;
      node.inputs = chain_.inputs;
      node.outputs = {rows};
      node.attributes.Set(schema::AxisAttributesT{});
      before_.push_back(std::move(node));
      before_.push_back(view(rows, x));
    }
    return x;
  }
  TensorId state(TensorId id, const char* suffix) {
    if (id == kNone || all_zero(r_.tensor(id))) return kNone;
    const TensorId result = tensor(id, suffix, {1, cell_.batch, cell_.hidden});
    before_.push_back(view(id, result));
    return result;
  }

  // ONNX's rows by gate and unit from the chain's columns.
  TensorId weights(const std::vector<CellTerm>& terms, const char* suffix) {
    const int64_t rows = terms[0].rows;
    std::vector<double> values;
    values.reserve(terms.size() * static_cast<size_t>(cell_.hidden * rows));
    for (size_t g = 0; g < terms.size(); ++g) {
      const double sign = g == 0 && cell_.negated_update ? -1 : 1;
      for (int64_t u = 0; u < cell_.hidden; ++u)
        for (int64_t k = 0; k < rows; ++k)
          values.push_back(sign * static_cast<double>(terms[g].data[k * terms[g].k_stride + u * terms[g].n_stride]));
    }
    return r_.add_constant(cell_.h, suffix, DataType::float32,
                           {1, static_cast<int64_t>(terms.size()) * cell_.hidden, rows}, values);
  }
  TensorId bias() {
    std::vector<double> values;
    for (size_t g = 0; g < cell_.gates.size(); ++g)
      for (float v : cell_.gates[g].bias)
        values.push_back(g == 0 && cell_.negated_update ? -static_cast<double>(v) : static_cast<double>(v));
    const size_t half = values.size();
    values.resize(2 * half);
    std::copy(cell_.state_bias.begin(), cell_.state_bias.end(),
              values.end() - static_cast<int64_t>(cell_.state_bias.size()));
    return r_.add_constant(cell_.h, ":b", DataType::float32, {1, static_cast<int64_t>(2 * half)}, values);
  }
  schema::RecurrentAttributesT attributes() const {
    schema::RecurrentAttributesT a;
    a.hidden_size = cell_.hidden;
    a.linear_before_reset = cell_.linear_before_reset;
    return a;
  }

  void put_steps(TensorId y, const std::vector<RecurrentCell>& read, const std::vector<size_t>& writers) {
    Node split;
    split.op = Op::Split;
    split.inputs = {y};
    for (int64_t t = 0; t < chain_.steps(); ++t)
      split.outputs.push_back(tensor(y, ":step", {1, 1, cell_.batch, cell_.hidden}));
    schema::SplitAttributesT a;
    a.num_outputs = chain_.steps();
    split.attributes.Set(std::move(a));
    const std::vector<TensorId> parts = split.outputs;
    put(std::move(split));
    for (size_t i = 0; i < read.size(); ++i) {
      size_t t = 0;
      while (t + 1 < chain_.cells.size() && chain_.cells[t].h != read[i].h) ++t;
      put_view(parts[t], read[i].h, writers[i]);
    }
  }

 public:
  // Nodes that make the inputs; put in place first would take away what the chain still reads.
  void put_inputs() {
    for (Node& node : before_) put(std::move(node));
  }

 private:
  Rewriter& r_;
  const Chain& chain_;
  const RecurrentCell& cell_;
  std::set<size_t> results_;
  std::vector<size_t> slots_;
  size_t used_ = 0;
  std::vector<Node> before_;
};

std::vector<RecurrentCell> find_cells(const Rewriter& r) {
  std::vector<RecurrentCell> cells;
  for (size_t i = 0; i < r.size(); ++i) {
    if (r.node(i).op != Op::Binary) continue;
    if (auto cell = lstm_cell_at(r, i)) cells.push_back(std::move(*cell));
    else if (auto gru = gru_cell_at(r, i)) cells.push_back(std::move(*gru));
  }
  return cells;
}

}  // namespace

size_t find_unrolled_recurrence(Graph& graph, const PassContext& context) {
  size_t count = 0;
  {
    Rewriter r(graph, context);
    std::vector<Chain> chains = find_chains(r, find_cells(r));
    for (const Chain& chain : chains) {
      if (!may_replace(r, chain) || !inputs_are_ready(r, chain)) continue;
      Replacement replacement(r, chain);
      const TensorId last = chain.cells.back().h, now = replacement.make();
      replacement.put_inputs();
      for (Chain& other : chains) std::replace(other.inputs.begin(), other.inputs.end(), last, now);
      ++count;
    }
  }
  // New nodes stand where old ones were; the order that their inputs ask for may be another.
  if (count > 0) graph.sort_nodes();
  return count;
}

}  // namespace motley::graph
