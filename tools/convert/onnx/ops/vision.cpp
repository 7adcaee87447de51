// Sampling of images: Resize, Upsample, GridSample, RoiAlign, NonMaxSuppression.
#include <cmath>

#include "onnx/op_context.hpp"

namespace motley::convert {
namespace {

using M = schema::ResizeMode;
using K = schema::ResizeCoordinates;
using R = schema::ResizeRounding;

M resize_mode(OpContext& c) {
  return c.choice<M>("mode", "nearest",
                     {{"nearest", M::nearest}, {"linear", M::linear}, {"bilinear", M::linear}, {"cubic", M::cubic}});
}

// What Upsample and the first Resize did: positions scaled without an offset, rounded down.
schema::ResizeAttributesT first_form(OpContext& c) {
  schema::ResizeAttributesT attributes;
  attributes.mode = resize_mode(c);
  attributes.coordinates = K::asymmetric;
  attributes.rounding = R::floor;
  return attributes;
}

TensorId scales_constant(OpContext& c, const std::vector<float>& scales) {
  for (float s : scales)
    if (!(std::isfinite(s) && s > 0))
      c.invalid("has a scale that is not a positive number (" + std::to_string(s) + ")");
  return c.floats("scales", scales);
}

void upsample_attributes(OpContext& c) {
  schema::ResizeAttributesT attributes = first_form(c);
  std::vector<float> scales = c.numbers("scales");
  if (c.version() < 7) scales = {1, 1, c.number("height_scale", 0), c.number("width_scale", 0)};
  if (scales.empty()) c.invalid("lacks the attribute scales");
  c.emit(Op::Resize, {c.in(0), kNone, scales_constant(c, scales)}, std::move(attributes));
}

void scales_input(OpContext& c) { c.emit(Op::Resize, {c.in(0), kNone, c.in(1)}, first_form(c)); }

// Inputs X, roi, scales, sizes; lists without elements stand for absent ones.
void resize(OpContext& c) {
  schema::ResizeAttributesT attributes;
  attributes.mode = resize_mode(c);
  attributes.coordinates = c.choice<K>("coordinate_transformation_mode", "half_pixel",
                                       {{"half_pixel", K::half_pixel},
                                        {"half_pixel_symmetric", K::half_pixel_symmetric},
                                        {"pytorch_half_pixel", K::pytorch_half_pixel},
                                        {"align_corners", K::align_corners},
                                        {"asymmetric", K::asymmetric},
                                        {"tf_crop_and_resize", K::tf_crop_and_resize}});
  attributes.rounding = c.choice<R>("nearest_mode", "round_prefer_floor",
                                    {{"round_prefer_floor", R::round_prefer_floor},
                                     {"round_prefer_ceil", R::round_prefer_ceil},
                                     {"floor", R::floor},
                                     {"ceil", R::ceil}});
  attributes.cubic_coeff_a = c.number("cubic_coeff_a", -0.75f);
  attributes.exclude_outside = c.flag("exclude_outside", false);
  attributes.extrapolation_value = c.number("extrapolation_value", 0);
  if (c.version() >= 18) {
    attributes.antialias = c.flag("antialias", false);
    attributes.axes = c.integers("axes");
    attributes.keep_aspect_ratio_policy = c.choice<uint8_t>("keep_aspect_ratio_policy", "stretch",
                                                            {{"stretch", 0}, {"not_larger", 1}, {"not_smaller", 2}});
  }
  std::vector<TensorId> inputs = c.inputs_without_empty({1, 2, 3});
  // The region matters to one way of counting positions only.
  if (attributes.coordinates != K::tf_crop_and_resize && inputs.size() > 1) inputs[1] = kNone;
  const bool scales = inputs.size() > 2 && inputs[2] != kNone, sizes = inputs.size() > 3 && inputs[3] != kNone;
  if (scales == sizes) c.invalid(scales ? "has both scales and sizes" : "has neither scales nor sizes");
  c.emit(Op::Resize, std::move(inputs), std::move(attributes));
}

// Modes were called bilinear and bicubic until opset 20.
void grid_sample(OpContext& c) {
  schema::GridSampleAttributesT attributes;
  attributes.mode = c.choice<uint8_t>("mode", c.version() < 20 ? "bilinear" : "linear",
                                      {{"linear", 0}, {"bilinear", 0}, {"nearest", 1}, {"cubic", 2}, {"bicubic", 2}});
  attributes.padding_mode =
      c.choice<uint8_t>("padding_mode", "zeros", {{"zeros", 0}, {"border", 1}, {"reflection", 2}});
  attributes.align_corners = c.flag("align_corners", false);
  c.emit(Op::GridSample, c.inputs(), std::move(attributes));
}

void roi_align(OpContext& c) {
  schema::RoiAlignAttributesT attributes;
  attributes.average = c.choice<bool>("mode", "avg", {{"avg", true}, {"max", false}});
  attributes.half_pixel = c.version() >= 16 && c.choice<bool>("coordinate_transformation_mode", "half_pixel",
                                                              {{"half_pixel", true}, {"output_half_pixel", false}});
  attributes.output_height = c.integer("output_height", 1);
  attributes.output_width = c.integer("output_width", 1);
  attributes.sampling_ratio = c.integer("sampling_ratio", 0);
  attributes.spatial_scale = c.number("spatial_scale", 1);
  c.emit(Op::RoiAlign, c.inputs(), std::move(attributes));
}

void non_max_suppression(OpContext& c) {
  schema::NonMaxSuppressionAttributesT attributes;
  attributes.center_point_box = c.flag("center_point_box", false);
  c.emit(Op::NonMaxSuppression, c.inputs(), std::move(attributes));
}

constexpr OpRule kRules[] = {
    {"Upsample", 1, 1, 1, 1, upsample_attributes},
    {"Upsample", 7, 1, 1, 1, upsample_attributes},
    {"Upsample", 9, 2, 2, 1, scales_input},
    {"Upsample", 10, 2, 2, 1, nullptr},
    {"Resize", 10, 2, 2, 1, scales_input},
    {"Resize", 11, 1, 4, 1, resize},
    {"Resize", 18, 1, 4, 1, resize},
    {"GridSample", 16, 2, 2, 1, grid_sample},
    {"RoiAlign", 10, 3, 3, 1, roi_align},
    {"RoiAlign", 16, 3, 3, 1, roi_align},
    {"NonMaxSuppression", 10, 2, 5, 1, non_max_suppression},
};

}  // namespace

std::span<const OpRule> ops::vision() { return kRules; }

}  // namespace motley::convert
