// Conv of 3 x 3 taps by Winograd's algorithm: (m + 2)² products of matrices over tiles, in place of nine over positions.
#include "conv.hpp"
#include "gemm.hpp"

namespace motley::gpu {

namespace {

using reference::Convolution;
using reference::WindowAxis;

// G g Gᵀ of every kernel, as [(m + 2)²][out][in].
std::vector<float> transformed_weights(const Convolution& c, const float* weights, int64_t m) {
  constexpr double kG2[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
  constexpr double kG4[6][3] = {{1 / 4., 0, 0},          {-1 / 6., -1 / 6., -1 / 6.}, {-1 / 6., 1 / 6., -1 / 6.},
                                {1 / 24., 1 / 12., 1 / 6.}, {1 / 24., -1 / 12., 1 / 6.}, {0, 0, 1}};
  const auto g = [&](int64_t row, int64_t k) { return m == 4 ? kG4[row][k] : kG2[row][k]; };
  const int64_t n = m + 2, kernels = c.out_channels * c.in_channels;
  std::vector<float> u(static_cast<size_t>(n * n * kernels));
  for (int64_t i = 0; i < kernels; ++i)
    for (int64_t r = 0; r < n; ++r)
      for (int64_t s = 0; s < n; ++s) {
        double sum = 0;
        for (int64_t ky = 0; ky < 3; ++ky)
          for (int64_t kx = 0; kx < 3; ++kx) sum += g(r, ky) * g(s, kx) * static_cast<double>(weights[i * 9 + ky * 3 + kx]);
        u[static_cast<size_t>((r * n + s) * kernels + i)] = static_cast<float>(sum);
      }
  return u;
}

}  // namespace

void emit_winograd(Emitter& e, const Convolution& c, int64_t m) {
  const WindowAxis &h = c.window.axes[1], &w = c.window.axes[2];
  const int64_t n = m + 2, tiles_y = (h.output + m - 1) / m, tiles_x = (w.output + m - 1) / m;
  const int64_t tiles = c.batch * tiles_y * tiles_x;
  const Operand v = e.scratch(static_cast<uint64_t>(n * n * c.in_channels * tiles) * sizeof(float));
  const Operand products = e.scratch(static_cast<uint64_t>(n * n * c.out_channels * tiles) * sizeof(float));
  const uint32_t most = e.device.device_class == DeviceClass::cpu ? 64 : 32;

  Call to = elementwise(e, "winograd_in", c.in_channels * tiles);
  to.group[0] = std::min(to.group[0], most);
  to.groups[0] = groups_for(c.in_channels * tiles, to.group[0]);
  to.constants = {static_cast<int32_t>(m)};
  to.params = Params(c.in_channels * tiles, c.in_channels, h.input, w.input, tiles_y, tiles_x, h.pad_begin, w.pad_begin, tiles);
  to.uses = {in(e.input(0)), out(v)};
  to.operations = static_cast<double>(c.in_channels * tiles * n * n) * 8;
  e.launch(std::move(to));

  Gemm g;
  g.m = c.out_channels;
  g.n = tiles;
  g.k = c.in_channels;
  g.b = v;
  g.b_k = tiles;
  g.y = products;
  g.y_row = tiles;
  g.batch1 = n * n;
  g.b_batch1 = c.in_channels * tiles;
  g.y_batch1 = c.out_channels * tiles;
  const GemmTile tile = packed_tile(e.device, gemm_tile(e.device, e.config, g.shape()));
  const std::vector<float> u = transformed_weights(c, e.node.input(1)->constant_as<float>().data(), m);
  std::vector<float> packed;
  for (int64_t i = 0; i < n * n; ++i) {
    const std::vector<float> one = pack_rows(u.data() + i * c.out_channels * c.in_channels, c.out_channels, c.in_channels, tile.mr);
    g.a_batch1 = static_cast<int64_t>(one.size());
    packed.insert(packed.end(), one.begin(), one.end());
  }
  g.a = e.weights(packed);
  g.packed = true;
  emit_gemm(e, g, tile);

  const Epilogue epilogue(e.node.attributes<schema::ConvAttributes>().activation());
  Call back = elementwise(e, "winograd_out", c.out_channels * tiles);
  back.group[0] = std::min(back.group[0], most);
  back.groups[0] = groups_for(c.out_channels * tiles, back.group[0]);
  back.constants = {static_cast<int32_t>(m), e.has_input(2) ? 1 : 0, e.has_input(3) ? 1 : 0, epilogue.function};
  back.params = Params(c.out_channels * tiles, c.out_channels, h.output, w.output, tiles_y, tiles_x, tiles, epilogue.alpha, epilogue.beta);
  back.uses = {in(products), in(e.input(e.has_input(2) ? 2 : 1)), in(e.has_input(3) ? e.input(3) : e.input(1)), out(e.output(0))};
  back.operations = static_cast<double>(c.out_channels * tiles * n * n) * 8;
  e.launch(std::move(back));
}

}  // namespace motley::gpu
