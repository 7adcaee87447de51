// Composition of regions. An address in the first copy's result is a number in a mixed radix, whose digits are the
// first copy's indices. A dimension of the second copy walks these addresses at a constant stride; as long as no digit
// overflows on the way, each digit moves at a constant stride too, and with it the address that the first copy reads.
#include "graph/lower/compose.hpp"

#include <algorithm>
#include <cstdlib>

namespace motley::graph {
namespace {

bool writes_all_in_order(const RegionT& region, int64_t elements) {
  return region.dst_offset == 0 && product(region.extents) == elements &&
         region.dst_strides == row_major_strides(region.extents);
}

Extents digits_of(const RegionT& radix, int64_t address) {
  Extents digits;
  for (size_t k = 0; k < radix.extents.size(); ++k) {
    digits.push_back(std::abs(address) / radix.dst_strides[k] % radix.extents[k]);
    if (address < 0) digits.back() = -digits.back();
  }
  return digits;
}

// A dimension that runs through a digit several times is cut in two: once through the digit, and the carries.
void split_at_carries(RegionT& region, const RegionT& radix) {
  for (size_t j = 0; j < region.extents.size(); ++j) {
    for (size_t k = radix.extents.size(); k-- > 0;) {
      const int64_t unit = radix.dst_strides[k], stride = std::abs(region.src_strides[j]);
      const int64_t steps = stride / unit;
      if (stride % unit != 0 || steps == 0 || steps >= radix.extents[k] || radix.extents[k] % steps != 0) continue;
      const int64_t through = radix.extents[k] / steps;
      if (region.extents[j] <= through || region.extents[j] % through != 0) continue;
      const auto at = static_cast<std::ptrdiff_t>(j);
      region.extents.insert(region.extents.begin() + at, region.extents[j] / through);
      region.src_strides.insert(region.src_strides.begin() + at, region.src_strides[j] * through);
      region.dst_strides.insert(region.dst_strides.begin() + at, region.dst_strides[j] * through);
      region.extents[j + 1] = through;
      break;  // dimension j is now the carries, which the next round looks at
    }
  }
}

}  // namespace

std::optional<RegionT> compose(const RegionT& first, const RegionT& second, int64_t elements) {
  if (elements == 0 || !writes_all_in_order(first, elements)) return std::nullopt;
  RegionT result = second;
  for (size_t rounds = 0; rounds < first.extents.size(); ++rounds) split_at_carries(result, first);

  const Extents base = digits_of(first, second.src_offset);
  Extents low = base, high = base;
  for (size_t j = 0; j < result.extents.size(); ++j) {
    const Extents digits = digits_of(first, result.src_strides[j]);
    int64_t stride = 0;
    for (size_t k = 0; k < digits.size(); ++k) {
      (digits[k] < 0 ? low : high)[k] += (result.extents[j] - 1) * digits[k];
      stride += digits[k] * first.src_strides[k];
    }
    result.src_strides[j] = stride;
  }
  result.src_offset = first.src_offset;
  for (size_t k = 0; k < base.size(); ++k) {
    if (low[k] < 0 || high[k] >= first.extents[k]) return std::nullopt;
    result.src_offset += base[k] * first.src_strides[k];
  }
  result.input = first.input;
  simplify(result);
  if (result.extents.size() > static_cast<size_t>(sdk::kMaxRank)) return std::nullopt;
  return result;
}

}  // namespace motley::graph
