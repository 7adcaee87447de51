// Reading and writing by index.
#include "onnx/op_context.hpp"

namespace motley::convert {
namespace {

void along_axis(OpContext& c) {
  schema::AxisAttributesT attributes;
  attributes.axis = c.integer("axis", 0);
  c.emit(static_cast<Op>(c.rule().function), c.inputs(), std::move(attributes));
}

void gather_nd(OpContext& c) {
  schema::BatchDimsAttributesT attributes;
  attributes.batch_dims = c.version() >= 12 ? c.integer("batch_dims", 0) : 0;
  c.emit(Op::GatherND, c.inputs(), std::move(attributes));
}

void scatter(OpContext& c) {
  using R = schema::ScatterReduction;
  const auto op = static_cast<Op>(c.rule().function);
  schema::ScatterAttributesT attributes;
  if (op == Op::ScatterElements) attributes.axis = c.integer("axis", 0);
  if (c.version() >= 16)
    attributes.reduction = c.choice<R>(
        "reduction", "none", {{"none", R::none}, {"add", R::add}, {"mul", R::mul}, {"max", R::max}, {"min", R::min}});
  c.emit(op, c.inputs(), std::move(attributes));
}

void one_hot(OpContext& c) {
  schema::OneHotAttributesT attributes;
  attributes.axis = c.integer("axis", -1);
  c.emit(Op::OneHot, c.inputs(), std::move(attributes));
}

void compress(OpContext& c) {
  schema::CompressAttributesT attributes;
  attributes.has_axis = c.has("axis");
  attributes.axis = c.integer("axis", 0);
  c.emit(Op::Compress, c.inputs(), std::move(attributes));
}

void non_zero(OpContext& c) { c.emit(Op::NonZero, c.inputs(), schema::NoAttributesT()); }

constexpr int code(Op op) { return static_cast<int>(op); }

constexpr OpRule kRules[] = {
    {"Gather", 1, 2, 2, 1, along_axis, code(Op::Gather)},
    {"GatherElements", 11, 2, 2, 1, along_axis, code(Op::GatherElements)},
    {"GatherND", 11, 2, 2, 1, gather_nd},
    {"Scatter", 9, 3, 3, 1, scatter, code(Op::ScatterElements)},
    {"Scatter", 11, 3, 3, 1, nullptr},
    {"ScatterElements", 11, 3, 3, 1, scatter, code(Op::ScatterElements)},
    {"ScatterND", 11, 3, 3, 1, scatter, code(Op::ScatterND)},
    {"OneHot", 9, 3, 3, 1, one_hot},
    {"Compress", 9, 2, 2, 1, compress},
    {"NonZero", 9, 1, 1, 1, non_zero},
};

}  // namespace

std::span<const OpRule> ops::indexing() { return kRules; }

}  // namespace motley::convert
