// Rewriting a graph in place: who reads and writes what, kept up to date, and what may be touched.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "graph/passes.hpp"

namespace motley::graph {

// If, Loop or Scan: their graphs may read any tensor of this one by name.
bool has_nested_graphs(const Graph& graph);
// As Graph::remove_dead, keeping nodes of these names and the writers of tensors of these names.
void remove_dead_except(Graph& graph, const std::vector<std::string>& keep);
// Adds what `from` was made of to `to`.
void append_origins(Node& to, const Node& from);

// A graph under rewriting. Node indices stay valid until the Rewriter goes, which then drops removed nodes and puts new
// ones in place.
class Rewriter {
 public:
  Rewriter(Graph& graph, const PassContext& context);
  ~Rewriter();
  Rewriter(const Rewriter&) = delete;
  Rewriter& operator=(const Rewriter&) = delete;

  Graph& graph() { return graph_; }
  const Tensor& tensor(TensorId id) const { return graph_.tensor(id); }
  size_t size() const { return graph_.nodes.size(); }
  Node& node(size_t i) { return graph_.nodes[i]; }
  const Node& node(size_t i) const { return graph_.nodes[i]; }
  bool removed(size_t i) const { return removed_[i]; }

  // Index of the node that writes the tensor; nothing for inputs, constants and absent tensors.
  std::optional<size_t> producer(TensorId id) const;
  // The same, only where that node has the op.
  std::optional<size_t> producer(TensorId id, Op op) const;
  // Of computed tensors and inputs; constants have no list.
  const std::vector<size_t>& consumers(TensorId id) const { return consumers_[static_cast<size_t>(id)]; }

  // The tensor may vanish: no output, not kept, its writer not kept.
  bool may_vanish(TensorId id) const;
  // Node i may vanish into its one consumer: its single output may vanish and exactly one node reads it.
  bool may_absorb(size_t i) const;
  // The nodes may vanish but for `root`: all their outputs may, and only the set reads them.
  bool may_absorb(const std::set<size_t>& nodes, size_t root) const;
  bool keeps_node(size_t i) const { return context_.keeps(graph_.nodes[i].name); }

  // ---- changes
  // Puts `node` where node `at` was, with the name of node `at`, and removes `others`; origins are joined in order.
  void replace(size_t at, Node node, const std::set<size_t>& others = {});
  // Changes inputs, outputs or attributes of node i; the callback gets the node.
  template <class Callback>
  void change(size_t i, const Callback& callback) {
    detach(i);
    callback(graph_.nodes[i]);
    attach(i);
  }
  void remove(size_t i);
  // Everything that reads `from` reads `to`; graph outputs are left alone.
  void read_instead(TensorId from, TensorId to);
  // Makes the readers of node i's output read `source` and removes the node. Where the output is the graph's, the
  // writer of `source` writes it directly. False, and nothing changed, where neither is allowed.
  bool bypass(size_t i, TensorId source);
  // A tensor like this one, under a name of its own.
  TensorId add_tensor_like(TensorId like, std::string suffix);
  TensorId add_constant(TensorId like, const std::string& suffix, DataType type, const Extents& extents,
                        const std::vector<double>& values);

 private:
  void attach(size_t i);
  void detach(size_t i);

  Graph& graph_;
  const PassContext& context_;
  bool nested_;
  std::vector<bool> removed_;
  std::vector<int64_t> producers_;
  std::vector<std::vector<size_t>> consumers_;
};

// Calls fuse(r, i) for each node i of this op that is there when its turn comes; how many were fused.
size_t fuse_each(Graph& graph, const PassContext& context, Op op, bool (*fuse)(Rewriter& r, size_t i));

// ---- small questions that several passes ask

// "Shape known and equal", or symbolic and surely equal.
bool same_shape(const Tensor& a, const Tensor& b);
// A constant with one element near `value`: within the precision of its type.
bool is_scalar(const Tensor& tensor, double value);
bool nearly(double a, double b, DataType type);

}  // namespace motley::graph
