// Along axes: Softmax.
#include "checks.hpp"
#include "indexing.hpp"

namespace motley::gpu {

namespace {

using reference::AxisView;

void check_softmax(const NodeView& node, const Capabilities&) {
  require_type(*node.input(0), {DataType::float32}, "input 0");
}

void emit_softmax(Emitter& e) {
  const auto& a = e.node.attributes<schema::SoftmaxAttributes>();
  const Shape& x = e.node.input(0)->shape;
  const int64_t axis = a.flatten() && a.axis() == x.rank() ? x.rank() : reference::checked_axis(a.axis(), x.rank());
  const auto split = static_cast<int>(axis);
  const AxisView view = a.flatten() ? AxisView(Shape{x.elements(0, split), x.elements(split, x.rank())}, 1) : AxisView(x, axis);
  const int64_t lines = view.outer * view.inner;
  Call call = elementwise(e, "softmax", view.length ? lines : 0);
  call.constants = {static_cast<int32_t>(a.function())};
  call.params = Params(lines, view.length, view.inner);
  call.uses = {in(e.input(0)), out(e.output(0))};
  call.operations = static_cast<double>(x.elements()) * 30;
  e.launch(std::move(call));
}

}  // namespace

const std::vector<OpEntry>& row_ops() {
  static const auto* table = new std::vector<OpEntry>{op<reference::softmax_kernel, check_softmax>(emit_softmax)};
  return *table;
}

}  // namespace motley::gpu
