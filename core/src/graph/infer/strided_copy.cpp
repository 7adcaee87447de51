// StridedCopy: its output's shape is the maker's; the rule checks that every region stays inside its tensors.
#include "base/text.hpp"
#include "graph/infer/dims.hpp"
#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

namespace {

// First and last element that `extents` from `offset` by `strides` touch must lie in a tensor of `count` elements.
void check_side(const Context& c, const std::vector<int64_t>& extents, int64_t offset,
                const std::vector<int64_t>& strides, int64_t count, const char* side) {
  if (strides.size() != extents.size())
    c.fail("a region has % % strides for % extents", {strides.size(), side, extents.size()});
  int64_t low = offset, high = offset;
  for (size_t i = 0; i < extents.size(); ++i) {
    const int64_t reach = checked_mul(c, strides[i], extents[i] - 1);
    (reach < 0 ? low : high) = checked_add(c, reach < 0 ? low : high, reach);
  }
  if (low < 0 || high >= count) c.fail("a region reaches % elements % to % of %", {side, low, high, count});
}

// Number of elements the region copies.
int64_t check_region(const Context& c, const schema::RegionT& region, int64_t output_count) {
  if (region.extents.size() > sdk::kMaxRank) c.fail("a region has rank % (at most 8)", {region.extents.size()});
  if (region.input < 0 || static_cast<size_t>(region.input) >= c.input_count() ||
      !c.has(static_cast<size_t>(region.input)))
    c.fail("a region reads input %, which is missing", {region.input});
  const size_t input = static_cast<size_t>(region.input);
  if (c.type(input) != c.output(0).type)
    c.fail("an input is of type % (expected %)", {graph::to_string(c.type(input)), graph::to_string(c.output(0).type)});
  int64_t count = 1;
  for (int64_t extent : region.extents) {
    if (extent < 0) c.fail("a region has a negative extent (%)", {extent});
    count = checked_mul(c, count, extent);
  }
  if (count == 0) return 0;
  if (!c.input(input).shape_known()) c.fail("the shape of input % is not known", {input});
  check_side(c, region.extents, region.src_offset, region.src_strides, c.input(input).elements(), "source");
  check_side(c, region.extents, region.dst_offset, region.dst_strides, output_count, "destination");
  return count;
}

}  // namespace

void strided_copy(Context& c) {
  const auto& a = c.attributes<schema::StridedCopyAttributesT>();
  const Tensor& output = c.output(0);
  if (element_bytes(output.type) == 0 || !output.shape_known())
    c.fail("the type and shape of its output must be declared");
  if (!a.fill.empty() && a.fill.size() != element_bytes(output.type))
    c.fail("the fill value has % bytes (expected %)", {a.fill.size(), element_bytes(output.type)});
  check_shape(base::text("output \"%\"", {output.name}), output.type, *output.shape);
  const int64_t count = output.elements();
  int64_t written = 0;
  for (const auto& region : a.regions)
    if (region) written = checked_add(c, written, check_region(c, *region, count));
  if (written > count) c.fail("the regions overlap: they write % elements of %", {written, count});
  if (a.fill.empty() && written != count)
    c.fail("the regions write % of % elements and there is no fill value", {written, count});
  c.set(0, output.type, output.shape);
}

}  // namespace motley::graph::infer
