// QuantizeLinear and DequantizeLinear between float32 and bytes, per tensor or per slice of an axis;
// DynamicQuantizeLinear.
#include "kernels/quantized.hpp"

#include "kernels/kernels.hpp"

namespace motley::cpu {

namespace {

void check(const NodeView& node, const TensorView& integers, const TensorView& reals) {
  check_arity(node, 2, 3);
  require(is_byte(integers.type), "only int8 and uint8 are supported");
  require(reals.type == DataType::float32, "only float32 is supported");
  check_shape(*node.output(0), node.input(0)->shape, "output 0");
  const auto& attributes = node.attributes<schema::QuantizeAttributes>();
  require(attributes.block_size() == 0, "blocks are not supported");
  const TensorView &scale = *node.input(1), *zero = node.input(2);
  if (scale.elements() == 1) return check_linear(&scale, zero, integers, 1);
  const Shape& x = node.input(0)->shape;
  require(x.rank() >= 1, "more than one scale for a scalar");
  check_linear(&scale, zero, integers, x[static_cast<size_t>(checked_axis(attributes.axis(), x.rank()))]);
  require(!zero || zero->elements() == scale.elements(), "scale and zero point differ in shape");
}
void check_quantize(const NodeView& node) { check(node, *node.output(0), *node.input(0)); }
void check_dequantize(const NodeView& node) { check(node, *node.input(0), *node.output(0)); }

// Slices of one scale: `outer` times `scales` of `inner` elements each.
struct Slices {
  int64_t scales = 1, inner = 1, count = 1;
  bool has_zero = false;
  DataType type;

  Slices(const NodeView& node, DataType integers) : has_zero(node.input(2) != nullptr), type(integers) {
    const Shape& x = node.input(0)->shape;
    scales = node.input(1)->elements();
    inner = x.elements();
    if (scales <= 1) return;
    const auto axis = static_cast<size_t>(checked_axis(node.attributes<schema::QuantizeAttributes>().axis(), x.rank()));
    inner = 1;
    for (size_t i = axis + 1; i < x.size(); ++i) inner *= x[i];
    for (size_t i = 0; i <= axis; ++i) count *= x[i];
  }
  // fn(first element, how many, scale, zero point)
  template <class Fn>
  void run(const RunContext& c, Fn&& fn) const {
    const auto part = [&](int64_t slice, int64_t begin, int64_t end) {
      const int64_t at = slice % std::max<int64_t>(scales, 1);
      fn(slice * inner + begin, end - begin, c.input<float>(1)[at], has_zero ? byte_at(type, c.inputs[2], at) : 0);
    };
    if (count == 1)
      return parallel_ranges(c.threads, inner, kGrain, [&](int64_t b, int64_t e, uint32_t) { part(0, b, e); });
    parallel_ranges(c.threads, count, std::max<int64_t>(1, kGrain / (inner + 1)), [&](int64_t b, int64_t e, uint32_t) {
      for (int64_t slice = b; slice < e; ++slice) part(slice, 0, inner);
    });
  }
};

std::unique_ptr<Kernel> prepare_quantize(const NodeView& node, const PrepareContext&) {
  return make_kernel("quantize_linear",
                     [slices = Slices(node, node.output(0)->type), ops = &quantized_ops()](const RunContext& c) {
                       slices.run(c, [&](int64_t at, int64_t n, float scale, int32_t zero) {
                         ops->quantize(c.input<float>(0) + at, static_cast<size_t>(n), scale,
                                       byte_range(slices.type, zero), c.output<uint8_t>(0) + at);
                       });
                     });
}

std::unique_ptr<Kernel> prepare_dequantize(const NodeView& node, const PrepareContext&) {
  return make_kernel("dequantize_linear", [slices = Slices(node, node.input(0)->type)](const RunContext& c) {
    slices.run(c, [&](int64_t at, int64_t n, float scale, int32_t zero) {
      const auto write = [&](const auto* x) {
        float* y = c.output<float>(0) + at;
        for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[at + i] - zero) * scale;
      };
      if (slices.type == DataType::int8) write(c.input<int8_t>(0));
      else write(c.input<uint8_t>(0));
    });
  });
}

void check_dynamic(const NodeView& node) {
  require(node.input(0) != nullptr, "input 0 is missing");
  for (size_t i = 0; i < 3; ++i)
    require(node.output_count() > i && node.output(i), "output " + std::to_string(i) + " is missing");
  const TensorView& x = *node.input(0);
  check_type(x, DataType::float32, "input 0");
  check_type(*node.output(0), DataType::uint8, "output 0");
  check_type(*node.output(1), DataType::float32, "output 1");
  check_type(*node.output(2), DataType::uint8, "output 2");
  check_shape(*node.output(0), x.shape, "output 0");
  for (size_t i : {1, 2}) require(node.output(i)->elements() == 1, "outputs 1 and 2 must be one number");
}

// In float, because the rounding of each step shows in the integers.
std::unique_ptr<Kernel> prepare_dynamic(const NodeView& node, const PrepareContext&) {
  return make_kernel("dynamic_quantize_linear",
                     [count = node.input(0)->elements(), ops = &quantized_ops()](const RunContext& c) {
                       float low = 0, high = 0;  // zero is always representable
                       ops->extremes(c.input<float>(0), static_cast<size_t>(count), &low, &high);
                       const float scale = high > low ? (high - low) / 255.0f : 1.0f, least = -low;
                       ops->quantize(&least, 1, scale, byte_range(DataType::uint8, 0), c.output<uint8_t>(2));
                       *c.output<float>(1) = scale;
                       const IntegerRange range = byte_range(DataType::uint8, *c.output<uint8_t>(2));
                       parallel_ranges(c.threads, count, kGrain, [&](int64_t begin, int64_t end, uint32_t) {
                         ops->quantize(c.input<float>(0) + begin, static_cast<size_t>(end - begin), scale, range,
                                       c.output<uint8_t>(0) + begin);
                       });
                     });
}

}  // namespace

KernelEntry quantize_kernel() { return entry<check_quantize>(Op::QuantizeLinear, prepare_quantize); }
KernelEntry dynamic_quantize_kernel() { return entry<check_dynamic>(Op::DynamicQuantizeLinear, prepare_dynamic); }
KernelEntry dequantize_kernel() { return entry<check_dequantize>(Op::DequantizeLinear, prepare_dequantize); }

}  // namespace motley::cpu
