// Writing a network down with tensors in other layouts. In libmotley_planner.
#include <set>

#include "graph/lower/regions.hpp"
#include "plan/layout.hpp"

namespace motley::plan {

using graph::Extents;
using graph::Graph;
using graph::kNone;
using graph::Node;
using graph::TensorId;
using schema::Layout;

namespace {

// Channels go from axis 1 to the end, or back.
graph::AxisList permutation(size_t rank, Layout to) {
  graph::AxisList perm{0};
  if (to == Layout::row_major) perm.push_back(rank - 1);
  for (size_t axis = to == Layout::row_major ? 1 : 2; perm.size() + (to != Layout::row_major) < rank; ++axis)
    perm.push_back(axis);
  if (to != Layout::row_major) perm.push_back(1);
  return perm;
}

class Writer {
 public:
  Writer(const Graph& graph, const std::vector<bool>& in_nhwc) : whole_(graph), in_nhwc_(in_nhwc) {
    result_.graph = graph;
    result_.graph.nodes.clear();
    row_major_.resize(graph.tensors.size());
    nhwc_.assign(graph.tensors.size(), kNone);
    for (TensorId id = 0; id < static_cast<TensorId>(graph.tensors.size()); ++id) row_major_[at(id)] = id;
    for (const Node& node : graph.nodes) names_.insert(node.name);
    producer_ = graph.producers();
  }

  LaidOut run() {
    for (uint32_t n = 0; n < whole_.nodes.size(); ++n) add(whole_.nodes[n], in_nhwc_[n]);
    for (TensorId id : whole_.outputs) row_major(id, nullptr);
    return std::move(result_);
  }

 private:
  static size_t at(TensorId id) { return static_cast<size_t>(id); }

  void add(const Node& node, bool in_nhwc) {
    Node copy = node;
    for (TensorId& id : copy.inputs)
      if (id != kNone) id = in_nhwc && has_channels(whole_.tensor(id)) ? nhwc(id, node) : row_major(id, &node);
    for (TensorId& id : copy.outputs) {
      if (id == kNone || !in_nhwc || !has_channels(whole_.tensor(id))) continue;
      row_major_[at(id)] = kNone;
      id = nhwc_[at(id)] = add_nhwc(id);
    }
    result_.node.push_back(static_cast<uint32_t>(result_.graph.nodes.size()));
    result_.graph.nodes.push_back(std::move(copy));
  }

  TensorId nhwc(TensorId id, const Node& reader) {
    TensorId& known = nhwc_[at(id)];
    if (known == kNone) convert(id, id, known = add_nhwc(id), Layout::nhwc, &reader);
    return known;
  }
  TensorId row_major(TensorId id, const Node* reader) {
    TensorId& known = row_major_[at(id)];
    if (known == kNone) convert(id, nhwc_[at(id)], known = id, Layout::row_major, reader);
    return known;
  }

  TensorId add_nhwc(TensorId id) {
    graph::Tensor tensor = whole_.tensor(id);
    const Extents logical = tensor.extents();
    graph::Dims dims;
    for (size_t axis : permutation(logical.size(), Layout::nhwc)) dims.push_back(graph::Dim(logical[axis]));
    tensor.shape = dims;
    tensor.name += "#nhwc";
    tensor.layout = Layout::nhwc;
    return result_.graph.add_tensor(std::move(tensor));
  }

  void convert(TensorId id, TensorId from, TensorId to, Layout layout, const Node* reader) {
    const Extents extents = result_.graph.tensor(from).extents();
    const int32_t producer = producer_[at(id)];
    const Node* maker = producer < 0 ? nullptr : &whole_.nodes[static_cast<size_t>(producer)];
    std::string name = maker && maker->outputs.size() == 1 ? maker->name : whole_.tensor(id).name;
    name += std::string("#") + schema::EnumNameLayout(layout);
    while (!names_.insert(name).second) name += '_';
    result_.conversions.push_back(static_cast<uint32_t>(result_.graph.nodes.size()));
    Node& node = result_.graph.add_node(name, graph::Op::StridedCopy, {from}, {to},
                                        graph::strided_copy(graph::normalized(
                                            {graph::permuting_region(extents, permutation(extents.size(), layout))})));
    if (const Node* origin = maker ? maker : reader) node.origins = origin->origins;
  }

  const Graph& whole_;
  const std::vector<bool>& in_nhwc_;
  LaidOut result_;
  std::vector<TensorId> row_major_, nhwc_;  // per tensor; kNone: there is none yet
  std::vector<int32_t> producer_;
  std::set<std::string> names_;
};

}  // namespace

bool has_channels(const graph::Tensor& tensor) {
  return !tensor.is_constant() && tensor.shape_known() && tensor.shape->size() >= 3;
}

LaidOut lay_out(const Graph& graph, const std::vector<bool>& in_nhwc) { return Writer(graph, in_nhwc).run(); }

}  // namespace motley::plan
