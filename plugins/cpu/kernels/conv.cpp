// Convolution: checks, the choice of algorithm, and what a tuner may choose from.
#include "kernels/conv.hpp"

#include "kernels/kernels.hpp"

namespace motley::cpu {

namespace {

void check(const NodeView& node) {
  check_arity(node, 2, 4);
  check_all_float(node);
  make_convolution(node);
}

constexpr int64_t kFewOutputs = 12;

// Offsets of the columns' elements in the padded image, in int32_t.
bool reads_in_place(const Convolution& c) { return c.channels_in() * c.plane.elements() < (int64_t{1} << 31); }

std::string numbered(const char* name, int64_t y, int64_t x) {
  return std::string(" ") + name + "=" + std::to_string(y) + "x" + std::to_string(x);
}

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext& context) {
  const Reason why = conv_config_check(node, context.config);
  if (!why.empty()) throw StatusError(MOTLEY_INVALID_ARGUMENT, why);
  const Convolution c = make_convolution(node);
  if (c.is_empty()) return make_kernel("conv_empty", [](const RunContext&) {});
  const std::string algorithm = context.config.get("algorithm", conv_algorithms(c).front());
  if (algorithm == "depthwise") return make_conv_depthwise(c, context.threads);
  return make_conv_gemm(c, algorithm == "im2col", blocking_of(context.config), context.threads);
}

}  // namespace

Convolution make_convolution(const NodeView& node) {
  const TensorView &x = *node.input(0), &w = *node.input(1), &y = *node.output(0);
  const auto& attributes = node.attributes<schema::ConvAttributes>();
  require(x.shape.rank() == 3 || x.shape.rank() == 4, "only 1 and 2 spatial dimensions are supported");
  require(w.shape.rank() == x.shape.rank(), "the ranks of input and weights differ");
  Convolution c;
  c.batch = x.shape[0];
  c.in_channels = x.shape[1];
  c.out_channels = w.shape[0];
  c.group = attributes.group();
  require(c.group >= 1, "group must be positive");
  require(c.in_channels % c.group == 0 && c.out_channels % c.group == 0, "group does not divide the channels");
  require(w.shape[1] == c.channels_in(), "the weights are for another number of channels");
  c.window = make_window(x.shape, {{w.shape.begin() + 2, w.shape.end()},
                                   sdk::numbers(attributes.strides()),
                                   sdk::numbers(attributes.dilations()),
                                   sdk::numbers(attributes.pads()),
                                   attributes.auto_pad()});
  Shape expected{c.batch, c.out_channels};
  if (x.shape.rank() == 4) expected.push_back(c.window.y.output);
  expected.push_back(c.window.x.output);
  check_shape(y, expected, "output 0");
  if (const TensorView* bias = node.input(2)) check_shape(*bias, Shape{c.out_channels}, "bias");
  if (const TensorView* residual = node.input(3)) check_shape(*residual, expected, "residual");
  check_activation(attributes.activation());
  require(c.in_channels > 0 || c.is_empty(), "no input channels");
  c.has_bias = node.input(2) != nullptr;
  c.has_residual = node.input(3) != nullptr;
  c.weights = static_cast<const float*>(w.constant);
  c.epilogue = Epilogue(attributes.activation(), c.has_residual ? Between::residual : Between::nothing);
  if (!c.is_empty()) c.plane = PaddedPlane(c.window);
  require(c.plane.elements() == 0 || c.in_channels < (int64_t{1} << 40) / c.plane.elements(),
          "the padded image is too large");
  return c;
}

std::vector<std::string> conv_algorithms(const Convolution& c) {
  if (c.is_empty()) return {"im2col"};
  std::vector<std::string> list;
  if (c.is_depthwise() && c.channels_out() <= 4) list.push_back("depthwise");
  // Copying columns together costs little beside what it saves: aligned loads, no columns between rows. With few
  // outputs to share a copy, it is the other way round (AVX-512, 3x3 of 64 channels: 2.3 times as fast for 4 outputs,
  // as fast for 16).
  const char* direct = c.is_pointwise() ? "direct1x1" : "direct";
  const bool in_place = reads_in_place(c);
  if (in_place && c.channels_out() <= kFewOutputs) list.push_back(direct);
  list.push_back("im2col");
  if (in_place && c.channels_out() > kFewOutputs) list.push_back(direct);
  if (c.is_depthwise() && c.channels_out() > 4) list.push_back("depthwise");
  return list;
}

std::vector<Parameter> conv_space(const NodeView& node) {
  std::vector<Parameter> space = blocking_space();
  space.insert(space.begin(), {"algorithm", conv_algorithms(make_convolution(node))});
  return space;
}

Reason conv_config_check(const NodeView& node, const Config& config) {
  for (const auto& [key, value] : config.values())
    if (key != "algorithm" && key != "mc" && key != "kc" && key != "nc") return "unknown parameter (" + key + ")";
  try {
    blocking_of(config);
  } catch (const StatusError& e) {
    return e.what();
  }
  const std::vector<std::string> known = conv_algorithms(make_convolution(node));
  const std::string algorithm = config.get("algorithm", known.front());
  if (std::find(known.begin(), known.end(), algorithm) == known.end())
    return "algorithm (" + algorithm + ") does not fit this convolution";
  return {};
}

std::string conv_problem_key(const NodeView& node) {
  const Convolution c = make_convolution(node);
  const WindowAxis &y = c.window.y, &x = c.window.x;
  std::string key = "conv f32 n=" + std::to_string(c.batch) + " c=" + std::to_string(c.in_channels) +
                    " m=" + std::to_string(c.out_channels) + " g=" + std::to_string(c.group);
  key += numbered("in", y.input, x.input) + numbered("k", y.kernel, x.kernel) + numbered("s", y.stride, x.stride) +
         numbered("d", y.dilation, x.dilation) + numbered("p", y.pad_begin, x.pad_begin) +
         numbered("q", y.pad_end, x.pad_end);
  if (!c.weights) key += " weights=computed";
  if (c.has_bias) key += " bias";
  if (c.has_residual) key += " residual";
  const auto* activation = node.attributes<schema::ConvAttributes>().activation();
  if (activation && activation->function() != schema::UnaryFunction::identity)
    key += std::string(" act=") + schema::EnumNameUnaryFunction(activation->function());
  return key;
}

double conv_flops(const NodeView& node) { return make_convolution(node).flops(); }

KernelEntry conv_kernel() { return entry<check>(Op::Conv, prepare); }

}  // namespace motley::cpu
