// Pool, ConvTranspose, DeformConv.
#include <algorithm>

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

bool is_plain(const NodeView& node, const Window& window) {
  const WindowAxis &h = window.axes[1], &w = window.axes[2];
  return node.input(0)->type == DataType::float32 && !node.output(1) && window.axes[0].kernel == 1 && window.axes[0].input == 1 &&
         node.attributes<schema::PoolAttributes>().function() != PoolFunction::lp && h.dilation == 1 && w.dilation == 1 &&
         window.taps() <= 25;
}

// The window is the whole plane: a pool is a reduction.
bool is_whole(const NodeView& node, const Window& window) {
  return node.input(0)->type == DataType::float32 &&
         node.attributes<schema::PoolAttributes>().function() != PoolFunction::lp &&
         std::all_of(window.axes.begin(), window.axes.end(), [](const WindowAxis& a) {
           return a.kernel == a.input && a.output == 1 && a.pad_begin == 0 && a.pad_end == 0 && a.dilation == 1;
         });
}

void emit_texel_pool(Emitter& e, const Window& window, int64_t planes) {
  const auto& a = e.node.attributes<schema::PoolAttributes>();
  const WindowAxis &h = window.axes[1], &w = window.axes[2];
  const auto rows = static_cast<int32_t>(std::min<int64_t>(h.output, 2));
  Call call = four_columns(e, "pool_texels", w.output, (h.output + rows - 1) / rows, planes);
  call.constants = {static_cast<int32_t>(a.function()), static_cast<int32_t>(h.kernel), static_cast<int32_t>(w.kernel),
                    static_cast<int32_t>(h.stride), static_cast<int32_t>(w.stride), a.count_include_pad() ? 1 : 0, rows};
  call.params = Params(h.input, w.input, h.output, w.output, h.pad_begin, w.pad_begin, h.input + h.pad_end, w.input + w.pad_end);
  call.uses = {in(e.input(0)), out(e.output(0))};
  call.operations = static_cast<double>(e.node.output(0)->elements() * window.taps());
  e.launch(std::move(call));
}

void emit_plain_pool(Emitter& e, const Window& window) {
  const auto& a = e.node.attributes<schema::PoolAttributes>();
  const WindowAxis &h = window.axes[1], &w = window.axes[2];
  const int64_t planes = e.node.output(0)->elements() / std::max<int64_t>(1, window.output_elements());
  if (takes_four_columns(e, planes) && w.stride <= 3 && h.stride <= 3) return emit_texel_pool(e, window, planes);
  const bool cpu = e.device.device_class == DeviceClass::cpu;
  auto vw = static_cast<int32_t>(cpu ? std::min(e.device.max_vector, e.device.native_vector) : 4);
  while (vw > 1 && vw > w.output) vw = vw > 4 ? vw / 2 : 1;
  if (vw < 4) vw = 1;
  const auto rows = static_cast<int32_t>(cpu ? std::clamp<int64_t>(h.output, 1, 16) : 1);
  const int64_t items = planes * ((h.output + rows - 1) / rows);
  const int64_t reach = w.input - 1 - (w.stride == 2 ? 1 : 0) + w.pad_begin - (w.kernel - 1);
  const int64_t last = reach < 0 ? 0 : std::min(w.output, reach / w.stride + 1);
  Call call = elementwise(e, "pool2d.v" + std::to_string(vw), items);
  call.group[0] = cpu ? 1 : std::min(call.group[0], 64u);
  call.groups[0] = groups_for(items, call.group[0]);
  call.constants = {static_cast<int32_t>(a.function()), static_cast<int32_t>(h.kernel), static_cast<int32_t>(w.kernel),
                    static_cast<int32_t>(w.stride), a.count_include_pad() ? 1 : 0, rows};
  call.params = Params(planes, h.input, w.input, h.output, w.output, h.stride, h.pad_begin, w.pad_begin, h.input + h.pad_end,
                       w.input + w.pad_end, std::min(w.output, (w.pad_begin + w.stride - 1) / w.stride), last);
  call.uses = {in(e.input(0)), out(e.output(0))};
  call.operations = static_cast<double>(e.node.output(0)->elements() * window.taps());
  e.launch(std::move(call));
}

void emit_pool(Emitter& e) {
  const auto& a = e.node.attributes<schema::PoolAttributes>();
  const Window w = window_of(e.node);
  const int64_t count = e.node.output(0)->elements();
  const bool indices = e.has_output(1);
  if (is_plain(e.node, w)) return emit_plain_pool(e, w);
  if (!indices && count > 0 && is_whole(e.node, w) && shares_rows(e.device, count, w.taps()))
    return emit_reduced_rows(
        e, a.function() == PoolFunction::max ? schema::ReduceFunction::max : schema::ReduceFunction::mean, count,
        w.taps());
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

// ---- transposed: the window runs over Y, `input` is Y's extent, `output` X's ----

std::vector<int64_t> spatial_part(const flatbuffers::Vector<int64_t>* v, size_t rank) {
  std::vector<int64_t> list = reference::list_of(v);
  if (list.size() == rank + 2) list.erase(list.begin(), list.begin() + 2);
  return list;
}

// The reference's check has seen that lists and shapes fit together; only where the padding begins is left to find.
Window transposed_window(const NodeView& node) {
  const auto& a = node.attributes<schema::ConvTransposeAttributes>();
  const Shape &x = node.input(0)->shape, &w = node.input(1)->shape, &y = node.output(0)->shape;
  Window window = reference::make_window({x.begin() + 2, x.end()},
                                         {{w.begin() + 2, w.end()}, reference::list_of(a.strides()),
                                          reference::list_of(a.dilations()), reference::list_of(a.pads())});
  const std::vector<int64_t> extra = spatial_part(a.output_padding(), window.rank), wanted = spatial_part(a.output_shape(), window.rank);
  const bool upper = a.auto_pad() == schema::AutoPad::same_upper;
  const bool same = upper || a.auto_pad() == schema::AutoPad::same_lower;
  for (WindowAxis& axis : window.axes) axis.output = axis.input;
  for (size_t i = 0; i < window.rank; ++i) {
    WindowAxis& axis = window.axis(i);
    axis.input = y[2 + i];
    if (!wanted.empty() || same) {
      const int64_t full = axis.stride * (axis.output - 1) + (extra.empty() ? 0 : extra[i]) + axis.reach();
      const int64_t total = std::max<int64_t>(0, full - axis.input);
      axis.pad_begin = upper ? total / 2 : total - total / 2;
    } else if (a.auto_pad() == schema::AutoPad::valid) {
      axis.pad_begin = 0;
    }
  }
  return window;
}

void check_floats(const NodeView& node, const Capabilities&) { require_type(*node.input(0), {DataType::float32}, "input 0"); }

void emit_transposed(Emitter& e) {
  const auto& a = e.node.attributes<schema::ConvTransposeAttributes>();
  const Window window = transposed_window(e.node);
  const Shape &x = e.node.input(0)->shape, &w = e.node.input(1)->shape;
  const int64_t count = e.node.output(0)->elements();
  const Epilogue epilogue(a.activation());
  Call call = elementwise(e, "conv_transpose", count);
  call.constants = {e.has_input(2) ? 1 : 0, epilogue.function};
  call.params = Params(count, x[1], w[1] * a.group(), x[1] / a.group(), w[1]);
  for (const WindowAxis& axis : window.axes) call.params.add(axis.input);
  for (const WindowAxis& axis : window.axes) call.params.add(axis.output);
  for (const WindowAxis& axis : window.axes) call.params.add(axis.kernel);
  for (const WindowAxis& axis : window.axes) call.params.add(axis.stride);
  for (const WindowAxis& axis : window.axes) call.params.add(axis.dilation);
  for (const WindowAxis& axis : window.axes) call.params.add(axis.pad_begin);
  call.params.add(epilogue.alpha).add(epilogue.beta);
  call.uses = {in(e.input(0)), in(e.input(1)), in(e.input(e.has_input(2) ? 2 : 1)), out(e.output(0))};
  call.operations = 2.0 * static_cast<double>(count) * static_cast<double>(x[1] / a.group() * window.taps());
  e.launch(std::move(call));
}

void emit_deformed(Emitter& e) {
  const auto& a = e.node.attributes<schema::DeformConvAttributes>();
  const Shape &x = e.node.input(0)->shape, &w = e.node.input(1)->shape, &y = e.node.output(0)->shape;
  const Window window = reference::make_window({x.begin() + 2, x.end()},
                                               {{w.begin() + 2, w.end()}, reference::list_of(a.strides()),
                                                reference::list_of(a.dilations()), reference::list_of(a.pads())});
  const WindowAxis &v = window.axis(0), &h = window.axis(1);
  const int64_t count = y.elements();
  Call call = elementwise(e, "deform_conv", count);
  call.constants = {e.has_input(3) ? 1 : 0, e.has_input(4) ? 1 : 0};
  call.params = Params(count, x[1], w[0], w[1], w[0] / a.group(), a.offset_group(), x[2], x[3], y[2], y[3], v.kernel, h.kernel,
                       v.stride, h.stride, v.dilation, h.dilation, v.pad_begin, h.pad_begin);
  call.uses = {in(e.input(0)), in(e.input(1)), in(e.input(2)), in(e.input(e.has_input(3) ? 3 : 1)),
               in(e.input(e.has_input(4) ? 4 : 1)), out(e.output(0))};
  call.operations = 20.0 * static_cast<double>(count) * static_cast<double>(w[1] * window.taps());
  e.launch(std::move(call));
}

}  // namespace

const std::vector<OpEntry>& window_ops() {
  static const auto* table = new std::vector<OpEntry>{
      op<reference::pool_kernel, check_pool>(emit_pool),
      op<reference::conv_transpose_kernel, check_floats>(emit_transposed),
      op<reference::deform_conv_kernel, check_floats>(emit_deformed)};
  return *table;
}

}  // namespace motley::gpu
