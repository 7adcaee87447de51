// Reading one step of a recurrent network: gates as activations of sums of products, and the formula that joins them.
#include "graph/passes/recurrent_cell.hpp"

#include <algorithm>

#include "graph/passes/all.hpp"
#include "graph/passes/expression.hpp"

namespace motley::graph {
namespace {

using schema::BinaryFunction;
using schema::UnaryFunction;

constexpr int kMostDepth = 12;  // nodes in a row between an activation and its products

bool is_matrix(const Tensor& t) { return t.type == DataType::float32 && t.shape_known() && t.shape->size() == 2; }
int64_t width_of(const Tensor& t) { return t.shape->empty() ? 1 : t.shape->back().value; }

// Columns [offset, offset + count) of a tensor.
struct Columns {
  TensorId tensor = kNone;
  int64_t offset = 0, count = 0;
};

// Where a Split or Slice along the last axis begins in its input; nothing for other nodes and axes.
std::optional<int64_t> column_offset(const Rewriter& r, const Node& node, TensorId output) {
  const Tensor& input = r.tensor(node.inputs[0]);
  if (!is_matrix(input) || !is_matrix(r.tensor(output))) return std::nullopt;
  if ((*input.shape)[0].value != (*r.tensor(output).shape)[0].value) return std::nullopt;
  if (node.op == Op::Split) {
    const int64_t axis = attributes<schema::SplitAttributesT>(node).axis;
    if (axis != 1 && axis != -1) return std::nullopt;
    int64_t offset = 0;
    for (TensorId id : node.outputs) {
      if (id == output) return offset;
      if (id == kNone || !is_matrix(r.tensor(id))) return std::nullopt;
      offset += width_of(r.tensor(id));
    }
    return std::nullopt;
  }
  if (node.input(1) == kNone) return std::nullopt;
  const auto starts = integers(r.tensor(node.input(1)));
  if (!starts) return std::nullopt;
  std::vector<int64_t> axes = {0, 1};
  if (node.input(3) != kNone) axes = integers(r.tensor(node.input(3))).value_or(std::vector<int64_t>());
  if (node.input(4) != kNone) {
    const auto steps = integers(r.tensor(node.input(4)));
    if (!steps || std::any_of(steps->begin(), steps->end(), [](int64_t s) { return s != 1; })) return std::nullopt;
  }
  int64_t offset = 0;
  for (size_t i = 0; i < starts->size(); ++i) {
    if (i >= axes.size()) return std::nullopt;
    if (axes[i] != 1 && axes[i] != -1) continue;  // the rows are all there, as compared above
    const int64_t width = width_of(input);
    offset = std::clamp<int64_t>((*starts)[i] < 0 ? (*starts)[i] + width : (*starts)[i], 0, width);
  }
  return offset;
}

class Reader {
 public:
  Reader(const Rewriter& r, std::set<size_t>& nodes) : r_(r), nodes_(nodes) {}

  // Follows the columns of a tensor to what a Split or Slice took them from.
  Columns behind_slices(TensorId id) {
    Columns c{id, 0, width_of(r_.tensor(id))};
    for (int depth = 0; depth < kMostDepth; ++depth) {
      const auto i = r_.producer(c.tensor);
      if (!i || (r_.node(*i).op != Op::Split && r_.node(*i).op != Op::Slice)) break;
      const auto offset = column_offset(r_, r_.node(*i), c.tensor);
      if (!offset) break;
      c = {r_.node(*i).inputs[0], c.offset + *offset, c.count};
      nodes_.insert(*i);
    }
    return c;
  }

  // The argument of a gate: the function, or a part of it.
  std::optional<Columns> argument(TensorId id, UnaryFunction function) {
    if (!is_matrix(r_.tensor(id))) return std::nullopt;
    const std::set<size_t> before = nodes_;
    const Columns c = behind_slices(id);
    const auto i = unary_producer(r_, c.tensor, function);
    if (!i || !is_matrix(r_.tensor(r_.node(*i).inputs[0]))) {
      nodes_ = before;
      return std::nullopt;
    }
    nodes_.insert(*i);
    return Columns{r_.node(*i).inputs[0], c.offset, c.count};
  }

  // Adds what the columns are a sum of. `gated` takes a product of two computed tensors, which a GRU has once.
  bool read(Columns c, CellGate& gate, TensorId* gated, int depth = 0) {
    if (depth > kMostDepth) return false;
    const Tensor& tensor = r_.tensor(c.tensor);
    if (tensor.is_constant()) return add_bias(tensor, c, gate);
    const auto i = r_.producer(c.tensor);
    if (!i || !is_matrix(tensor)) return false;
    const Node& node = r_.node(*i);
    nodes_.insert(*i);
    if (node.op == Op::Split || node.op == Op::Slice) {
      const auto offset = column_offset(r_, node, c.tensor);
      return offset && read({node.inputs[0], c.offset + *offset, c.count}, gate, gated, depth + 1);
    }
    if (is_binary(node, BinaryFunction::add)) {
      for (TensorId side : node.inputs)
        if (!r_.tensor(side).is_constant() && !same_shape(r_.tensor(side), tensor)) return false;
      return read({node.inputs[0], c.offset, c.count}, gate, gated, depth + 1) &&
             read({node.inputs[1], c.offset, c.count}, gate, gated, depth + 1);
    }
    if (is_binary(node, BinaryFunction::mul) && gated && *gated == kNone && c.offset == 0 &&
        c.count == width_of(tensor)) {
      *gated = c.tensor;
      return true;
    }
    return node.op == Op::MatMul && add_product(node, c, gate, gated, depth);
  }

 private:
  // One number for all units, one per unit, or equal rows of those.
  static bool add_bias(const Tensor& tensor, const Columns& c, CellGate& gate) {
    if (tensor.type != DataType::float32 || !tensor.shape_known() || tensor.shape->size() > 2) return false;
    const int64_t width = width_of(tensor), rows = tensor.elements() / std::max<int64_t>(width, 1);
    if (width != 1 && c.offset + c.count > width) return false;
    const float* values = tensor.values<float>();
    for (int64_t n = 0; n < c.count; ++n) {
      const float* value = values + (width == 1 ? 0 : c.offset + n);
      for (int64_t row = 1; row < rows; ++row)
        if (!(value[row * width] == *value)) return false;
      gate.bias[static_cast<size_t>(n)] += *value;
    }
    return rows > 0;
  }

  bool add_product(const Node& node, const Columns& c, CellGate& gate, TensorId* gated, int depth) {
    const auto& a = attributes<schema::MatMulAttributesT>(node);
    const Tensor &left = r_.tensor(node.inputs[0]), &weights = r_.tensor(node.inputs[1]);
    if (a.transpose_a || a.alpha != 1 || a.activation.function() != UnaryFunction::identity || node.inputs.size() > 3)
      return false;
    if (!is_matrix(left) || left.is_constant() || !is_matrix(weights) || !weights.is_constant()) return false;
    const Extents extents = weights.extents();
    CellTerm term;
    term.k_stride = a.transpose_b ? 1 : extents[1];
    term.n_stride = a.transpose_b ? extents[1] : 1;
    term.data = weights.values<float>() + c.offset * term.n_stride;
    if (!add_sources(node.inputs[0], term, gate)) return false;
    if (node.input(2) == kNone) return true;
    return a.beta == 1 && read({node.inputs[2], c.offset, c.count}, gate, gated, depth + 1);
  }

  // A concatenated operand takes each part times its rows of the weights.
  bool add_sources(TensorId id, CellTerm term, CellGate& gate) {
    const auto concat = r_.producer(id, Op::Concat);
    const int64_t axis = concat ? attributes<schema::AxisAttributesT>(r_.node(*concat)).axis : 0;
    if (!concat || (axis != 1 && axis != -1)) {
      term.source = id;
      term.rows = width_of(r_.tensor(id));
      gate.terms.push_back(term);
      return true;
    }
    nodes_.insert(*concat);
    for (TensorId part : r_.node(*concat).inputs) {
      if (part == kNone || !is_matrix(r_.tensor(part))) return false;
      term.source = part;
      term.rows = width_of(r_.tensor(part));
      gate.terms.push_back(term);
      term.data += term.rows * term.k_stride;
    }
    return true;
  }

  const Rewriter& r_;
  std::set<size_t>& nodes_;
};

// The gate that a tensor is, if it is the function of a readable sum.
std::optional<CellGate> gate_of(const Rewriter& r, TensorId id, UnaryFunction function, std::set<size_t>& nodes,
                                TensorId* gated = nullptr) {
  std::set<size_t> mine = nodes;
  Reader reader(r, mine);
  const auto argument = reader.argument(id, function);
  if (!argument) return std::nullopt;
  CellGate gate;
  gate.bias.assign(static_cast<size_t>(argument->count), 0.0f);
  if (!reader.read(*argument, gate, gated)) return std::nullopt;
  nodes = std::move(mine);
  return gate;
}

struct Factors {
  TensorId first, second;
};
// Both orders of a binary node's operands; none where it is another function.
std::vector<Factors> operands(const Rewriter& r, TensorId id, BinaryFunction function) {
  const auto i = binary_producer(r, id, function);
  if (!i) return {};
  const Node& node = r.node(*i);
  if (!is_matrix(r.tensor(node.outputs[0]))) return {};
  return {{node.inputs[0], node.inputs[1]}, {node.inputs[1], node.inputs[0]}};
}

// c = f · c_before + i · g
bool read_state(const Rewriter& r, RecurrentCell& cell) {
  for (const Factors& sum : operands(r, cell.c, BinaryFunction::add))
    for (const Factors& kept : operands(r, sum.first, BinaryFunction::mul))
      for (const Factors& taken : operands(r, sum.second, BinaryFunction::mul)) {
        std::set<size_t> nodes = cell.nodes;
        const auto f = gate_of(r, kept.first, UnaryFunction::sigmoid, nodes);
        const auto i = f ? gate_of(r, taken.first, UnaryFunction::sigmoid, nodes) : std::nullopt;
        const auto g = i ? gate_of(r, taken.second, UnaryFunction::tanh, nodes) : std::nullopt;
        if (!g || !same_shape(r.tensor(kept.second), r.tensor(cell.c))) continue;
        cell.gates[0] = *i;
        cell.gates[2] = *f;
        cell.gates[3] = *g;
        cell.c_before = kept.second;
        nodes.insert({*r.producer(cell.c), *r.producer(sum.first), *r.producer(sum.second)});
        cell.nodes = std::move(nodes);
        return true;
      }
  return false;
}

// h = z · h_before + (1 - z) · n, in the ways it is written; `update` is z, or 1 - z where `negated`.
struct Mix {
  TensorId update, h, n;
  bool negated;
  std::set<size_t> nodes;
};

std::optional<size_t> one_minus(const Rewriter& r, TensorId id, TensorId& x) {
  const auto i = binary_producer(r, id, BinaryFunction::sub);
  if (!i || !is_scalar(r.tensor(r.node(*i).inputs[0]), 1)) return std::nullopt;
  x = r.node(*i).inputs[1];
  return i;
}

std::vector<Mix> mixes_at(const Rewriter& r, TensorId h) {
  std::vector<Mix> found;
  const size_t root = *r.producer(h);
  // u · a + (1 - u) · b: either a or b is the state before.
  for (const Factors& sum : operands(r, h, BinaryFunction::add))
    for (const Factors& first : operands(r, sum.first, BinaryFunction::mul))
      for (const Factors& second : operands(r, sum.second, BinaryFunction::mul)) {
        TensorId u = kNone;
        const auto rest = one_minus(r, second.first, u);
        if (!rest || u != first.first) continue;
        const std::set<size_t> nodes = {root, *r.producer(sum.first), *r.producer(sum.second), *rest};
        found.push_back({u, first.second, second.second, false, nodes});
        found.push_back({u, second.second, first.second, true, nodes});
      }
  // b + u · (a - b), and b - u · (b - a).
  const auto interpolation = [&](TensorId base, TensorId product, bool minus) {
    for (const Factors& p : operands(r, product, BinaryFunction::mul)) {
      const auto difference = binary_producer(r, p.second, BinaryFunction::sub);
      if (!difference) continue;
      const Node& d = r.node(*difference);
      if (d.inputs[minus ? 0 : 1] != base) continue;
      const TensorId other = d.inputs[minus ? 1 : 0];
      const std::set<size_t> nodes = {root, *r.producer(product), *difference};
      found.push_back({p.first, other, base, false, nodes});
      found.push_back({p.first, base, other, true, nodes});
    }
  };
  for (const Factors& sum : operands(r, h, BinaryFunction::add)) interpolation(sum.first, sum.second, false);
  if (const auto i = binary_producer(r, h, BinaryFunction::sub))
    interpolation(r.node(*i).inputs[0], r.node(*i).inputs[1], true);
  return found;
}

// The reset gate stands before the product with the state, or behind it.
bool read_hidden_gate(const Rewriter& r, TensorId n, RecurrentCell& cell) {
  std::set<size_t> nodes = cell.nodes;
  TensorId gated = kNone;
  auto hidden = gate_of(r, n, UnaryFunction::tanh, nodes, &gated);
  if (!hidden) return false;
  if (gated != kNone) {
    for (const Factors& f : operands(r, gated, BinaryFunction::mul)) {
      std::set<size_t> mine = nodes;
      const auto reset = gate_of(r, f.first, UnaryFunction::sigmoid, mine);
      if (!reset) continue;
      CellGate state;
      state.bias.assign(static_cast<size_t>(cell.hidden), 0.0f);
      Reader reader(r, mine);
      if (!reader.read({f.second, 0, cell.hidden}, state, nullptr)) continue;
      for (CellTerm& term : state.terms)
        if (term.source != cell.h_before) return false;
      hidden->terms.insert(hidden->terms.end(), state.terms.begin(), state.terms.end());
      cell.linear_before_reset = true;
      cell.state_bias = state.bias;
      cell.gates = {cell.gates[0], *reset, *hidden};
      cell.nodes = std::move(mine);
      return true;
    }
    return false;
  }
  for (CellTerm& term : hidden->terms) {
    for (const Factors& f : operands(r, term.source, BinaryFunction::mul)) {
      if (f.second != cell.h_before) continue;
      const auto reset = gate_of(r, f.first, UnaryFunction::sigmoid, nodes);
      if (!reset) continue;
      nodes.insert(*r.producer(term.source));
      term.source = cell.h_before;
      cell.gates = {cell.gates[0], *reset, *hidden};
      cell.nodes = std::move(nodes);
      return true;
    }
  }
  return false;
}

bool fits(const RecurrentCell& cell) {
  return std::all_of(cell.gates.begin(), cell.gates.end(), [&](const CellGate& gate) {
    return static_cast<int64_t>(gate.bias.size()) == cell.hidden && !gate.terms.empty() && gate.terms.size() <= 2;
  });
}

bool start(const Rewriter& r, size_t root, RecurrentCell& cell) {
  cell.h = r.node(root).output(0);
  if (cell.h == kNone || !is_matrix(r.tensor(cell.h))) return false;
  cell.batch = (*r.tensor(cell.h).shape)[0].value;
  cell.hidden = width_of(r.tensor(cell.h));
  return cell.batch > 0 && cell.hidden > 0;
}

}  // namespace

std::optional<RecurrentCell> lstm_cell_at(const Rewriter& r, size_t root) {
  RecurrentCell cell;
  if (!is_binary(r.node(root), BinaryFunction::mul) || !start(r, root, cell)) return std::nullopt;
  cell.gates.resize(4);
  for (const Factors& f : operands(r, cell.h, BinaryFunction::mul)) {
    const auto tanh = unary_producer(r, f.second, UnaryFunction::tanh);
    if (!tanh || !binary_producer(r, r.node(*tanh).inputs[0], BinaryFunction::add)) continue;
    cell.nodes = {root, *tanh};
    cell.c = r.node(*tanh).inputs[0];
    const auto o = gate_of(r, f.first, UnaryFunction::sigmoid, cell.nodes);
    if (!o || !read_state(r, cell)) continue;
    cell.gates[1] = *o;
    if (fits(cell)) return cell;
  }
  return std::nullopt;
}

std::optional<RecurrentCell> gru_cell_at(const Rewriter& r, size_t root) {
  RecurrentCell cell;
  cell.op = Op::GRU;
  if (!is_binary(r.node(root), BinaryFunction::add) && !is_binary(r.node(root), BinaryFunction::sub))
    return std::nullopt;
  if (!start(r, root, cell)) return std::nullopt;
  for (const Mix& mix : mixes_at(r, cell.h)) {
    cell.nodes = mix.nodes;
    cell.gates.assign(1, {});
    cell.negated_update = mix.negated;
    cell.h_before = mix.h;
    if (!same_shape(r.tensor(mix.h), r.tensor(cell.h))) continue;
    const auto update = gate_of(r, mix.update, UnaryFunction::sigmoid, cell.nodes);
    if (!update) continue;
    cell.gates[0] = *update;
    if (read_hidden_gate(r, mix.n, cell) && fits(cell)) return cell;
  }
  return std::nullopt;
}

}  // namespace motley::graph
