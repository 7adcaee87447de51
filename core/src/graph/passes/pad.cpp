// Zero padding in front of a convolution or an average pool becomes its own padding, where that gives the same numbers.
#include <algorithm>

#include "graph/passes/all.hpp"

namespace motley::graph {
namespace {

// Begins, then ends, of all dimensions; nothing for other than constant zero padding that only adds, and only in space.
std::optional<std::vector<int64_t>> spatial_zero_pads(const Rewriter& r, const Node& pad) {
  if (attributes<schema::PadAttributesT>(pad).mode != schema::PadMode::constant) return std::nullopt;
  if (pad.input(2) != kNone && scalar_value(r.tensor(pad.input(2))) != 0.0) return std::nullopt;
  const auto& shape = r.tensor(pad.inputs[0]).shape;
  const auto pads = integers(r.tensor(pad.inputs[1]));
  if (!shape || !pads || shape->size() < 3) return std::nullopt;
  const size_t rank = shape->size();
  std::vector<int64_t> axes;
  if (pad.input(3) != kNone) {
    const auto given = integers(r.tensor(pad.input(3)));
    if (!given) return std::nullopt;
    axes = *given;
  } else {
    for (size_t i = 0; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
  }
  if (pads->size() != 2 * axes.size()) return std::nullopt;
  std::vector<int64_t> all(2 * rank, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t axis = axes[i] < 0 ? axes[i] + static_cast<int64_t>(rank) : axes[i];
    if (axis < 0 || axis >= static_cast<int64_t>(rank)) return std::nullopt;
    const int64_t begin = (*pads)[i], end = (*pads)[i + axes.size()];
    constexpr int64_t kLargest = 1 << 30;
    if (begin < 0 || end < 0 || begin > kLargest || end > kLargest || (axis < 2 && (begin || end))) return std::nullopt;
    all[static_cast<size_t>(axis)] = begin;
    all[static_cast<size_t>(axis) + rank] = end;
  }
  std::vector<int64_t> spatial(all.begin() + 2, all.begin() + static_cast<std::ptrdiff_t>(rank));
  spatial.insert(spatial.end(), all.begin() + static_cast<std::ptrdiff_t>(rank) + 2, all.end());
  return spatial;
}

// The sum with the node's own pads; nothing where these follow from the input's size.
std::optional<std::vector<int64_t>> joined(const std::vector<int64_t>& outer, const std::vector<int64_t>& own,
                                           schema::AutoPad mode) {
  if (mode == schema::AutoPad::same_upper || mode == schema::AutoPad::same_lower) return std::nullopt;
  if (own.empty() || mode == schema::AutoPad::valid) return outer;
  if (own.size() != outer.size()) return std::nullopt;
  std::vector<int64_t> sum = outer;
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += own[i];
  return sum;
}

bool into_conv(Rewriter& r, size_t i, const std::vector<int64_t>& outer, TensorId source, size_t pad) {
  const auto& attributes = graph::attributes<schema::ConvAttributesT>(r.node(i));
  const auto pads = joined(outer, attributes.pads, attributes.auto_pad);
  if (!pads) return false;
  Node conv = r.node(i);
  auto& widened = graph::attributes<schema::ConvAttributesT>(conv);
  widened.pads = *pads;
  widened.auto_pad = schema::AutoPad::explicit_;
  conv.inputs[0] = source;
  r.replace(i, std::move(conv), {pad});
  return true;
}

// Zeros in front of the pool count as elements, so the pool must count its padding; its own padding must then count
// already or be none. A window that lies in padding alone has no common meaning, so pads stay below the kernel.
bool into_average_pool(Rewriter& r, size_t i, const std::vector<int64_t>& outer, TensorId source, size_t pad) {
  const auto& attributes = graph::attributes<schema::PoolAttributesT>(r.node(i));
  if (attributes.function != schema::PoolFunction::average || attributes.ceil_mode) return false;
  const bool pads_itself =
      std::any_of(attributes.pads.begin(), attributes.pads.end(), [](int64_t p) { return p != 0; });
  if (pads_itself && !attributes.count_include_pad) return false;
  const auto pads = joined(outer, attributes.pads, attributes.auto_pad);
  if (!pads || attributes.kernel_shape.size() * 2 != pads->size()) return false;
  for (size_t k = 0; k < pads->size(); ++k)
    if ((*pads)[k] >= attributes.kernel_shape[k % attributes.kernel_shape.size()]) return false;
  Node pool = r.node(i);
  auto& widened = graph::attributes<schema::PoolAttributesT>(pool);
  widened.pads = *pads;
  widened.auto_pad = schema::AutoPad::explicit_;
  widened.count_include_pad = true;
  pool.inputs[0] = source;
  r.replace(i, std::move(pool), {pad});
  return true;
}

}  // namespace

size_t fuse_pad(Graph& graph, const PassContext& context) {
  Rewriter r(graph, context);
  size_t count = 0;
  for (size_t i = 0; i < r.size(); ++i) {
    const Op op = r.node(i).op;
    if (op != Op::Conv && op != Op::Pool) continue;
    const auto pad = r.producer(r.node(i).inputs[0], Op::Pad);
    if (!pad || !r.may_absorb(*pad)) continue;
    const auto pads = spatial_zero_pads(r, r.node(*pad));
    if (!pads) continue;
    const TensorId source = r.node(*pad).inputs[0];
    count += op == Op::Conv ? into_conv(r, i, *pads, source, *pad) : into_average_pool(r, i, *pads, source, *pad);
  }
  return count;
}

}  // namespace motley::graph
