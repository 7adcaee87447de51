// Kernels for tensors in nhwc: offering them, and reading the graphs in which the host then asks for them.
//
// A device offers such a kernel by a candidate, beside its yes to the node as it is. With the helper of plugin.hpp:
//
//   class MyDevice : public Device, public NhwcKernels {
//     bool runs_in_nhwc(const NodeView& node) const override { return node.op() == Op::Conv; }
//
// and without it, in query_support, offer_in_nhwc(*sink, {n}, DataType::float32, cost_ns). Where a plan uses it,
// compile (and estimate_cost, and motley.tuning/1) gets the node with tensors that say so:
//
//   if (is_in_nhwc(node)) {                                    // node reads and writes nhwc
//     const Shape x = logical_shape(*node.input(0));           // N C H W, what its attributes speak of
//     const float* p = ...;                                    // lies as N H W C, the shape that the tensor itself has
//   }
#pragma once

#include <initializer_list>

#include "motley/sdk/graph_view.hpp"

namespace motley::sdk {

using schema::Layout;

inline Layout layout_of(const TensorView& tensor) { return tensor.raw->layout(); }

// What lies in memory where the channels of N C H W (or N C and any axes behind) stand last.
inline Shape in_nhwc(const Shape& logical) {
  Shape shape{logical[0]};
  for (size_t i = 2; i < logical.size(); ++i) shape.push_back(logical[i]);
  shape.push_back(logical[1]);
  return shape;
}

// N C H W, whatever the layout: what attributes speak of, and what constants beside it are in.
inline Shape logical_shape(const TensorView& tensor) {
  if (layout_of(tensor) != Layout::nhwc) return tensor.shape;
  const Shape& lies = tensor.shape;
  Shape shape{lies[0], lies[lies.size() - 1]};
  for (size_t i = 1; i + 1 < lies.size(); ++i) shape.push_back(lies[i]);
  return shape;
}

// Whether a tensor may be brought into nhwc: it is computed and has a channel axis and one behind that. What is not
// stays row-major beside others that are.
inline bool may_be_nhwc(const TensorView& tensor) { return !tensor.is_constant() && tensor.shape.size() >= 3; }

// Whether a node is to run in nhwc. Never true of what brings tensors into nhwc and back: that is a StridedCopy, whose
// regions speak of elements as they lie in memory. One may stand in a segment with nodes in nhwc; alone or with others
// its tensors do not say that they are nhwc, so that it is a copy like any.
inline bool is_in_nhwc(const NodeView& node) {
  if (node.op() == Op::StridedCopy) return false;
  for (size_t i = 0; i < node.input_count(); ++i)
    if (node.input(i) && layout_of(*node.input(i)) == Layout::nhwc) return true;
  for (size_t i = 0; i < node.output_count(); ++i)
    if (node.output(i) && layout_of(*node.output(i)) == Layout::nhwc) return true;
  return false;
}

// Offers one kernel for the nodes, ascending, all of whose tensors that may be nhwc are. `cost_ns`: what it is thought
// to cost, without conversions; 0: ask estimate_cost.
inline void offer_in_nhwc(const motley_support_sink& sink, std::initializer_list<uint32_t> nodes, DataType precision,
                          double cost_ns = 0, const char* config = "") {
  motley_candidate candidate{};
  candidate.struct_size = sizeof candidate;
  candidate.node_count = static_cast<uint32_t>(nodes.size());
  candidate.nodes = nodes.begin();
  candidate.layout = static_cast<uint32_t>(Layout::nhwc);
  candidate.precision = static_cast<uint32_t>(precision);
  candidate.cost_ns = cost_ns;
  candidate.config = config;
  sink.candidate(sink.context, &candidate);
}

// A Device that is this too offers kernels in nhwc for nodes that it runs.
class NhwcKernels {
 public:
  // Of a node with row-major tensors: whether one of the device's kernels runs it in nhwc as well, by its `supports`
  // and `prepare` for the node as it is then. [any]
  virtual bool runs_in_nhwc(const NodeView& node) const = 0;
  // Nanoseconds of that; 0: the device's estimate_cost of the node as it is then.
  virtual double nhwc_cost(const NodeView&) const { return 0; }

 protected:
  ~NhwcKernels() = default;
};

}  // namespace motley::sdk
