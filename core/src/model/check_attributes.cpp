// Attributes of a node, checked as far as no shape inference is needed: enum values, and memory that regions touch.
#include <algorithm>

#include "base/text.hpp"
#include "model/check.hpp"

namespace motley::model {
namespace {

using graph::DataType;
using graph::Graph;
using graph::Node;

// Enums whose values follow each other from 0 to the generated MAX.
template <class... Enums>
std::string enum_reason(Enums... values) {
  std::string reason;
  const auto check = [&](auto value) {
    if (value > decltype(value)::MAX && reason.empty())
      reason = base::text("with an unknown enum value (%)", {static_cast<int>(value)});
  };
  (check(values), ...);
  return reason;
}

std::string fill_reason(DataType type, size_t bytes) {
  if (type == DataType::undefined || type > DataType::MAX)
    return base::text("with a wrong type (%)", {static_cast<int>(type)});
  return bytes == graph::element_bytes(type)
             ? ""
             : base::text("with a value of % bytes (one %)", {bytes, graph::to_string(type)});
}

// Lowest and highest element that one side of a region touches stay inside `elements`. Products are overflow-checked.
bool inside(const std::vector<int64_t>& extents, int64_t offset, const std::vector<int64_t>& strides,
            int64_t elements) {
  int64_t low = offset, high = offset;
  for (size_t i = 0; i < extents.size(); ++i) {
    int64_t reach;
    if (__builtin_mul_overflow(extents[i] - 1, strides[i], &reach)) return false;
    int64_t& end = reach < 0 ? low : high;
    if (__builtin_add_overflow(end, reach, &end)) return false;
  }
  return low >= 0 && high < elements;
}

std::string region_reason(const Graph& graph, const Node& node, const schema::RegionT& region, const Limits& limits) {
  const size_t rank = region.extents.size();
  if (region.src_strides.size() != rank || region.dst_strides.size() != rank || rank > limits.max_rank) {
    return base::text("with a region whose lists differ in length or are longer than %", {limits.max_rank});
  }
  if (region.input < 0 || static_cast<size_t>(region.input) >= node.inputs.size() ||
      node.inputs[static_cast<size_t>(region.input)] < 0) {
    return base::text("with a region of an input that is not there (%)", {region.input});
  }
  if (std::any_of(region.extents.begin(), region.extents.end(), [](int64_t extent) { return extent < 0; }))
    return "with a region of negative extent";
  if (std::find(region.extents.begin(), region.extents.end(), 0) != region.extents.end()) return "";
  const graph::Tensor& source = graph.tensor(node.inputs[static_cast<size_t>(region.input)]);
  const graph::Tensor& target = graph.tensor(node.outputs[0]);
  if (!source.shape_known() || !target.shape_known()) return "between tensors whose shapes are not known";
  if (!inside(region.extents, region.src_offset, region.src_strides, source.elements()) ||
      !inside(region.extents, region.dst_offset, region.dst_strides, target.elements())) {
    return "with a region that reaches outside its tensors";
  }
  return "";
}

std::string strided_copy_reason(const Graph& graph, const Node& node, const Limits& limits) {
  const schema::StridedCopyAttributesT& a = *node.attributes.AsStridedCopyAttributes();
  const DataType type = graph.tensor(node.outputs[0]).type;
  if (!a.fill.empty() && a.fill.size() != graph::element_bytes(type))
    return base::text("with a fill value of % bytes for %", {a.fill.size(), graph::to_string(type)});
  for (const auto& region : a.regions) {
    if (const std::string reason = region_reason(graph, node, *region, limits); !reason.empty()) return reason;
    if (graph.tensor(node.inputs[static_cast<size_t>(region->input)]).type != type)
      return "that copies between tensors of different types";
  }
  return "";
}

}  // namespace

std::string attributes_reason(const Graph& graph, const Node& node, const Limits& limits) {
  const auto& u = node.attributes;
  switch (u.type) {
    case schema::Attributes::UnaryAttributes: return enum_reason(u.AsUnaryAttributes()->function);
    case schema::Attributes::BinaryAttributes:
      return enum_reason(u.AsBinaryAttributes()->function, u.AsBinaryAttributes()->activation.function());
    case schema::Attributes::CompareAttributes: return enum_reason(u.AsCompareAttributes()->function);
    case schema::Attributes::LogicalAttributes: return enum_reason(u.AsLogicalAttributes()->function);
    case schema::Attributes::CastAttributes: return enum_reason(u.AsCastAttributes()->to);
    case schema::Attributes::StridedCopyAttributes: return strided_copy_reason(graph, node, limits);
    case schema::Attributes::MatMulAttributes: return enum_reason(u.AsMatMulAttributes()->activation.function());
    case schema::Attributes::ConvAttributes:
      return enum_reason(u.AsConvAttributes()->auto_pad, u.AsConvAttributes()->activation.function());
    case schema::Attributes::ConvTransposeAttributes:
      return enum_reason(u.AsConvTransposeAttributes()->auto_pad, u.AsConvTransposeAttributes()->activation.function());
    case schema::Attributes::PoolAttributes:
      return enum_reason(u.AsPoolAttributes()->function, u.AsPoolAttributes()->auto_pad);
    case schema::Attributes::GlobalPoolAttributes: return enum_reason(u.AsGlobalPoolAttributes()->function);
    case schema::Attributes::ReduceAttributes: return enum_reason(u.AsReduceAttributes()->function);
    case schema::Attributes::SoftmaxAttributes: return enum_reason(u.AsSoftmaxAttributes()->function);
    case schema::Attributes::ScatterAttributes: return enum_reason(u.AsScatterAttributes()->reduction);
    case schema::Attributes::ResizeAttributes: {
      const auto& a = *u.AsResizeAttributes();
      return enum_reason(a.mode, a.coordinates, a.rounding);
    }
    case schema::Attributes::QuantizeAttributes: return enum_reason(u.AsQuantizeAttributes()->to);
    case schema::Attributes::RecurrentAttributes: {
      for (const auto function : u.AsRecurrentAttributes()->activations) {
        if (const std::string reason = enum_reason(function); !reason.empty()) return reason;
      }
      return "";
    }
    case schema::Attributes::PadAttributes: return enum_reason(u.AsPadAttributes()->mode);
    case schema::Attributes::EyeLikeAttributes: return enum_reason(u.AsEyeLikeAttributes()->to);
    case schema::Attributes::FillAttributes:
      return fill_reason(u.AsFillAttributes()->type, u.AsFillAttributes()->value.size());
    case schema::Attributes::LayerNormalizationAttributes:
      return enum_reason(u.AsLayerNormalizationAttributes()->stash_type);
    case schema::Attributes::VariadicAttributes: return enum_reason(u.AsVariadicAttributes()->function);
    default: return "";
  }
}

}  // namespace motley::model
