// Convolutions: channels, groups, kernels and the spatial extents that follow.
#include <algorithm>

#include "graph/infer/rules.hpp"
#include "graph/infer/window.hpp"

namespace motley::graph::infer {

namespace {

using schema::AutoPad;

void require_operands(const Context& c, size_t x, size_t w) {
  c.require_rank(x, 3, sdk::kMaxRank, "the input");
  c.require_rank(w, 3, sdk::kMaxRank, "the weights");
  if (c.shape(x) && c.shape(w) && c.shape(x)->size() != c.shape(w)->size())
    c.fail("the weights have rank % (expected % as the input)", {c.shape(w)->size(), c.shape(x)->size()});
}

// Input channels against the weights' channels per group; output channels against the group.
void check_channels(const Context& c, const Dims& x, const Dims& w, int64_t group) {
  if (group < 1) c.fail("group (%) is below 1", {group});
  if (x[1].known() && x[1].value % group != 0)
    c.fail("the input's channels (%) do not divide into % groups", {x[1].value, group});
  if (x[1].known() && w[1].known() && w[1].value != x[1].value / group)
    c.fail("weights have % input channels per group (expected %)", {w[1].value, x[1].value / group});
  if (w[0].known() && w[0].value % group != 0)
    c.fail("the output channels (%) do not divide into % groups", {w[0].value, group});
}

// The output of a plain convolution of inputs x and w; nothing where a rank is unknown.
std::optional<Dims> conv_shape(const Context& c, size_t x, size_t w, const schema::ConvAttributesT& a) {
  require_operands(c, x, w);
  const Dims *input = c.shape(x), *weights = c.shape(w);
  if (!input || !weights) return std::nullopt;
  check_channels(c, *input, *weights, a.group);
  const std::span<const Dim> kernel(weights->begin() + 2, weights->end());
  const std::vector<Window> spatial = windows(c, kernel, a.strides, a.dilations, a.pads, a.auto_pad);
  Dims result{(*input)[0], (*weights)[0]};
  for (size_t i = 0; i < spatial.size(); ++i)
    result.push_back(window_positions(c, (*input)[i + 2], spatial[i], a.auto_pad, Rounding::down));
  return result;
}

void require_bias(const Context& c, size_t i, const Dim& channels) {
  if (c.has(i)) c.require_shape(i, Dims{channels}, "the bias");
}

}  // namespace

void conv(Context& c) {
  const auto& a = c.attributes<schema::ConvAttributesT>();
  c.require_type(0, kFloat, "the input");
  c.require_type(1, kFloat, "the weights");
  c.require_same_type(1);
  std::optional<Dims> shape = conv_shape(c, 0, 1, a);
  if (c.shape(1)) require_bias(c, 2, (*c.shape(1))[0]);
  if (c.has(2)) c.require_type(2, kNumeric, "the bias");
  if (c.has(3)) {
    c.require_same_type(3);
    if (shape) c.require_shape(3, *shape, "the residual");
  }
  c.set(0, c.type(0), std::move(shape));
}

void conv_transpose(Context& c) {
  const auto& a = c.attributes<schema::ConvTransposeAttributesT>();
  c.require_type(0, kFloat, "the input");
  c.require_type(1, kFloat, "the weights");
  c.require_same_type(1);
  require_operands(c, 0, 1);
  const Dims *x = c.shape(0), *w = c.shape(1);
  if (!x || !w) return c.set(0, c.type(0), std::nullopt);

  if (a.group < 1) c.fail("group (%) is below 1", {a.group});
  const Dim channels = unify(c, (*x)[1], (*w)[0], "the input's channels and the weights' input channels");
  if (channels.known() && channels.value % a.group != 0)
    c.fail("the input's channels (%) do not divide into % groups", {channels.value, a.group});
  Dims result{(*x)[0], multiply(c, (*w)[1], Dim(a.group))};
  require_bias(c, 2, result[1]);
  if (c.has(2)) c.require_type(2, kNumeric, "the bias");

  const std::span<const Dim> kernel(w->begin() + 2, w->end());
  const std::vector<Window> spatial = windows(c, kernel, a.strides, a.dilations, a.pads, a.auto_pad);
  const Extents extra = list_attribute(c, a.output_padding, spatial.size(), 0, 0, "output_padding");
  const Extents given = list_attribute(c, a.output_shape, spatial.size(), 0, 1, "output_shape");
  for (size_t i = 0; i < spatial.size(); ++i) {
    const Window& window = spatial[i];
    if (extra[i] >= std::max(window.stride, window.dilation))
      c.fail("output_padding (%) is not below stride (%) or dilation (%)", {extra[i], window.stride, window.dilation});
    const Dim& in = (*x)[i + 2];
    if (!a.output_shape.empty()) {
      result.push_back(Dim(given[i]));
    } else if (a.auto_pad == AutoPad::same_upper || a.auto_pad == AutoPad::same_lower) {
      result.push_back(multiply(c, in, Dim(window.stride)));
    } else if (!in.known() || !window.kernel.known()) {
      result.push_back(Dim());
    } else {
      const int64_t full = checked_add(c, checked_mul(c, window.stride, in.value - 1),
                                       checked_add(c, effective_kernel(c, window), extra[i]));
      // Each pad is compared alone first, so that the difference cannot overflow.
      const bool pads_fit = window.pad_begin <= full && window.pad_end <= full;
      const int64_t out = pads_fit ? full - window.pad_begin - window.pad_end : 0;
      if (in.value < 1 || out < 1)
        c.fail("the pads (%, %) leave nothing of the output (%)", {window.pad_begin, window.pad_end, full});
      result.push_back(Dim(out));
    }
  }
  c.set(0, c.type(0), std::move(result));
}

void conv_integer(Context& c) {
  c.require_type(0, kInteger, "the input");
  c.require_type(1, kInteger, "the weights");
  if (c.has(2)) c.require_same_type(2, 0);
  if (c.has(3)) c.require_same_type(3, 1);
  c.set(0, DataType::int32, conv_shape(c, 0, 1, c.attributes<schema::ConvAttributesT>()));
}

// x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, bias
void qlinear_conv(Context& c) {
  c.require_type(0, kInteger, "the input");
  c.require_type(3, kInteger, "the weights");
  c.require_same_type(2, 0);
  c.require_same_type(5, 3);
  for (size_t i : {1, 4, 6}) c.require_type(i, kFloat, "a scale");
  c.require_type(7, kInteger, "the output's zero point");
  std::optional<Dims> shape = conv_shape(c, 0, 3, c.attributes<schema::ConvAttributesT>());
  if (c.has(8)) {
    c.require_type_is(8, DataType::int32, "the bias");
    if (c.shape(3)) require_bias(c, 8, (*c.shape(3))[0]);
  }
  c.set(0, c.type(7), std::move(shape));
}

// X, W, offset, bias, mask
void deform_conv(Context& c) {
  const auto& a = c.attributes<schema::DeformConvAttributesT>();
  c.require_type(0, kFloat, "the input");
  for (size_t i = 1; i < c.input_count(); ++i)
    if (c.has(i)) c.require_same_type(i);
  schema::ConvAttributesT plain;
  plain.strides = a.strides;
  plain.dilations = a.dilations;
  plain.pads = a.pads;
  plain.group = a.group;
  if (a.offset_group < 1) c.fail("offset_group (%) is below 1", {a.offset_group});
  std::optional<Dims> shape = conv_shape(c, 0, 1, plain);
  if (shape) {
    const Dims &x = *c.shape(0), &w = *c.shape(1);
    if (x[1].known() && x[1].value % a.offset_group != 0)
      c.fail("the input's channels (%) do not divide into % offset groups", {x[1].value, a.offset_group});
    require_bias(c, 3, w[0]);
    const size_t spatial = x.size() - 2;
    const Dim taps = multiply(c, product(c, std::span(w).subspan(2)), Dim(a.offset_group));
    Dims offsets = *shape;
    offsets[1] = multiply(c, taps, Dim(static_cast<int64_t>(spatial)));
    c.require_shape(2, offsets, "the offset");
    offsets[1] = taps;
    if (c.has(4)) c.require_shape(4, offsets, "the mask");
  }
  c.set(0, c.type(0), std::move(shape));
}

}  // namespace motley::graph::infer
