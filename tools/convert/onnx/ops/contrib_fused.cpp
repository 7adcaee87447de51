// Small fusions of ONNX Runtime's optimizer: sums with what follows them, products with an activation, convolutions of
// images whose channels come last, and ops of com.microsoft that the default domain came to have.
#include <limits>

#include "onnx/ops/build.hpp"
#include "onnx/ops/windows.hpp"

namespace motley::convert {
namespace {

constexpr const char* kDomain = "com.microsoft";
using U = schema::UnaryFunction;
using R = schema::ReduceFunction;

void bias_gelu(OpContext& c) {
  Build b(c);
  c.connect(b.gelu(b.add(c.in(0), c.in(1))), c.out(0));
}

void bias_add(OpContext& c) {
  Build b(c);
  c.connect(b.add(b.add(c.in(0), c.in(1)), c.in(2)), c.out(0));
}

// Inference drops nothing.
void bias_dropout(OpContext& c) {
  Build b(c);
  c.ignore("seed");
  if (c.in(4) != kNone && !c.is_constant_false(c.in(4))) c.unsupported("training_mode is not constant false");
  if (c.out(1) != kNone) c.unsupported("the mask as an output");
  TensorId sum = b.add(c.in(0), c.in(1));
  if (c.in(2) != kNone) sum = b.add(sum, c.in(2));
  c.connect(sum, c.out(0));
}

// Softmax over all dimensions from `axis` on together.
void bias_softmax(OpContext& c) {
  Build b(c);
  for (const char* name : {"is_inner_broadcast", "broadcast_axis"}) c.ignore(name);  // the bias's shape says it too
  const int64_t axis = c.integer("axis", c.integer("softmax_axis", 1));
  c.connect(b.softmax(schema::SoftmaxFunction::softmax, b.add(c.in(0), c.in(1)), axis, true), c.out(0));
}

// Half of the last dimension, times the Gelu of the other half.
void bias_split_gelu(OpContext& c) {
  Build b(c);
  const int64_t width = known_extent(c, c.in(1), 0);
  if (width < 0) c.unsupported("a bias whose shape is not known");
  if (width % 2 != 0) c.invalid("has a bias of " + std::to_string(width) + " elements, an odd number");
  const auto halves = b.split(b.add(c.in(0), c.in(1)), -1, {width / 2, width / 2});
  c.connect(b.mul(halves[0], b.gelu(halves[1])), c.out(0));
}

void gemm_fast_gelu(OpContext& c) {
  Build b(c);
  TensorId product = b.matmul(c.in(0), c.in(1));
  if (c.in(2) != kNone) product = b.add(product, c.in(2));
  c.connect(b.gelu(product, true), c.out(0));
}

struct Activation {
  U function = U::identity;
  float alpha = 0, beta = 0;
};

// By the name of the ONNX op; parameters that are not given have that op's defaults.
Activation activation_of(OpContext& c, std::optional<float> alpha, std::optional<float> beta) {
  struct Known {
    const char* name;
    Activation defaults;
  };
  constexpr float kMax = std::numeric_limits<float>::max();
  static constexpr Known kKnown[] = {
      {"", {}},
      {"Relu", {U::relu}},
      {"Tanh", {U::tanh}},
      {"Sigmoid", {U::sigmoid}},
      {"Softplus", {U::softplus}},
      {"Softsign", {U::softsign}},
      {"HardSwish", {U::hard_swish}},
      {"Erf", {U::erf}},
      {"LeakyRelu", {U::leaky_relu, 0.01f}},
      {"Elu", {U::elu, 1}},
      {"ThresholdedRelu", {U::thresholded_relu, 1}},
      {"HardSigmoid", {U::hard_sigmoid, 0.2f, 0.5f}},
      {"Selu", {U::selu, 1.67326319217681884765625f, 1.05070102214813232421875f}},
      {"Clip", {U::clip, -kMax, kMax}},
  };
  const std::string name = c.text("activation", "");
  for (const Known& known : kKnown) {
    if (name != known.name) continue;
    Activation result = known.defaults;
    if (alpha) result.alpha = *alpha;
    if (beta) result.beta = *beta;
    return result;
  }
  c.unsupported("attribute activation = \"" + name + "\"");
}

std::optional<float> optional_number(OpContext& c, const char* name) {
  return c.has(name) ? std::optional<float>(c.number(name, 0)) : std::nullopt;
}

// Gemm, then an activation; Selu's second parameter is called gamma.
void fused_gemm(OpContext& c) {
  Build b(c);
  schema::MatMulAttributesT attributes;
  attributes.transpose_a = c.flag("transA", false);
  attributes.transpose_b = c.flag("transB", false);
  attributes.alpha = c.number("alpha", 1);
  attributes.beta = c.number("beta", 1);
  const auto alpha = optional_number(c, "activation_alpha"), beta = optional_number(c, "activation_beta"),
             gamma = optional_number(c, "activation_gamma");
  const Activation a = activation_of(c, alpha, gamma ? gamma : beta);
  const TensorId product = c.temp("gemm", Op::Gemm, c.inputs(), std::move(attributes));
  c.connect(a.function == U::identity ? product : b.unary(a.function, product, a.alpha, a.beta), c.out(0));
}

// (N, spatial…, C) to (N, C, spatial…), for any number of dimensions.
TensorId channels_moved(Build& b, TensorId x, bool to_front) {
  const auto rank = b.c.rank(x);
  if (!rank || *rank < 3) b.c.unsupported("an image whose rank is not known, or under 3");
  const auto dims = static_cast<int64_t>(*rank);
  std::vector<int64_t> perm{0};
  if (to_front) perm.push_back(dims - 1);
  for (int64_t d = 1; d < dims - 1; ++d) perm.push_back(to_front ? d : d + 1);
  if (!to_front) perm.push_back(1);
  return b.transpose(x, std::move(perm));
}

schema::ConvAttributesT conv_attributes(OpContext& c, TensorId weights) {
  schema::ConvAttributesT attributes;
  read_window(c, attributes);
  attributes.group = c.integer("group", 1);
  check_kernel_shape(c, weights);
  return attributes;
}

// Weights have the layout of Conv, (M, C / group, kernel…), in NhwcFusedConv.
void nhwc_fused_conv(OpContext& c) {
  Build b(c);
  schema::ConvAttributesT attributes = conv_attributes(c, c.in(1));
  const std::vector<float> parameters = c.numbers("activation_params");
  const auto parameter = [&](size_t i) {
    return i < parameters.size() ? std::optional<float>(parameters[i]) : std::nullopt;
  };
  const Activation a = activation_of(c, parameter(0), parameter(1));
  attributes.activation = schema::Activation(a.alpha, a.beta, a.function);
  const TensorId residual = c.in(3) == kNone ? kNone : channels_moved(b, c.in(3), true);
  const TensorId y =
      c.temp("conv", Op::Conv, {channels_moved(b, c.in(0), true), c.in(1), c.in(2), residual}, std::move(attributes));
  c.connect(channels_moved(b, y, false), c.out(0));
}

// Its documentation gives the weights' layout as Conv's, and its kernels take channels last. A kernel's channels times
// the groups are the image's: that tells which one the file has, unless both fit.
void nhwc_conv(OpContext& c) {
  Build b(c);
  const int64_t channels = known_extent(c, c.in(0), -1), group = c.integer("group", 1);
  const int64_t second = known_extent(c, c.in(1), 1), last = known_extent(c, c.in(1), -1);
  if (channels < 0 || second < 0 || last < 0) c.unsupported("an image or weights whose shape is not known");
  const bool first_fits = second * group == channels, last_fits = last * group == channels;
  std::vector<int64_t> kernel = c.integers("kernel_shape");
  const auto& shape = *c.shape(c.in(1));
  const auto is_kernel = [&](size_t from) {
    for (size_t d = 0; d < kernel.size(); ++d)
      if (from + d >= shape.size() || shape[from + d].value != kernel[d]) return false;
    return true;
  };
  const bool first = first_fits && is_kernel(2), moved = last_fits && is_kernel(1);
  if (first == moved) c.unsupported("weights whose layout their shape does not tell");
  const TensorId weights = moved ? channels_moved(b, c.in(1), true) : c.in(1);
  const TensorId y =
      c.temp("conv", Op::Conv, {channels_moved(b, c.in(0), true), weights, c.in(2)}, conv_attributes(c, weights));
  c.connect(channels_moved(b, y, false), c.out(0));
}

void nhwc_max_pool(OpContext& c) {
  Build b(c);
  schema::PoolAttributesT attributes;
  attributes.function = schema::PoolFunction::max;
  attributes.kernel_shape = c.integers("kernel_shape");
  if (attributes.kernel_shape.empty()) c.invalid("lacks the attribute kernel_shape");
  read_window(c, attributes);
  attributes.ceil_mode = c.flag("ceil_mode", false);
  const TensorId y = c.temp("pool", Op::Pool, {channels_moved(b, c.in(0), true)}, std::move(attributes));
  c.connect(channels_moved(b, y, false), c.out(0));
}

void conv_transpose_with_pads(OpContext& c) {
  schema::ConvTransposeAttributesT attributes;
  read_window(c, attributes);
  attributes.group = c.integer("group", 1);
  attributes.output_padding = c.integers("output_padding");
  check_kernel_shape(c, c.in(1));
  if (c.in(2) != kNone) {
    const auto pads = c.folded_ints(c.in(2));
    if (!pads) c.unsupported("pads that are not constant");
    if (attributes.auto_pad == schema::AutoPad::explicit_) attributes.pads = *pads;
  }
  c.emit(Op::ConvTranspose, {c.in(0), c.in(1), c.in(3)}, std::move(attributes));
}

// Distances between the rows of A (M, K) and B (N, K).
void cdist(OpContext& c) {
  Build b(c);
  const bool root = c.choice<bool>("metric", "sqeuclidean", {{"sqeuclidean", false}, {"euclidean", true}});
  const TensorId difference = b.sub(b.unsqueeze(c.in(0), {1}), b.unsqueeze(c.in(1), {0}));
  const TensorId squares = b.reduce(R::sum_square, difference, {2}, false);
  c.connect(root ? b.unary(U::sqrt, squares) : squares, c.out(0));
}

void expand_dims(OpContext& c) {
  c.emit(Op::Unsqueeze, {c.in(0), Build(c).reshape(Build(c).cast(c.in(1), DataType::int64), {1})},
         schema::AxesAttributesT());
}

// Pads may be a matrix of one row; modes and value are as in the default domain.
void pad(OpContext& c) {
  using M = schema::PadMode;
  schema::PadAttributesT attributes;
  attributes.mode =
      c.choice<M>("mode", "constant", {{"constant", M::constant}, {"reflect", M::reflect}, {"edge", M::edge}});
  Build b(c);
  const TensorId value = c.in(2) == kNone ? kNone : b.reshape(c.in(2), {});
  c.emit(Op::Pad, {c.in(0), b.reshape(c.in(1), {-1}), value}, std::move(attributes));
}

void range(OpContext& c) {
  Build b(c);
  const TensorId delta = c.in(2) == kNone ? b.like(c.in(0), 1) : b.reshape(c.in(2), {});
  c.emit(Op::Range, {b.reshape(c.in(0), {}), b.reshape(c.in(1), {}), delta}, schema::NoAttributesT());
}

void trilu(OpContext& c) {
  schema::TriluAttributesT attributes;
  attributes.upper = c.flag("upper", true);
  c.emit(Op::Trilu, c.inputs(), std::move(attributes));
}

void gather_nd(OpContext& c) { c.emit(Op::GatherND, c.inputs(), schema::BatchDimsAttributesT()); }

// Sums of 8-bit integers as 32-bit ones.
void reduce_sum_integer(OpContext& c) {
  Build b(c);
  if (!c.has("axes")) c.invalid("lacks the attribute axes");
  const bool is_signed = c.type(c.in(0)) == DataType::int8;
  const TensorId wide = b.cast(c.in(0), is_signed ? DataType::int32 : DataType::uint32);
  c.connect(b.reduce(R::sum, wide, c.integers("axes"), c.flag("keepdims", true)), c.out(0));
}

constexpr OpRule contrib(const char* op, int least, int most, int outputs, void (*import)(OpContext&)) {
  return {op, 1, least, most, outputs, import, 0, nullptr, 0, nullptr, 0, kDomain};
}

constexpr OpRule kRules[] = {
    contrib("BiasGelu", 2, 2, 1, bias_gelu),
    contrib("BiasAdd", 3, 3, 1, bias_add),
    contrib("BiasDropout", 2, 5, 2, bias_dropout),
    contrib("BiasSoftmax", 2, 2, 1, bias_softmax),
    contrib("BiasSplitGelu", 2, 2, 1, bias_split_gelu),
    contrib("GemmFastGelu", 2, 3, 1, gemm_fast_gelu),
    contrib("FusedGemm", 2, 3, 1, fused_gemm),
    contrib("NhwcConv", 2, 3, 1, nhwc_conv),
    contrib("NhwcFusedConv", 2, 4, 1, nhwc_fused_conv),
    contrib("NhwcMaxPool", 1, 1, 1, nhwc_max_pool),
    contrib("ConvTransposeWithDynamicPads", 2, 4, 1, conv_transpose_with_pads),
    contrib("CDist", 2, 2, 1, cdist),
    contrib("ExpandDims", 2, 2, 1, expand_dims),
    contrib("Pad", 2, 3, 1, pad),
    contrib("Range", 2, 3, 1, range),
    contrib("Trilu", 1, 2, 1, trilu),
    contrib("GatherND", 2, 2, 1, gather_nd),
    contrib("ReduceSumInteger", 1, 1, 1, reduce_sum_integer),
};

}  // namespace

std::span<const OpRule> ops::contrib_fused() { return kRules; }

}  // namespace motley::convert
