// Regions: strides, simplification, bounds.
#include "graph/lower/regions.hpp"

#include <algorithm>
#include <numeric>

#include "base/sort.hpp"
#include "base/text.hpp"

namespace motley::graph {

namespace {

// Sizes were checked, but those of an empty tensor may be anything beside its 0; they must not overflow as signed
// numbers.
int64_t wrapping_product(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

}  // namespace

Extents row_major_strides(const Extents& extents) {
  Extents strides(extents.size(), 1);
  for (size_t i = extents.size(); i-- > 1;)
    strides[i - 1] = wrapping_product(strides[i], std::max<int64_t>(extents[i], 1));
  return strides;
}

int64_t product(const Extents& extents) { return product(extents, 0, extents.size()); }

int64_t product(const Extents& extents, size_t first, size_t last) {
  int64_t result = 1;
  for (size_t i = first; i < last; ++i) result = wrapping_product(result, extents[i]);
  return result;
}

RegionT make_region(int32_t input, const Extents& extents, int64_t src_offset, const Extents& src_strides,
                    int64_t dst_offset, const Extents& dst_strides) {
  RegionT region;
  region.input = input;
  region.extents = extents;
  region.src_offset = src_offset;
  region.src_strides = src_strides;
  region.dst_offset = dst_offset;
  region.dst_strides = dst_strides;
  return region;
}

RegionT permuting_region(const Extents& extents, const AxisList& perm) {
  const Extents strides = row_major_strides(extents);
  Extents permuted, src;
  for (size_t axis : perm) {
    permuted.push_back(extents[axis]);
    src.push_back(strides[axis]);
  }
  return make_region(0, permuted, 0, src, 0, row_major_strides(permuted));
}

void simplify(RegionT& region) {
  std::vector<size_t> order;
  for (size_t i = 0; i < region.extents.size(); ++i)
    if (region.extents[i] != 1) order.push_back(i);
  base::sort_short(order, [&](size_t a, size_t b) { return region.dst_strides[a] > region.dst_strides[b]; });
  Extents extents, src, dst;
  for (size_t i : order) {
    const int64_t extent = region.extents[i], from = region.src_strides[i], to = region.dst_strides[i];
    if (!extents.empty() && src.back() == from * extent && dst.back() == to * extent) {
      extents.back() *= extent;
      src.back() = from;
      dst.back() = to;
    } else {
      extents.push_back(extent);
      src.push_back(from);
      dst.push_back(to);
    }
  }
  if (extents.empty()) extents = src = dst = {1};
  region.extents = extents;
  region.src_strides = std::move(src);
  region.dst_strides = std::move(dst);
}

namespace {

// Cuts along the shortest dimensions until few enough are left.
void push_cut(std::vector<RegionT>& out, RegionT region) {
  if (region.extents.size() <= static_cast<size_t>(sdk::kMaxRank)) {
    out.push_back(std::move(region));
    return;
  }
  const auto shortest =
      static_cast<size_t>(std::min_element(region.extents.begin(), region.extents.end()) - region.extents.begin());
  const int64_t count = region.extents[shortest];
  if (out.size() + static_cast<uint64_t>(count) > (1u << 16))
    base::fail(ErrorCode::unsupported,
               "a data movement over more than 8 independent dimensions needs over 65536 regions");
  for (int64_t i = 0; i < count; ++i) {
    RegionT part = region;
    part.src_offset += i * part.src_strides[shortest];
    part.dst_offset += i * part.dst_strides[shortest];
    const auto at = static_cast<std::ptrdiff_t>(shortest);
    part.extents.erase(part.extents.begin() + at);
    part.src_strides.erase(part.src_strides.begin() + at);
    part.dst_strides.erase(part.dst_strides.begin() + at);
    push_cut(out, std::move(part));
  }
}

// Whether offset + Σ i·stride stays within [0, elements) for all i; false too where the sum overflows.
bool in_range(const Extents& extents, int64_t offset, const Extents& strides, int64_t elements) {
  int64_t low = offset, high = offset;
  for (size_t i = 0; i < extents.size(); ++i) {
    int64_t reach = 0;
    if (__builtin_mul_overflow(extents[i] - 1, strides[i], &reach)) return false;
    if (__builtin_add_overflow(reach < 0 ? low : high, reach, reach < 0 ? &low : &high)) return false;
  }
  return low >= 0 && high < elements;
}

}  // namespace

std::vector<RegionT> normalized(std::vector<RegionT> regions) {
  std::vector<RegionT> result;
  for (RegionT& region : regions) {
    if (std::any_of(region.extents.begin(), region.extents.end(), [](int64_t e) { return e <= 0; })) continue;
    simplify(region);
    push_cut(result, std::move(region));
  }
  return result;
}

void check_bounds(const RegionT& region, int64_t src_elements, int64_t dst_elements, const std::string& node) {
  if (in_range(region.extents, region.src_offset, region.src_strides, src_elements) &&
      in_range(region.extents, region.dst_offset, region.dst_strides, dst_elements))
    return;
  base::fail(ErrorCode::internal,
             "node \"%\" would copy from outside its input or to outside its output (% to % elements); its shapes "
             "contradict its attributes",
             {node, src_elements, dst_elements});
}

bool is_plain_copy(const std::vector<RegionT>& regions, int64_t elements) {
  if (regions.size() != 1) return false;
  const RegionT& region = regions.front();
  return region.extents == Extents{elements} && region.src_offset == 0 && region.dst_offset == 0 &&
         (elements == 1 || (region.src_strides.front() == 1 && region.dst_strides.front() == 1));
}

schema::StridedCopyAttributesT strided_copy(const std::vector<RegionT>& regions, std::vector<uint8_t> fill) {
  schema::StridedCopyAttributesT attributes;
  for (const RegionT& region : regions) attributes.regions.push_back(std::make_unique<RegionT>(region));
  attributes.fill = std::move(fill);
  return attributes;
}

}  // namespace motley::graph
