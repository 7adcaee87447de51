// StridedCopy: blocks of elements from source views to destination views; all data movement is made of it.
#include <cstring>

#include "kernels.hpp"

namespace motley::reference {

namespace {

struct Region {
  size_t input;
  std::vector<int64_t> extents, source_strides, destination_strides;
  int64_t source, destination, count;
};

// The offsets that a view reaches, lowest and highest, lie in [0, elements). Numbers come from a file: all may be huge.
bool inside(const std::vector<int64_t>& extents, const std::vector<int64_t>& strides, int64_t offset,
            int64_t elements) {
  int64_t low = offset, high = offset;
  for (size_t i = 0; i < extents.size(); ++i) {
    int64_t reach;
    if (__builtin_mul_overflow(extents[i] - 1, strides[i], &reach)) return false;
    int64_t& end = reach < 0 ? low : high;
    if (__builtin_add_overflow(end, reach, &end)) return false;
  }
  return low >= 0 && high < elements;
}

Region read_region(const NodeView& node, const schema::Region& raw) {
  Region r{0,
           list_of(raw.extents()),
           list_of(raw.src_strides()),
           list_of(raw.dst_strides()),
           raw.src_offset(),
           raw.dst_offset(),
           1};
  require(raw.input() >= 0 && node.input(static_cast<size_t>(raw.input())),
          "a region names an input that is not there");
  r.input = static_cast<size_t>(raw.input());
  require(r.source_strides.size() == r.extents.size() && r.destination_strides.size() == r.extents.size(),
          "a region's lists differ in length");
  for (int64_t e : r.extents) {
    require(e >= 0, "a region has a negative extent");
    require(!__builtin_mul_overflow(r.count, e, &r.count), "a region is too large");
  }
  if (r.count == 0) return r;
  require(inside(r.extents, r.source_strides, r.source, node.input(r.input)->elements()),
          "a region reads outside of its input");
  require(inside(r.extents, r.destination_strides, r.destination, node.output(0)->elements()),
          "a region writes outside of the output");
  return r;
}

std::vector<Region> read_regions(const NodeView& node) {
  std::vector<Region> regions;
  int64_t left = node.output(0)->elements();
  if (const auto* list = node.attributes<schema::StridedCopyAttributes>().regions())
    for (const schema::Region* raw : *list) {
      Region region = read_region(node, *raw);
      // Regions do not overlap, so together they can't have more elements than the output.
      require(region.count <= left, "regions overlap in the output");
      left -= region.count;
      if (region.count > 0) regions.push_back(std::move(region));
    }
  const auto* fill = node.attributes<schema::StridedCopyAttributes>().fill();
  require(left == 0 || (fill && fill->size() > 0), "regions leave elements unset and there is no fill");
  return regions;
}

void check(const NodeView& node) {
  check_arity(node, {0, node.input_count()});
  const TensorView& y = *node.output(0);
  const auto* fill = node.attributes<schema::StridedCopyAttributes>().fill();
  require(!fill || fill->size() == 0 || fill->size() == sdk::element_bytes(y.type), "fill is not one element");
  for (const Region& region : read_regions(node)) check_same_type(*node.input(region.input), y);
}

template <class T>
void copy_region(const Region& r, const T* from, T* to) {
  std::vector<int64_t> index(r.extents.size());
  int64_t source = r.source, destination = r.destination;
  for (int64_t left = r.count; left > 0; --left) {
    to[destination] = from[source];
    for (size_t axis = index.size(); axis-- > 0;) {
      if (++index[axis] < r.extents[axis]) {
        source += r.source_strides[axis];
        destination += r.destination_strides[axis];
        break;
      }
      index[axis] = 0;
      source -= r.source_strides[axis] * (r.extents[axis] - 1);
      destination -= r.destination_strides[axis] * (r.extents[axis] - 1);
    }
  }
}

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  uint64_t fill = 0;
  const auto* bytes = node.attributes<schema::StridedCopyAttributes>().fill();
  if (bytes && bytes->size() > 0) std::memcpy(&fill, bytes->data(), bytes->size());
  return make_kernel("strided_copy", [regions = read_regions(node), type = node.output(0)->type,
                                      elements = node.output(0)->elements(), fill](const RunContext& c) {
    with_size_of(type, [&](auto t) {
      using T = typename decltype(t)::type;
      std::fill_n(c.output<T>(0), elements, static_cast<T>(fill));
      for (const Region& region : regions) copy_region(region, c.input<T>(region.input), c.output<T>(0));
    });
  });
}

}  // namespace

KernelEntry strided_copy_kernel() { return entry<check>(Op::StridedCopy, prepare); }

}  // namespace motley::reference
