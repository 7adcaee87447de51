// Pool.
#include "checks.hpp"
#include "spatial.hpp"

namespace motley::gpu {

namespace {

using reference::Window;
using reference::WindowAxis;
using schema::PoolFunction;

Window window_of(const NodeView& node) {
  const auto& a = node.attributes<schema::PoolAttributes>();
  const Shape& x = node.input(0)->shape;
  Window window = reference::make_window(
      {x.begin() + 2, x.end()}, {reference::list_of(a.kernel_shape()), reference::list_of(a.strides()),
                                 reference::list_of(a.dilations()), reference::list_of(a.pads())});
  reference::set_outputs(window, a.auto_pad(), a.ceil_mode());
  return window;
}

void check_pool(const NodeView& node, const Capabilities&) {
  const bool max = node.attributes<schema::PoolAttributes>().function() == PoolFunction::max;
  if (max) require_type(*node.input(0), {DataType::float32, DataType::int32, DataType::int8, DataType::uint8}, "input 0");
  else require_type(*node.input(0), {DataType::float32}, "input 0");
}

void emit_pool(Emitter& e) {
  const auto& a = e.node.attributes<schema::PoolAttributes>();
  const Window w = window_of(e.node);
  const int64_t count = e.node.output(0)->elements();
  const bool indices = e.has_output(1);
  Call call = elementwise(e, std::string(indices ? "pool_indices." : "pool.") + type_name(e.node.input(0)->type), count);
  call.constants = {static_cast<int32_t>(a.function()), a.count_include_pad() ? 1 : 0, 0};
  call.params = Params(count);
  for (const WindowAxis& x : w.axes) call.params.add(x.input);
  for (const WindowAxis& x : w.axes) call.params.add(x.output);
  for (const WindowAxis& x : w.axes) call.params.add(x.kernel);
  for (const WindowAxis& x : w.axes) call.params.add(x.stride);
  for (const WindowAxis& x : w.axes) call.params.add(x.dilation);
  for (const WindowAxis& x : w.axes) call.params.add(x.pad_begin);
  for (const WindowAxis& x : w.axes) call.params.add(x.input + x.pad_end);
  // Indices count with the last axis fastest, or the first one.
  int64_t step[3] = {w.axes[1].input * w.axes[2].input, w.axes[2].input, 1};
  if (a.storage_order() == 1) {
    int64_t next = 1;
    for (size_t i = 3 - w.rank; i < 3; ++i) {
      step[i] = next;
      next *= w.axes[i].input;
    }
  }
  for (int64_t s : step) call.params.add(s);
  call.params.add(static_cast<float>(a.p()));
  call.uses = {in(e.input(0)), out(e.output(0))};
  if (indices) call.uses.push_back(out(e.output(1)));
  call.operations = static_cast<double>(count) * static_cast<double>(w.taps()) * 4;
  e.launch(std::move(call));
}

}  // namespace

const std::vector<OpEntry>& window_ops() {
  static const auto* table = new std::vector<OpEntry>{op<reference::pool_kernel, check_pool>(emit_pool)};
  return *table;
}

}  // namespace motley::gpu
