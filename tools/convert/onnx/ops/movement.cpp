// Data movement: elements keep their values and change their places.
#include <algorithm>

#include "onnx/op_context.hpp"

namespace motley::convert {
namespace {

void transpose(OpContext& c) {
  schema::TransposeAttributesT attributes;
  attributes.perm = c.integers("perm");
  c.emit(Op::Transpose, {c.in(0)}, std::move(attributes));
}

void reshape_attribute(OpContext& c) {
  c.ignore("consumed_inputs");
  if (!c.has("shape")) c.invalid("lacks the attribute shape");
  c.emit(Op::Reshape, {c.in(0), c.ints("shape", c.integers("shape"))}, schema::ReshapeAttributesT());
}

void reshape(OpContext& c) {
  schema::ReshapeAttributesT attributes;
  attributes.allow_zero = c.flag("allowzero", false);
  c.emit(Op::Reshape, c.inputs(), std::move(attributes));
}

// Squeeze and Unsqueeze; `function` is the op. Axes were an attribute until opset 13.
void change_rank(OpContext& c) {
  std::vector<TensorId> inputs = c.inputs();
  if (c.version() < 13) {
    inputs.resize(1);
    if (c.has("axes")) inputs.push_back(c.ints("axes", c.integers("axes")));
    else if (static_cast<Op>(c.rule().function) == Op::Unsqueeze) c.invalid("lacks the attribute axes");
  }
  c.emit(static_cast<Op>(c.rule().function), std::move(inputs), schema::AxesAttributesT());
}

schema::AxisAttributesT axis(int64_t value) {
  schema::AxisAttributesT attributes;
  attributes.axis = value;
  return attributes;
}

void concat(OpContext& c) {
  const int64_t along = c.version() < 4 ? c.integer("axis", 1) : c.integer("axis");
  for (TensorId id : c.inputs())
    if (id == kNone) c.invalid("has an absent input");
  c.emit(Op::Concat, c.inputs(), axis(along));
}

// Sizes: attribute or input in opset 1, attribute in 2, input from 13 on; num_outputs from 18 on.
void split(OpContext& c) {
  schema::SplitAttributesT attributes;
  attributes.axis = c.integer("axis", 0);
  attributes.num_outputs = c.version() >= 18 ? c.integer("num_outputs", 0) : 0;
  std::vector<TensorId> inputs = c.inputs();
  if (c.version() < 13 && c.has("split")) {
    inputs.resize(1);
    inputs.push_back(c.ints("split", c.integers("split")));
  }
  const auto count = static_cast<int64_t>(c.output_count());
  if (attributes.num_outputs != 0 && attributes.num_outputs != count)
    c.invalid("has " + std::to_string(count) + " outputs (num_outputs says " + std::to_string(attributes.num_outputs) +
              ")");
  attributes.num_outputs = count;
  c.emit(Op::Split, std::move(inputs), c.outputs(), std::move(attributes));
}

void slice_attributes(OpContext& c) {
  const std::vector<int64_t> starts = c.integers("starts"), ends = c.integers("ends");
  std::vector<int64_t> axes = c.integers("axes");
  if (starts.size() != ends.size() || (!axes.empty() && axes.size() != starts.size()))
    c.invalid("has lists of different lengths (starts " + std::to_string(starts.size()) + ", ends " +
              std::to_string(ends.size()) + ", axes " + std::to_string(axes.size()) + ")");
  std::vector<TensorId> inputs{c.in(0), c.ints("starts", starts), c.ints("ends", ends)};
  if (!axes.empty()) inputs.push_back(c.ints("axes", axes));
  c.emit(Op::Slice, std::move(inputs), schema::NoAttributesT());
}

void slice(OpContext& c) { c.emit(Op::Slice, c.inputs(), schema::NoAttributesT()); }

schema::PadAttributesT pad_mode(OpContext& c) {
  using M = schema::PadMode;
  schema::PadAttributesT attributes;
  attributes.mode = c.choice<M>(
      "mode", "constant", {{"constant", M::constant}, {"reflect", M::reflect}, {"edge", M::edge}, {"wrap", M::wrap}});
  return attributes;
}

// Opset 1 called the list "paddings".
void pad_attributes(OpContext& c) {
  const char* name = c.version() < 2 ? "paddings" : "pads";
  if (!c.has(name)) c.invalid("lacks the attribute " + std::string(name));
  const float value = c.number("value", 0);
  std::vector<TensorId> inputs{c.in(0), c.ints("pads", c.integers(name))};
  if (value != 0) inputs.push_back(c.scalar("value", c.type(c.in(0)), value));
  c.emit(Op::Pad, std::move(inputs), pad_mode(c));
}

void pad(OpContext& c) { c.emit(Op::Pad, c.inputs(), pad_mode(c)); }

void plain(OpContext& c) { c.emit(static_cast<Op>(c.rule().function), c.inputs(), schema::NoAttributesT()); }

// Opset 1: how often along one axis, both scalars.
void tile_along_axis(OpContext& c) {
  const auto tiles = c.constant_ints(c.in(1)), along = c.constant_ints(c.in(2));
  const std::optional<size_t> rank = c.rank(c.in(0));
  if (!tiles || !along || tiles->size() != 1 || along->size() != 1 || !rank)
    c.unsupported("tiles or axis that are not constants, or an input whose rank is not known");
  const int64_t at = (*along)[0];
  if (at < 0 || at >= static_cast<int64_t>(*rank)) c.invalid("tiles along axis " + std::to_string(at));
  std::vector<int64_t> repeats(*rank, 1);
  repeats[static_cast<size_t>(at)] = (*tiles)[0];
  c.emit(Op::Tile, {c.in(0), c.ints("repeats", repeats)}, schema::NoAttributesT());
}

void blocks(OpContext& c) {
  schema::BlockAttributesT attributes;
  attributes.block_size = c.integer("blocksize");
  attributes.column_row_depth = c.choice<bool>("mode", "DCR", {{"DCR", false}, {"CRD", true}});
  const auto op = static_cast<Op>(c.rule().function);
  if (op == Op::SpaceToDepth && attributes.column_row_depth) c.unsupported("attribute mode = \"CRD\"");
  c.emit(op, {c.in(0)}, std::move(attributes));
}

void flatten(OpContext& c) { c.emit(Op::Flatten, {c.in(0)}, axis(c.integer("axis", 1))); }

void reverse_sequence(OpContext& c) {
  schema::ReverseSequenceAttributesT attributes;
  attributes.batch_axis = c.integer("batch_axis", 1);
  attributes.time_axis = c.integer("time_axis", 0);
  c.emit(Op::ReverseSequence, c.inputs(), std::move(attributes));
}

void trilu(OpContext& c) {
  schema::TriluAttributesT attributes;
  attributes.upper = c.flag("upper", true);
  c.emit(Op::Trilu, c.inputs(), std::move(attributes));
}

void center_crop_pad(OpContext& c) {
  schema::CenterCropPadAttributesT attributes;
  attributes.axes = c.integers("axes");
  c.emit(Op::CenterCropPad, c.inputs(), std::move(attributes));
}

constexpr int code(Op op) { return static_cast<int>(op); }

constexpr OpRule kRules[] = {
    {"Transpose", 1, 1, 1, 1, transpose},
    {"Reshape", 1, 1, 1, 1, reshape_attribute},
    {"Reshape", 5, 2, 2, 1, reshape},
    {"Squeeze", 1, 1, 1, 1, change_rank, code(Op::Squeeze)},
    {"Squeeze", 13, 1, 2, 1, change_rank, code(Op::Squeeze)},
    {"Unsqueeze", 1, 1, 1, 1, change_rank, code(Op::Unsqueeze)},
    {"Unsqueeze", 13, 2, 2, 1, change_rank, code(Op::Unsqueeze)},
    {"Concat", 1, 1, kAny, 1, concat},
    {"Concat", 4, 1, kAny, 1, concat},
    {"Split", 1, 1, 2, kAny, split},
    {"Split", 2, 1, 1, kAny, split},
    {"Split", 13, 1, 2, kAny, split},
    {"Split", 18, 1, 2, kAny, split},
    {"Slice", 1, 1, 1, 1, slice_attributes},
    {"Slice", 10, 3, 5, 1, slice},
    {"Pad", 1, 1, 1, 1, pad_attributes},
    {"Pad", 2, 1, 1, 1, pad_attributes},
    {"Pad", 11, 2, 3, 1, pad},
    {"Pad", 18, 2, 4, 1, pad},
    {"Expand", 8, 2, 2, 1, plain, code(Op::Expand)},
    {"Tile", 1, 3, 3, 1, tile_along_axis},
    {"Tile", 6, 2, 2, 1, plain, code(Op::Tile)},
    {"DepthToSpace", 1, 1, 1, 1, blocks, code(Op::DepthToSpace)},
    {"SpaceToDepth", 1, 1, 1, 1, blocks, code(Op::SpaceToDepth)},
    {"Flatten", 1, 1, 1, 1, flatten},
    {"ReverseSequence", 10, 2, 2, 1, reverse_sequence},
    {"Trilu", 14, 1, 2, 1, trilu},
    {"CenterCropPad", 18, 2, 2, 1, center_crop_pad},
};

}  // namespace

std::span<const OpRule> ops::movement() { return kRules; }

}  // namespace motley::convert
