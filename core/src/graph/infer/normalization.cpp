// Normalizations: the output has the input's shape; scales and biases are checked against it.
#include "graph/infer/dims.hpp"
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

namespace {

void set_like_input(Context& c) { c.set(0, c.type(0), c.input(0).shape); }

// Inputs `first` to `last` are vectors with one element per channel.
void require_per_channel(const Context& c, size_t first, size_t last, const Dim& channels, const char* const* names) {
  for (size_t i = first; i <= last; ++i) {
    c.require_type(i, kFloat, names[i]);
    c.require_shape(i, Dims{channels}, names[i]);
  }
}

Dim channels_of(const Context& c) { return c.shape(0) && c.shape(0)->size() > 1 ? (*c.shape(0))[1] : Dim(); }

// The dimensions from `axis` on.
Dims tail(const Context& c, int64_t axis) {
  const Dims& x = *c.shape(0);
  return Dims(x.begin() + static_cast<std::ptrdiff_t>(c.axis(axis, x.size())), x.end());
}

constexpr const char* kScaleNames[] = {"the input", "the scale", "the bias", "the mean", "the variance"};

}  // namespace

// X, scale, bias, mean, variance
void batch_normalization(Context& c) {
  c.require_type(0, kFloat, "the input");
  c.require_rank(0, 1, sdk::kMaxRank, "the input");
  // An input of rank 1 has one channel.
  const bool vector = c.shape(0) && c.shape(0)->size() == 1;
  require_per_channel(c, 1, 4, vector ? Dim(1) : channels_of(c), kScaleNames);
  set_like_input(c);
}

void instance_normalization(Context& c) {
  c.require_type(0, kFloat, "the input");
  c.require_rank(0, 3, sdk::kMaxRank, "the input");
  require_per_channel(c, 1, 2, channels_of(c), kScaleNames);
  set_like_input(c);
}

void group_normalization(Context& c) {
  const auto& a = c.attributes<schema::GroupNormalizationAttributesT>();
  c.require_type(0, kFloat, "the input");
  c.require_rank(0, 2, sdk::kMaxRank, "the input");
  if (a.num_groups < 1) c.fail("num_groups (%) is below 1", {a.num_groups});
  const Dim channels = channels_of(c);
  divide(c, channels, a.num_groups, "the number of channels");
  require_per_channel(c, 1, 2, a.per_group_scale ? Dim(a.num_groups) : channels, kScaleNames);
  set_like_input(c);
}

// X, scale, bias -> Y, mean, inverse standard deviation
void layer_normalization(Context& c) {
  const auto& a = c.attributes<schema::LayerNormalizationAttributesT>();
  c.require_type(0, kFloat, "the input");
  std::optional<Dims> statistics;
  if (const Dims* x = c.shape(0)) {
    const size_t axis = c.axis(a.axis, x->size());
    for (size_t i : {1, 2})
      if (c.has(i)) c.require_broadcasts_to(i, *x, kScaleNames[i]);
    statistics = *x;
    for (size_t i = axis; i < x->size(); ++i) (*statistics)[i] = Dim(1);
  }
  const DataType type = a.stash_type == DataType::undefined ? DataType::float32 : a.stash_type;
  set_like_input(c);
  c.set(1, type, statistics);
  c.set(2, type, statistics);
}

void rms_normalization(Context& c) {
  const auto& a = c.attributes<schema::LayerNormalizationAttributesT>();
  c.require_type(0, kFloat, "the input");
  if (c.shape(0)) {
    c.axis(a.axis, c.shape(0)->size());
    if (c.has(1)) c.require_broadcasts_to(1, *c.shape(0), "the scale");
  }
  set_like_input(c);
}

void normalize(Context& c) {
  const auto& a = c.attributes<schema::NormalizeAttributesT>();
  c.require_type(0, kFloat, "the input");
  if (c.shape(0)) {
    const Dims normalized = tail(c, a.axis);
    for (size_t i : {1, 2})
      if (c.has(i)) c.require_shape(i, normalized, kScaleNames[i]);
  }
  set_like_input(c);
}

void lrn(Context& c) {
  const int64_t size = c.attributes<schema::LRNAttributesT>().size;
  c.require_type(0, kFloat, "the input");
  c.require_rank(0, 2, sdk::kMaxRank, "the input");
  if (size < 1) c.fail("size (%) is below 1", {size});
  set_like_input(c);
}

void lp_normalization(Context& c) {
  const auto& a = c.attributes<schema::LpNormalizationAttributesT>();
  c.require_type(0, kFloat, "the input");
  if (a.p != 1 && a.p != 2) c.fail("p (%) is neither 1 nor 2", {a.p});
  if (c.shape(0)) c.axis(a.axis, c.shape(0)->size());
  set_like_input(c);
}

void mean_variance_normalization(Context& c) {
  c.require_type(0, kFloat, "the input");
  if (c.shape(0)) c.axes(c.attributes<schema::AxesAttributesT>().axes, c.shape(0)->size());
  set_like_input(c);
}

}  // namespace motley::graph::infer
