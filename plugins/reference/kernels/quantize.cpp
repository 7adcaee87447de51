// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear: per tensor, per axis and in blocks.
#include "kernels.hpp"
#include "quantization.hpp"

namespace motley::reference {

void check_parameters(const TensorView* tensor, TypePredicate allowed, int64_t per, const char* what) {
  if (!tensor) return;
  check_type(*tensor, allowed, what);
  require(tensor->elements() == 1 || tensor->elements() == per, std::string(what) + " has a wrong number of values");
}

namespace {

// Which scale belongs to an element of X: offset = Σ index · strides + index on the axis / block · axis_stride.
struct ScaleMap {
  Strides strides{};
  size_t axis = 0;
  int64_t block = 1, axis_stride = 0;
  int64_t at(const Walk<1>& w) const { return w[0] + (axis_stride ? w.index(axis) / block * axis_stride : 0); }
};

ScaleMap map_scales(const Shape& x, const Shape& scale, const schema::QuantizeAttributes& attributes) {
  ScaleMap map;
  if (scale.elements() == 1 && scale.rank() <= 1) return map;
  const auto axis = static_cast<size_t>(checked_axis(attributes.axis(), x.rank()));
  map.axis = axis;
  if (scale.rank() == 1 && attributes.block_size() == 0) {
    require(scale[0] == x[axis], "scale does not have one value per element of the axis");
    map.axis_stride = 1;
    return map;
  }
  map.block = attributes.block_size();
  require(map.block >= 1 && scale.size() == x.size(), "scale has an unknown shape");
  for (size_t i = 0; i < x.size(); ++i)
    require(scale[i] == (i == axis ? x[i] / map.block + (x[i] % map.block != 0) : x[i]),
            "scale does not fit the blocks");
  map.strides = row_major_strides(scale);
  map.axis_stride = std::exchange(map.strides[axis], 0);
  return map;
}

void check_linear(const NodeView& node, const TensorView& integers, const TensorView& reals) {
  const TensorView& scale = *node.input(1);
  check_type(integers, is_integer, "the quantized tensor");
  require(sdk::element_bytes(integers.type) < 8, "64-bit quantized types are not supported");
  check_type(
      reals, [](DataType t) { return is_real(t) || is_int32(t); }, "the real tensor");
  check_type(scale, is_real, "scale");
  check_shape(*node.output(0), node.input(0)->shape, "output 0");
  if (const TensorView* zero = node.input(2)) {
    check_same_type(*zero, integers);
    require(zero->shape == scale.shape || (zero->elements() == 1 && scale.elements() == 1),
            "scale and zero point differ in shape");
  }
  map_scales(node.input(0)->shape, scale.shape, node.attributes<schema::QuantizeAttributes>());
}

void check_quantize(const NodeView& node) {
  check_arity(node, {2, 3});
  check_linear(node, *node.output(0), *node.input(0));
}
void check_dequantize(const NodeView& node) {
  check_arity(node, {2, 3});
  check_type(*node.output(0), is_real, "output 0");
  check_linear(node, *node.input(0), *node.output(0));
}

struct LinearKernel : Kernel {
  DataType from, to;
  Shape shape;
  ScaleMap map;
  Parameters scale, zero;

  explicit LinearKernel(const NodeView& node)
      : from(node.input(0)->type),
        to(node.output(0)->type),
        shape(node.input(0)->shape),
        map(map_scales(shape, node.input(1)->shape, node.attributes<schema::QuantizeAttributes>())),
        scale(node.input(1)),
        zero(node.input(2)) {}
  // Calls fn(i, scale, zero point) for every element.
  template <class Fn>
  void for_elements(const RunContext& c, Fn&& fn) const {
    int64_t i = 0;
    for (Walk<1> w(shape, {map.strides}); w.more(); w.next(), ++i) {
      const int64_t at = map.at(w);
      fn(i, scale.scale(c.inputs[1], at), zero.count ? zero.zero_point(c.inputs[2], at) : 0);
    }
  }
};

struct QuantizeKernel final : LinearKernel {
  using LinearKernel::LinearKernel;
  void run(const RunContext& c) const override {
    with_number(from, [&](auto f) {
      using From = typename decltype(f)::type;
      with_integer(to, [&](auto t) {
        using To = typename decltype(t)::type;
        // Ties decide the integer, so the quotient is rounded as ONNX rounds it: to float32 unless X is float64.
        using Quotient = std::conditional_t<std::is_same_v<From, double>, double, float>;
        for_elements(c, [&](int64_t i, double s, int64_t z) {
          const Quotient q = static_cast<Quotient>(real(c.input<From>(0)[i])) / static_cast<Quotient>(s);
          c.output<To>(0)[i] = quantize<To>(q, z);
        });
      });
    });
  }
  std::string_view name() const override { return "quantize_linear"; }
};

struct DequantizeKernel final : LinearKernel {
  using LinearKernel::LinearKernel;
  void run(const RunContext& c) const override {
    with_integer(from, [&](auto f) {
      using From = typename decltype(f)::type;
      with_real(to, [&](auto t) {
        using To = typename decltype(t)::type;
        for_elements(c, [&](int64_t i, double s, int64_t z) {
          c.output<To>(0)[i] = static_cast<To>(static_cast<double>(static_cast<int64_t>(c.input<From>(0)[i]) - z) * s);
        });
      });
    });
  }
  std::string_view name() const override { return "dequantize_linear"; }
};

template <class K>
std::unique_ptr<Kernel> prepare_linear(const NodeView& node, const PrepareContext&) {
  return std::make_unique<K>(node);
}

void check_dynamic(const NodeView& node) {
  check_arity(node, {1, 1, 3, 3});
  require(node.input(0)->type == DataType::float32, "input 0 must be float32");
  require(node.output(0)->type == DataType::uint8 && node.output(2)->type == DataType::uint8 &&
              node.output(1)->type == DataType::float32,
          "the outputs must be uint8, float32 and uint8");
  check_shape(*node.output(0), node.input(0)->shape, "output 0");
  require(node.output(1)->elements() == 1 && node.output(2)->elements() == 1, "outputs 1 and 2 must be one number");
}

// In float32, because the rounding of each step shows in the integers.
std::unique_ptr<Kernel> prepare_dynamic(const NodeView& node, const PrepareContext&) {
  return make_kernel("dynamic_quantize_linear", [count = node.input(0)->elements()](const RunContext& c) {
    const float* x = c.input<float>(0);
    float low = 0, high = 0;  // zero is always representable
    for (int64_t i = 0; i < count; ++i) {
      low = std::min(low, x[i]);
      high = std::max(high, x[i]);
    }
    const float scale = high > low ? (high - low) / 255.0f : 1.0f;
    const auto zero = quantize<uint8_t>(static_cast<double>(-low / scale), 0);
    for (int64_t i = 0; i < count; ++i) c.output<uint8_t>(0)[i] = quantize<uint8_t>(x[i] / scale, zero);
    *c.output<float>(1) = scale;
    *c.output<uint8_t>(2) = zero;
  });
}

}  // namespace

KernelEntry quantize_kernel() { return entry<check_quantize>(Op::QuantizeLinear, prepare_linear<QuantizeKernel>); }
KernelEntry dequantize_kernel() {
  return entry<check_dequantize>(Op::DequantizeLinear, prepare_linear<DequantizeKernel>);
}
KernelEntry dynamic_quantize_kernel() { return entry<check_dynamic>(Op::DynamicQuantizeLinear, prepare_dynamic); }

}  // namespace motley::reference
