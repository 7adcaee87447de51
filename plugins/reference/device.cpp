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

// A prior only: every output element costs the elements that it is made of.
double ReferenceDevice::estimate_cost(const NodeView& node) const {
  const TensorView* out = node.output(0);
  if (!out) return 0;
  double per_output = 1;
  const TensorView* weights = node.input(1);
  const bool product = node.op() == Op::Conv || node.op() == Op::ConvTranspose || node.op() == Op::MatMul;
  if (product && weights && weights->shape.size() > 0) {
    const int rank = weights->shape.rank();
    per_output = node.op() == Op::MatMul
                     ? static_cast<double>(weights->shape[static_cast<size_t>(std::max(0, rank - 2))])
                     : static_cast<double>(weights->shape.elements(1, rank));
  }
  return kDispatchNanoseconds + kNanosecondsPerElement * per_output * static_cast<double>(out->elements());
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
