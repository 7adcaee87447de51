// Convolution: what its algorithms share. kernels/conv.cpp chooses among them.
#pragma once

#include "kernels/gemm.hpp"

namespace motley::cpu {

// Geometry and operands of a Conv node, valid after its attributes are gone.
struct Convolution {
  int64_t batch = 0, in_channels = 0, out_channels = 0, group = 1;
  Window window;
  PaddedPlane plane;
  Epilogue epilogue;
  const float* weights = nullptr;  // constant, or null
  bool has_bias = false, has_residual = false;

  int64_t channels_in() const { return in_channels / group; }    // per group
  int64_t channels_out() const { return out_channels / group; }  // per group
  int64_t depth() const { return channels_in() * window.taps(); }
  bool is_empty() const { return batch * out_channels * window.outputs() == 0; }
  bool is_pointwise() const { return window.x.is_trivial() && window.y.is_trivial(); }
  bool is_depthwise() const { return channels_in() == 1; }
  double flops() const {
    return 2.0 * static_cast<double>(batch * out_channels) * static_cast<double>(window.outputs()) *
           static_cast<double>(depth());
  }
};

// Throws StatusError where the node is not supported.
Convolution make_convolution(const NodeView& node);

// Matrix multiplication of weights by columns of the image: copied together first (im2col), or read where they are.
std::unique_ptr<Kernel> make_conv_gemm(const Convolution& convolution, bool copy_columns, const Blocking& blocking,
                                       const Threads& threads);
// A sliding window per channel, for groups of one input channel.
std::unique_ptr<Kernel> make_conv_depthwise(const Convolution& convolution, const Threads& threads);

// Algorithms that can run it, the presumably best one first: im2col, direct1x1, direct, depthwise.
std::vector<std::string> conv_algorithms(const Convolution& convolution);
std::vector<Parameter> conv_space(const NodeView& node);
Reason conv_config_check(const NodeView& node, const Config& config);
std::string conv_problem_key(const NodeView& node);
double conv_flops(const NodeView& node);

}  // namespace motley::cpu
