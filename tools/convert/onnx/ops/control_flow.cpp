// If, Loop and Scan, with their nested graphs.
#include "onnx/op_context.hpp"

namespace motley::convert {
namespace {

// A condition that is known here chooses its branch for good, and the other one is never looked at.
void branch(OpContext& c) {
  if (const std::optional<bool> condition = c.constant_bool(c.in(0))) {
    c.ignore("then_branch");
    c.ignore("else_branch");
    return c.inline_graph(*condition ? "then_branch" : "else_branch");
  }
  schema::IfAttributesT attributes;
  attributes.then_graph = c.nested("then_branch");
  attributes.else_graph = c.nested("else_branch");
  c.emit(Op::If, {c.in(0)}, c.outputs(), std::move(attributes));
}

void loop(OpContext& c) {
  schema::LoopAttributesT attributes;
  attributes.body_graph = c.nested("body");
  c.emit(Op::Loop, c.inputs(), c.outputs(), std::move(attributes));
}

void scan(OpContext& c) {
  schema::ScanAttributesT attributes;
  attributes.body_graph = c.nested("body");
  attributes.num_scan_inputs = c.integer("num_scan_inputs");
  attributes.scan_input_directions = c.integers("scan_input_directions");
  attributes.scan_output_directions = c.integers("scan_output_directions");
  attributes.scan_input_axes = c.integers("scan_input_axes");
  attributes.scan_output_axes = c.integers("scan_output_axes");
  c.emit(Op::Scan, c.inputs(), c.outputs(), std::move(attributes));
}

constexpr OpRule kRules[] = {
    {"If", 1, 1, 1, kAny, branch},
    {"Loop", 1, 0, kAny, kAny, loop},
    {"Scan", 9, 1, kAny, kAny, scan},
};

}  // namespace

std::span<const OpRule> ops::control_flow() { return kRules; }

}  // namespace motley::convert
