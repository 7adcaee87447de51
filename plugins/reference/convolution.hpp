// The sums of a convolution, shared by Conv, ConvInteger and QLinearConv.
#pragma once

#include "indexing.hpp"
#include "spatial.hpp"

namespace motley::reference {

struct Convolution {
  int64_t batch = 0, in_channels = 0, out_channels = 0, group = 1;
  Window window;

  int64_t group_inputs() const { return in_channels / group; }
  int64_t planes() const { return batch * out_channels; }
};

// Checks X (N,C,spatial), W (M,C/group,kernel) and the attributes against each other and Y.
Convolution make_convolution(const TensorView& x, const TensorView& w, const TensorView& y,
                             const schema::ConvAttributes& attributes);

// sums[o] = Σ x · w over the channels of the group and the kernel, for output plane `plane` = image · M + channel.
// x(i) and w(i) give element i of X and W.
template <class Sum, class X, class W>
void convolve_plane(const Convolution& c, int64_t plane, const X& x, const W& w, std::vector<Sum>& sums) {
  const int64_t image = plane / c.out_channels, m = plane % c.out_channels;
  const int64_t first_channel = m / (c.out_channels / c.group) * c.group_inputs();
  sums.assign(static_cast<size_t>(c.window.output_elements()), Sum{0});
  for (int64_t channel = 0; channel < c.group_inputs(); ++channel) {
    const int64_t x_plane = (image * c.in_channels + first_channel + channel) * c.window.input_elements();
    const int64_t w_kernel = (m * c.group_inputs() + channel) * c.window.taps();
    for (int64_t tap = 0; tap < c.window.taps(); ++tap) {
      const Sum weight = w(w_kernel + tap);
      c.window.visit(c.window.tap(tap),
                     [&, out = sums.data()](int64_t o, int64_t i) { out[o] += weight * x(x_plane + i); });
    }
  }
}

}  // namespace motley::reference
