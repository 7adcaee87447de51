// The CPU as a device.
#include "device.hpp"

#include <array>

#include "kernels/attention.hpp"
#include "kernels/conv.hpp"
#include "kernels/kernels.hpp"
#include "kernels/matmul.hpp"

namespace motley::cpu {

namespace {

// Of what the nominal peak promises, well blocked kernels get about this share.
constexpr double kEfficiency = 0.6;
constexpr double kDispatchNs = 1000;
constexpr double kCoreGbps = 10;
// Handing work to a thread and waiting for it, per thread.
constexpr double kThreadNs = 1000;

double operations(const NodeView& node) {
  switch (node.op()) {
    case Op::Conv: return conv_flops(node);
    case Op::MatMul: return matmul_flops(node);
    case Op::Attention: return attention_flops(node);
    case Op::Pool: return 9.0 * static_cast<double>(node.output(0)->elements());
    case Op::Softmax:
    case Op::Normalize:
    case Op::Unary: return 20.0 * static_cast<double>(node.output(0)->elements());
    default: return static_cast<double>(node.output(0)->elements());
  }
}

double bytes_moved(const NodeView& node) {
  double bytes = 0;
  for (size_t i = 0; i < node.input_count(); ++i)
    if (node.input(i)) bytes += static_cast<double>(node.input(i)->bytes());
  for (size_t i = 0; i < node.output_count(); ++i)
    if (node.output(i)) bytes += static_cast<double>(node.output(i)->bytes());
  return bytes;
}

}  // namespace

std::span<const KernelEntry> CpuDevice::kernels() const {
  static const std::array<KernelEntry, 31> all{
      conv_kernel(),          conv_transpose_kernel(), matmul_kernel(),
      pool_kernel(),          unary_kernel(),          binary_kernel(),
      compare_kernel(),       logical_kernel(),        where_kernel(),
      cast_kernel(),          softmax_kernel(),        strided_copy_kernel(),
      normalize_kernel(),     reduce_kernel(),         gather_kernel(),
      resize_kernel(),        lstm_kernel(),           gru_kernel(),
      rnn_kernel(),           quantize_kernel(),       dequantize_kernel(),
      qlinear_conv_kernel(),  attention_kernel(),      dynamic_quantize_kernel(),
      conv_integer_kernel(),  qlinear_matmul_kernel(), matmul_integer_kernel(),
      qlinear_unary_kernel(), qlinear_binary_kernel(), qlinear_pool_kernel(),
      byte_pool_kernel()};
  return all;
}

const char* CpuDevice::build_id() { return "cpu-1"; }

std::string CpuDevice::fingerprint() const {
  return "hw cpu=" + topology_.model + "\nhw isa=" + simd_name() + "\nhw cores=" + std::to_string(topology_.cores) +
         "\nhw l2=" + std::to_string(topology_.l2_bytes) + "\nkernels build=" + build_id() +
         "\nkernels space_rev=" + std::to_string(space_rev()) + "\n";
}

double CpuDevice::peak_gflops() const {
  return 4.0 * static_cast<double>(simd_lanes()) * topology_.clock_ghz * topology_.cores;
}
double CpuDevice::bandwidth_gbps() const { return std::min(kCoreGbps * topology_.cores, 40.0); }

// A roofline: whichever takes longer, arithmetic or memory; on one thread, or on all where that is worth it.
double CpuDevice::estimate_cost(const NodeView& node) const {
  if (node.output(0) == nullptr) return 0;
  const double compute_ns = operations(node) / (peak_gflops() * kEfficiency), bytes = bytes_moved(node);
  const double cores = std::max(1u, topology_.cores);
  const double together = std::max(compute_ns, bytes / bandwidth_gbps()) + kThreadNs * cores;
  const double alone = std::max(compute_ns * cores, bytes / kCoreGbps);
  return kDispatchNs + std::min(alone, together);
}

std::vector<Parameter> CpuDevice::tuning_space(const NodeView& node) const {
  if (node.op() == Op::Conv) return conv_space(node);
  if (node.op() == Op::MatMul) return matmul_space(node);
  return {};
}

std::string CpuDevice::problem_key(const NodeView& node) const {
  if (node.op() == Op::Conv) return conv_problem_key(node);
  if (node.op() == Op::MatMul) return matmul_problem_key(node);
  return {};  // nothing to choose: the host's own key does
}

Reason CpuDevice::config_check(const NodeView& node, const Config& config) const {
  if (node.op() == Op::Conv) return conv_config_check(node, config);
  if (node.op() == Op::MatMul) return matmul_config_check(node, config);
  return config.values().empty() ? Reason() : "this op has no parameters";
}

motley_device_info CpuDevice::describe() const {
  motley_device_info info = sdk::device_info(0, MOTLEY_DEVICE_CPU, "cpu", topology_.model, topology_.vendor);
  info.peak_gflops = peak_gflops();
  info.bandwidth_gbps = bandwidth_gbps();
  info.memory_bytes = topology_.memory_bytes;
  info.dispatch_ns = kDispatchNs;
  return info;
}

}  // namespace motley::cpu
