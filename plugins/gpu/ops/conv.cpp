// Conv: direct, as a matrix product over shifted planes, Winograd, depthwise.
#include "conv.hpp"

#include <algorithm>

#include "checks.hpp"
#include "gemm.hpp"

namespace motley::gpu {

using reference::Convolution;
using reference::WindowAxis;

Convolution convolution_of(const NodeView& node) {
  return reference::make_convolution(*node.input(0), *node.input(1), *node.output(0), node.attributes<schema::ConvAttributes>());
}

namespace {

bool is_flat(const Convolution& c) { return c.window.axes[0].kernel == 1 && c.window.axes[0].input == 1; }
bool is_depthwise(const Convolution& c) { return c.group == c.in_channels && c.group > 1; }
bool is_pointwise(const Convolution& c) {
  for (const WindowAxis& a : c.window.axes)
    if (a.kernel != 1 || a.stride != 1 || a.pad_begin != 0 || a.pad_end != 0) return false;
  return true;
}
bool is_winograd_form(const Convolution& c) {
  const WindowAxis &h = c.window.axes[1], &w = c.window.axes[2];
  return is_flat(c) && c.group == 1 && h.kernel == 3 && w.kernel == 3 && h.stride == 1 && w.stride == 1 && h.dilation == 1 &&
         w.dilation == 1;
}

void check(const NodeView& node, const Capabilities&) {
  require_type(*node.input(0), {DataType::float32}, "input 0");
  convolution_of(node);
}

// Behind the last column whose window lies inside the input. With a stride of 2 vectors read one element more.
int64_t inside_end(const WindowAxis& w) {
  const int64_t reach = w.input - 1 - (w.stride == 2 ? 1 : 0) + w.pad_begin - (w.kernel - 1) * w.dilation;
  return reach < 0 ? 0 : std::min(w.output, reach / w.stride + 1);
}

void add_axes(Params& params, const Convolution& c) {
  const auto& axes = c.window.axes;
  for (const WindowAxis& a : axes) params.add(a.input);
  for (const WindowAxis& a : axes) params.add(a.output);
  for (const WindowAxis& a : axes) params.add(a.kernel);
  for (const WindowAxis& a : axes) params.add(a.stride);
  for (const WindowAxis& a : axes) params.add(a.dilation);
  for (const WindowAxis& a : axes) params.add(a.pad_begin);
}

// The weights as they are, f16 where they are kept so; `variant` then is the one for those.
Operand plain_weights(Emitter& e, std::string& variant) {
  const TensorView& w = *e.node.input(1);
  if (!w.is_constant() || !e.keeps_half()) return e.input(1);
  variant += ".w16";
  return e.weights(w.constant_as<float>().data(), static_cast<size_t>(w.elements()));
}

void emit_direct(Emitter& e, const Convolution& c) {
  const Epilogue epilogue(e.node.attributes<schema::ConvAttributes>().activation());
  const int64_t count = e.node.output(0)->elements();
  Call call = elementwise(e, "conv_direct", count);
  call.constants = {e.has_input(2) ? 1 : 0, e.has_input(3) ? 1 : 0, epilogue.function};
  call.params = Params(count, c.in_channels, c.out_channels, c.group_inputs(), c.out_channels / c.group);
  add_axes(call.params, c);
  call.params.add(epilogue.alpha).add(epilogue.beta);
  const Operand weights = plain_weights(e, call.variant);
  call.uses = {in(e.input(0)), in(weights), in(e.has_input(2) ? e.input(2) : weights),
               in(e.has_input(3) ? e.input(3) : weights), out(e.output(0))};
  call.operations = 2.0 * static_cast<double>(count) * static_cast<double>(c.group_inputs() * c.window.taps());
  e.launch(std::move(call));
}

// Padded phases of X, and where each (channel, tap) begins in them.
struct Planes {
  Operand memory;
  std::vector<int32_t> table;  // of one group's channels
  int64_t rows = 0, columns = 0, channel = 0;  // extents of a phase, elements of a channel
};

// On texels every tap has a copy of its own shift, so that it begins at a multiple of four, and the table is by taps alone.
Planes emit_planes(Emitter& e, const Convolution& c, bool texels) {
  const WindowAxis &h = c.window.axes[1], &w = c.window.axes[2];
  Planes p;
  std::vector<int32_t> phases;  // py, px
  std::vector<std::array<int64_t, 3>> taps;  // phase, row, column
  for (int64_t ky = 0; ky < h.kernel; ++ky)
    for (int64_t kx = 0; kx < w.kernel; ++kx) {
      const int64_t y = ky * h.dilation, x = kx * w.dilation;
      const auto py = static_cast<int32_t>(y % h.stride), px = static_cast<int32_t>(texels ? x : x % w.stride);
      size_t phase = 0;
      while (2 * phase < phases.size() && (phases[2 * phase] != py || phases[2 * phase + 1] != px)) ++phase;
      if (2 * phase == phases.size()) phases.insert(phases.end(), {py, px});
      taps.push_back({static_cast<int64_t>(phase), y / h.stride, texels ? 0 : x / w.stride});
      p.rows = std::max(p.rows, y / h.stride + h.output);
      p.columns = std::max(p.columns, taps.back()[2] + w.output);
    }
  if (texels) p.columns = (p.columns + 3) / 4 * 4;
  const auto count = static_cast<int64_t>(phases.size() / 2);
  p.channel = count * p.rows * p.columns;
  for (int64_t k = 0; k < (texels ? 1 : c.group_inputs()); ++k)
    for (const auto& [phase, row, column] : taps)
      p.table.push_back(static_cast<int32_t>(k * p.channel + (phase * p.rows + row) * p.columns + column));
  const int64_t planes = c.batch * c.in_channels;
  p.memory = e.scratch(static_cast<uint64_t>(planes * p.channel) * sizeof(float));
  if (texels) {
    Call call = four_columns(e, "window_texels", p.columns, p.rows, planes);
    call.constants = {static_cast<int32_t>(w.stride)};
    call.params = Params(h.input, w.input, p.rows, p.columns, h.stride, h.pad_begin, w.pad_begin, count, 0.0f);
    call.uses = {in(e.input(0)), in(e.constant(phases)), out(p.memory)};
    call.operations = static_cast<double>(planes * p.channel) * 4;
    e.launch(std::move(call));
    return p;
  }
  const bool by_row = e.device.device_class == DeviceClass::cpu;
  Call call = elementwise(e, "window", planes * count * p.rows * (by_row ? 1 : p.columns));
  if (by_row) {
    call.group[0] = std::min(call.group[0], 16u);
    call.groups[0] = groups_for(planes * count * p.rows, call.group[0]);
  }
  call.constants = {by_row ? 1 : 0};
  call.params = Params(planes, h.input, w.input, p.rows, p.columns, h.stride, w.stride, h.pad_begin, w.pad_begin, count, 0.0f);
  call.uses = {in(e.input(0)), in(e.constant(phases)), out(p.memory)};
  call.operations = static_cast<double>(planes * p.channel) * 4;
  e.launch(std::move(call));
  return p;
}

void emit_product(Emitter& e, const Convolution& c) {
  const WindowAxis &h = c.window.axes[1], &w = c.window.axes[2];
  const TensorView& weights = *e.node.input(1);
  const int64_t outputs = c.window.output_elements(), group_outputs = c.out_channels / c.group;
  Gemm g;
  g.m = group_outputs;
  g.k = c.group_inputs() * c.window.taps();
  g.a = e.input(1);
  g.a_row = g.k;
  g.y = e.output(0);
  g.y_row = outputs;
  const bool texels = on_texels(e.device, gemm_tile(e.device, e.config, {g.m, outputs, g.k, c.batch * c.group})) &&
                      takes_four_columns(e, c.batch * c.in_channels);
  if (is_pointwise(c)) {
    g.n = outputs;
    g.b = e.input(0);
    g.b_k = outputs;
    g.b_batch0 = c.in_channels * outputs;
    g.b_batch1 = c.group_inputs() * outputs;
  } else {
    const Planes p = emit_planes(e, c, texels);
    g.b = p.memory;
    g.table = e.constant(p.table);
    g.n = (h.output - 1) * p.columns + w.output;
    g.map = p.columns != w.output;
    g.b_width = p.columns;
    g.y_width = w.output;
    g.depth = c.group_inputs();
    g.aligned = texels;
    if (texels) g.b_k = p.channel;
    g.b_batch0 = c.in_channels * p.channel;
    g.b_batch1 = c.group_inputs() * p.channel;
  }
  g.batch0 = c.batch;
  g.batch1 = c.group;
  g.y_batch0 = c.out_channels * outputs;
  g.y_batch1 = group_outputs * outputs;
  if (e.has_input(2)) {
    g.bias_mode = 1;
    g.bias = e.input(2);
    g.bias_batch1 = group_outputs;
  }
  if (e.has_input(3)) g.residual = e.input(3);
  g.epilogue = Epilogue(e.node.attributes<schema::ConvAttributes>().activation());
  GemmTile tile = gemm_tile(e.device, e.config, g.shape());
  if (weights.is_constant()) tile = packed_tile(e.device, tile);
  if (weights.is_constant()) {
    std::vector<float> all;
    const float* rows = weights.constant_as<float>().data();
    std::vector<float> by_taps;
    if (texels && c.window.taps() > 1) {
      by_taps.resize(static_cast<size_t>(weights.elements()));
      const int64_t taps = c.window.taps(), depth = c.group_inputs();
      for (int64_t m = 0; m < c.out_channels; ++m)
        for (int64_t d = 0; d < depth; ++d)
          for (int64_t t = 0; t < taps; ++t)
            by_taps[static_cast<size_t>((m * taps + t) * depth + d)] = rows[(m * depth + d) * taps + t];
      rows = by_taps.data();
    }
    for (int64_t i = 0; i < c.group; ++i) {
      const std::vector<float> one = pack_rows(rows + i * group_outputs * g.k, group_outputs, g.k, tile.mr);
      g.a_batch1 = static_cast<int64_t>(one.size());
      all.insert(all.end(), one.begin(), one.end());
    }
    g.a = e.weights(all);
    g.packed = true;
  } else {
    g.a_batch1 = group_outputs * g.k;
  }
  emit_gemm(e, g, tile);
}

// Rows per work item. More of them share lines of the input; but in a small plane they leave lanes of a subgroup
// without work, and a subgroup takes as long with some of its lanes as with all.
int32_t depthwise_rows(const Emitter& e, const WindowAxis& h, const WindowAxis& w) {
  const int64_t lanes = std::max(1u, e.device.subgroup_size);
  int32_t best = 1;
  int64_t least = INT64_MAX;
  for (const int32_t rows : {4, 2, 1}) {
    if (rows > h.output || rows * h.stride > 4) continue;
    const Call call = four_columns(e, "", w.output, (h.output + rows - 1) / rows, 1);
    const int64_t subgroups =
        (int64_t{call.group[0]} * call.group[1] + lanes - 1) / lanes * call.groups[0] * call.groups[1];
    const int64_t cost = subgroups * ((rows - 1) * h.stride + h.kernel + 1);
    if (cost < least) least = cost, best = rows;
  }
  return best;
}

void emit_depthwise_texels(Emitter& e, const Convolution& c) {
  const WindowAxis &h = c.window.axes[1], &w = c.window.axes[2];
  const Epilogue epilogue(e.node.attributes<schema::ConvAttributes>().activation());
  const int32_t rows = depthwise_rows(e, h, w);
  Call call = four_columns(e, "conv_depthwise_texels", w.output, (h.output + rows - 1) / rows, c.batch * c.out_channels);
  call.constants = {static_cast<int32_t>(h.kernel), static_cast<int32_t>(w.kernel), static_cast<int32_t>(h.stride),
                    static_cast<int32_t>(w.stride), e.has_input(2) ? 1 : 0, e.has_input(3) ? 1 : 0, epilogue.function, rows};
  call.params = Params(c.in_channels, c.out_channels, c.out_channels / c.in_channels, h.input, w.input, h.output, w.output,
                       h.pad_begin, w.pad_begin, epilogue.alpha, epilogue.beta);
  const Operand weights = plain_weights(e, call.variant);
  call.uses = {in(e.input(0)), in(weights), in(e.has_input(2) ? e.input(2) : weights),
               in(e.has_input(3) ? e.input(3) : weights), out(e.output(0))};
  call.operations = 2.0 * static_cast<double>(e.node.output(0)->elements() * c.window.taps());
  e.launch(std::move(call));
}

void emit_depthwise(Emitter& e, const Convolution& c) {
  const WindowAxis &h = c.window.axes[1], &w = c.window.axes[2];
  // Lines of more than a few vectors don't stay in registers.
  if (takes_four_columns(e, c.batch * c.out_channels) && h.dilation == 1 && w.dilation == 1 && w.stride <= 2 && h.stride <= 2 && w.kernel <= 7 && h.kernel <= 7)
    return emit_depthwise_texels(e, c);
  const Epilogue epilogue(e.node.attributes<schema::ConvAttributes>().activation());
  const int64_t planes = c.batch * c.out_channels;
  const bool cpu = e.device.device_class == DeviceClass::cpu;
  auto vw = static_cast<int32_t>(cpu ? std::min(e.device.max_vector, e.device.native_vector) : 4);
  while (vw > 1 && (vw > w.output || vw == 2)) vw = vw > 4 ? vw / 2 : 1;
  if (vw < 4) vw = 1;
  const auto rows = static_cast<int32_t>(cpu ? std::min<int64_t>(h.output, 8) : 1);
  const int64_t items = planes * ((h.output + rows - 1) / rows);
  // Columns whose windows lie inside the input.
  const int64_t first = std::min(w.output, (w.pad_begin + w.stride - 1) / w.stride);
  const int64_t last = inside_end(w);
  Call call = elementwise(e, "conv_depthwise.v" + std::to_string(vw), items);
  call.group[0] = cpu ? 1 : std::min(call.group[0], 64u);
  call.groups[0] = groups_for(items, call.group[0]);
  call.constants = {static_cast<int32_t>(h.kernel), static_cast<int32_t>(w.kernel), static_cast<int32_t>(w.stride),
                    e.has_input(2) ? 1 : 0, e.has_input(3) ? 1 : 0, epilogue.function, rows};
  call.params = Params(planes, c.in_channels, c.out_channels, c.out_channels / c.in_channels, h.input, w.input, h.output, w.output,
                       h.stride, h.dilation, w.dilation, h.pad_begin, w.pad_begin, first, last, epilogue.alpha, epilogue.beta);
  const Operand weights = plain_weights(e, call.variant);
  call.uses = {in(e.input(0)), in(weights), in(e.has_input(2) ? e.input(2) : weights),
               in(e.has_input(3) ? e.input(3) : weights), out(e.output(0))};
  call.operations = 2.0 * static_cast<double>(e.node.output(0)->elements() * c.window.taps());
  e.launch(std::move(call));
}

void emit(Emitter& e) {
  const Convolution c = convolution_of(e.node);
  const std::vector<ConvAlgorithm> possible = conv_algorithms(c, e.node, e.device);
  ConvAlgorithm algorithm = possible[0];
  const std::string wanted = e.config.get("algorithm", std::string(algorithm_name(algorithm)));
  for (ConvAlgorithm a : possible)
    if (wanted == algorithm_name(a)) algorithm = a;
  switch (algorithm) {
    case ConvAlgorithm::direct: return emit_direct(e, c);
    case ConvAlgorithm::gemm: return emit_product(e, c);
    case ConvAlgorithm::winograd2: return emit_winograd(e, c, 2);
    case ConvAlgorithm::winograd4: return emit_winograd(e, c, 4);
    case ConvAlgorithm::depthwise: return emit_depthwise(e, c);
  }
}

}  // namespace

const char* algorithm_name(ConvAlgorithm algorithm) {
  constexpr std::array names{"direct", "gemm", "winograd2", "winograd4", "depthwise"};
  return names[static_cast<size_t>(algorithm)];
}

std::vector<ConvAlgorithm> conv_algorithms(const Convolution& c, const NodeView& node, const Capabilities&) {
  std::vector<ConvAlgorithm> list;
  const auto& axes = c.window.axes;
  if (c.batch == 0 || c.window.output_elements() == 0 || c.in_channels == 0) return {ConvAlgorithm::direct};
  if (is_depthwise(c) && is_flat(c) && axes[1].kernel * axes[2].kernel <= 49) list.push_back(ConvAlgorithm::depthwise);
  // Tables and planes of very many taps, or of strides that leave most planes out, cost more than they bring.
  const bool planes = is_flat(c) && c.window.taps() <= 128 && c.group_inputs() * c.window.taps() < (1 << 20);
  if (planes || is_pointwise(c)) list.push_back(ConvAlgorithm::gemm);
  if (is_winograd_form(c) && node.input(1)->is_constant()) {
    list.push_back(ConvAlgorithm::winograd2);
    list.push_back(ConvAlgorithm::winograd4);
  }
  list.push_back(ConvAlgorithm::direct);
  return list;
}

const std::vector<OpEntry>& conv_ops() {
  static const auto* table = new std::vector<OpEntry>{op<reference::conv_kernel, check>(emit)};
  return *table;
}

}  // namespace motley::gpu
