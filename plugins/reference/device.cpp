// The reference device and its table of kernels.
#include "device.hpp"

#include <array>

#include "kernels/kernels.hpp"

namespace motley::reference {

namespace {
// One core, one element at a time.
constexpr double kNanosecondsPerElement = 5;
constexpr double kDispatchNanoseconds = 1000;
}  // namespace

std::span<const KernelEntry> ReferenceDevice::kernels() const {
  static const std::array table = {
      unary_kernel(),        binary_kernel(),
      compare_kernel(),      logical_kernel(),
      where_kernel(),        cast_kernel(),
      strided_copy_kernel(), matmul_kernel(),
      conv_kernel(),         conv_transpose_kernel(),
      pool_kernel(),         reduce_kernel(),
      arg_reduce_kernel(),   softmax_kernel(),
      normalize_kernel(),    cumsum_kernel(),
      gather_kernel(),       gather_elements_kernel(),
      gather_nd_kernel(),    scatter_elements_kernel(),
      scatter_nd_kernel(),   topk_kernel(),
      nonzero_kernel(),      non_max_suppression_kernel(),
      resize_kernel(),       grid_sample_kernel(),
      roi_align_kernel(),    range_kernel(),
      fill_kernel(),         quantize_kernel(),
      dequantize_kernel(),   dynamic_quantize_kernel(),
      qlinear_conv_kernel(), qlinear_matmul_kernel(),
      conv_integer_kernel(), matmul_integer_kernel(),
      lstm_kernel(),         gru_kernel(),
      rnn_kernel(),          deform_conv_kernel(),
  };
  return table;
}

std::string ReferenceDevice::fingerprint() const { return "hw vendor=Motley\nkernels scalar=1\n"; }

namespace {

double elements_of(const TensorView* tensor) { return tensor ? static_cast<double>(tensor->elements()) : 0; }

// The elements that one output element of a product is made of.
double depth_of(const NodeView& node, const TensorView& weights) {
  const int rank = weights.shape.rank();
  if (rank < 2) return elements_of(&weights);
  if (node.op() != Op::MatMul && node.op() != Op::MatMulInteger)
    return static_cast<double>(weights.shape.elements(1, rank));
  const auto* raw = node.raw().attributes_as<schema::MatMulAttributes>();
  const int inner = raw && raw->transpose_b() ? rank - 1 : rank - 2;
  return static_cast<double>(weights.shape[static_cast<size_t>(inner)]);
}

// Multiplications, or elements written.
double operations(const NodeView& node) {
  const double out = elements_of(node.output(0));
  switch (node.op()) {
    case Op::Conv:
    case Op::ConvTranspose:
    case Op::ConvInteger:
    case Op::MatMul:
    case Op::MatMulInteger: return node.input(1) ? out * depth_of(node, *node.input(1)) : out;
    case Op::QLinearConv: return node.input(3) ? out * depth_of(node, *node.input(3)) : out;
    case Op::LSTM:
    case Op::GRU:
    case Op::RNN: {  // each step multiplies by both matrices
      const TensorView* x = node.input(0);
      const double steps = x && x->shape.rank() >= 2 ? static_cast<double>(x->shape.elements(0, 2)) : 1;
      return std::max(out, steps * (elements_of(node.input(1)) + elements_of(node.input(2))));
    }
    case Op::Attention: {  // queries by keys, twice
      const TensorView* keys = node.input(1);
      const int rank = keys ? keys->shape.rank() : 0;
      return rank >= 2 ? 2 * out * static_cast<double>(keys->shape[static_cast<size_t>(rank - 2)]) : out;
    }
    case Op::Pool:
    case Op::Reduce:
    case Op::ArgReduce:
    case Op::Softmax: return std::max(2 * out, elements_of(node.input(0)));
    default: return out;
  }
}

}  // namespace

// A prior only: every multiplication, or element that is written, takes as long.
double ReferenceDevice::estimate_cost(const NodeView& node) const {
  return node.output(0) ? kDispatchNanoseconds + kNanosecondsPerElement * operations(node) : 0;
}

std::vector<motley_device_info> ReferenceBackend::enumerate() {
  motley_device_info info = sdk::device_info(0, MOTLEY_DEVICE_CPU, "reference", "Scalar reference", "Motley");
  info.precisions = 0;
  for (DataType type : schema::EnumValuesDataType())
    if (type != DataType::undefined) info.precisions |= 1u << static_cast<unsigned>(type);
  info.peak_gflops = 0.5;
  info.bandwidth_gbps = 1;
  info.dispatch_ns = kDispatchNanoseconds;
  return {info};
}

std::unique_ptr<sdk::Device> ReferenceBackend::open(uint32_t index) {
  return index == 0 ? std::make_unique<ReferenceDevice>() : nullptr;
}

}  // namespace motley::reference
