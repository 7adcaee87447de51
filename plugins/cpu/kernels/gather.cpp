// Gather: slices of a tensor picked along one axis by an index tensor.
#include <cstring>

#include "kernels/kernels.hpp"
#include "support.hpp"

namespace motley::cpu {

namespace {

size_t axis_of(const NodeView& node) {
  return static_cast<size_t>(
      checked_axis(node.attributes<schema::AxisAttributes>().axis(), node.input(0)->shape.rank()));
}

// Y = X's dimensions before the axis, the indices' dimensions, X's dimensions after it.
void check(const NodeView& node) {
  check_arity(node, 2, 2);
  const TensorView &x = *node.input(0), &indices = *node.input(1), &y = *node.output(0);
  require(x.shape.rank() >= 1, "the data is a scalar");
  require(indices.type == DataType::int32 || indices.type == DataType::int64,
          "indices of type " + describe(indices.type) + " not supported");
  check_type(y, x.type, "output 0");
  const size_t axis = axis_of(node);
  Shape expected({x.shape.begin(), axis});
  for (int64_t d : indices.shape) expected.push_back(d);
  for (size_t i = axis + 1; i < x.shape.size(); ++i) expected.push_back(x.shape[i]);
  check_shape(y, expected, "output 0");
}

struct Gathering {
  int64_t outer, extent, count;  // slices before the axis, along it, and indices
  size_t bytes;                  // of one slice
  bool narrow;                   // int32 indices

  int64_t index(const void* indices, int64_t i) const {
    const int64_t at = narrow ? static_cast<const int32_t*>(indices)[i] : static_cast<const int64_t*>(indices)[i];
    if (at < -extent || at >= extent)
      throw StatusError(MOTLEY_INVALID_ARGUMENT, "index (" + std::to_string(at) + ") is outside of an axis of " +
                                                     std::to_string(extent) + "; pass indices within it");
    return at < 0 ? at + extent : at;
  }
  void run(const RunContext& c) const {
    const auto size = static_cast<int64_t>(bytes);
    if (outer * count * size == 0) return;
    parallel_ranges(c.threads, outer * count, std::max<int64_t>(1, 4 * kGrain / size),
                    [&](int64_t begin, int64_t end, uint32_t) {
                      for (int64_t i = begin; i < end; ++i) {
                        const int64_t from = i / count * extent + index(c.inputs[1], i % count);
                        const char* slice = c.input<char>(0) + from * size;
                        char* to = c.output<char>(0) + i * size;
                        if (bytes == sizeof(float)) std::memcpy(to, slice, sizeof(float));  // of known size: one move
                        else std::memcpy(to, slice, bytes);
                      }
                    });
  }
};

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  const TensorView& x = *node.input(0);
  const size_t axis = axis_of(node);
  const Gathering g{
      x.shape.elements(0, static_cast<int>(axis)), x.shape[axis], node.input(1)->elements(),
      static_cast<size_t>(x.shape.elements(static_cast<int>(axis) + 1, x.shape.rank())) * sdk::element_bytes(x.type),
      node.input(1)->type == DataType::int32};
  return make_kernel("gather", [g](const RunContext& c) { g.run(c); });
}

}  // namespace

KernelEntry gather_kernel() { return entry<check>(Op::Gather, prepare); }

}  // namespace motley::cpu
