// ConvTranspose: every input element adds its multiple of the kernel to the output.
#include "functions.hpp"
#include "indexing.hpp"
#include "kernels.hpp"
#include "spatial.hpp"

namespace motley::reference {

namespace {

// The window runs over Y: Window.input is Y's extent, Window.output X's.
struct Transposed {
  int64_t batch = 0, in_channels = 0, out_channels = 0, group = 1;
  Window window;
};

// The spatial part of a list that may also name batch and channels.
std::vector<int64_t> spatial_part(std::vector<int64_t> list, size_t rank, const char* what) {
  if (list.size() == rank + 2) list.erase(list.begin(), list.begin() + 2);
  require(list.empty() || list.size() == rank, std::string(what) + " has a wrong number of values");
  for (int64_t v : list) require(v >= 0 && v < (int64_t{1} << 30), std::string(what) + " has a value out of range");
  return list;
}

// Pads and Y's extent along one axis; `wanted` is output_shape's value, or -1.
void set_axis(WindowAxis& a, int64_t x, int64_t extra, int64_t wanted, schema::AutoPad auto_pad) {
  const int64_t full = a.stride * (x - 1) + extra + a.reach();
  const bool upper = auto_pad == schema::AutoPad::same_upper;
  if (wanted < 0 && (upper || auto_pad == schema::AutoPad::same_lower)) wanted = x * a.stride;
  if (wanted >= 0) {
    // Where more is wanted than there is, the rest lies at the end and gets the bias only.
    const int64_t total = std::max<int64_t>(0, full - wanted);
    a.pad_begin = upper ? total / 2 : total - total / 2;
    a.pad_end = total - a.pad_begin;
    a.input = wanted;
  } else {
    if (auto_pad == schema::AutoPad::valid) a.pad_begin = a.pad_end = 0;
    a.input = full - a.pad_begin - a.pad_end;
  }
  require(a.input >= 1, "the output would be empty");
  a.output = x;
}

Transposed make_transposed(const NodeView& node) {
  const TensorView &x = *node.input(0), &w = *node.input(1), &y = *node.output(0);
  const auto& attributes = node.attributes<schema::ConvTransposeAttributes>();
  require(x.shape.rank() >= 3 && x.shape.rank() <= 5, "only 1 to 3 spatial dimensions are supported");
  require(w.shape.rank() == x.shape.rank(), "the ranks of input and weights differ");
  Transposed t;
  t.batch = x.shape[0];
  t.in_channels = x.shape[1];
  t.group = attributes.group();
  require(t.group >= 1 && t.in_channels % t.group == 0, "group does not divide the channels");
  require(w.shape[0] == t.in_channels, "the weights are for another number of channels");
  require(!__builtin_mul_overflow(w.shape[1], t.group, &t.out_channels), "group is too large");
  t.window = make_window({x.shape.begin() + 2, x.shape.end()}, {{w.shape.begin() + 2, w.shape.end()},
                                                                list_of(attributes.strides()),
                                                                list_of(attributes.dilations()),
                                                                list_of(attributes.pads())});
  const size_t rank = t.window.rank;
  const auto extra = spatial_part(list_of(attributes.output_padding()), rank, "output_padding");
  const auto wanted = spatial_part(list_of(attributes.output_shape()), rank, "output_shape");
  Shape expected{t.batch, t.out_channels};
  for (size_t i = 0; i < rank; ++i) {
    set_axis(t.window.axis(i), x.shape[2 + i], extra.empty() ? 0 : extra[i], wanted.empty() ? -1 : wanted[i],
             attributes.auto_pad());
    expected.push_back(t.window.axis(i).input);
  }
  check_shape(y, expected, "output 0");
  return t;
}

void check(const NodeView& node) {
  check_arity(node, {2, 3});
  const TensorView &x = *node.input(0), &w = *node.input(1), &y = *node.output(0);
  check_type(x, is_real, "input 0");
  check_same_type(x, w);
  check_same_type(x, y);
  const Transposed t = make_transposed(node);
  if (const TensorView* bias = node.input(2)) {
    check_same_type(x, *bias);
    check_shape(*bias, Shape{t.out_channels}, "bias");
  }
  check_activation(node.attributes<schema::ConvTransposeAttributes>().activation(), y.type);
}

struct ConvTransposeKernel final : Kernel {
  DataType type;
  Transposed t;
  Activation activation;
  bool has_bias;

  template <class T>
  void run_plane(const RunContext& c, int64_t plane) const {
    const T *x = c.input<T>(0), *w = c.input<T>(1);
    const int64_t image = plane / t.out_channels, m = plane % t.out_channels;
    const int64_t group_outputs = t.out_channels / t.group, group_inputs = t.in_channels / t.group;
    const int64_t count = t.window.input_elements();
    std::vector<double> sums(static_cast<size_t>(count), has_bias ? real(c.input<T>(2)[m]) : 0);
    for (int64_t k = 0; k < group_inputs; ++k) {
      const int64_t channel = m / group_outputs * group_inputs + k;
      const T* x_plane = x + (image * t.in_channels + channel) * t.window.output_elements();
      const T* kernel = w + (channel * group_outputs + m % group_outputs) * t.window.taps();
      for (int64_t tap = 0; tap < t.window.taps(); ++tap)
        t.window.visit(t.window.tap(tap), [&, weight = real(kernel[tap]), out = sums.data()](int64_t from, int64_t to) {
          out[to] += weight * real(x_plane[from]);
        });
    }
    for (int64_t i = 0; i < count; ++i)
      c.output<T>(0)[plane * count + i] = static_cast<T>(activation(sums[static_cast<size_t>(i)]));
  }
  void run(const RunContext& c) const override {
    with_real(type, [&](auto tag) {
      c.threads.parallel_for(static_cast<uint64_t>(t.batch * t.out_channels), [&](uint64_t plane, uint32_t) {
        run_plane<typename decltype(tag)::type>(c, static_cast<int64_t>(plane));
      });
    });
  }
  std::string_view name() const override { return "conv_transpose"; }
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  auto kernel = std::make_unique<ConvTransposeKernel>();
  kernel->type = node.input(0)->type;
  kernel->t = make_transposed(node);
  kernel->activation = Activation(node.attributes<schema::ConvTransposeAttributes>().activation());
  kernel->has_bias = node.input(2) != nullptr;
  return kernel;
}

}  // namespace

KernelEntry conv_transpose_kernel() { return entry<check>(Op::ConvTranspose, prepare); }

}  // namespace motley::reference
