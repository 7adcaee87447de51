// Pad in all modes, and CenterCropPad. Each axis becomes runs of output positions that read input positions at a
// constant step; regions are the products of the axes' runs.
#include <algorithm>

#include "graph/lower/rules.hpp"

namespace motley::graph {
namespace {

struct Run {
  int64_t dst, count, src, step;
};

constexpr uint64_t kMaxRegions = 1u << 16;

// Position `i` of an endless row that repeats or mirrors [0, extent).
int64_t source_position(schema::PadMode mode, int64_t i, int64_t extent) {
  switch (mode) {
    case schema::PadMode::edge: return std::clamp<int64_t>(i, 0, extent - 1);
    case schema::PadMode::wrap: return (i % extent + extent) % extent;
    default: break;
  }
  if (extent == 1) return 0;
  const int64_t period = 2 * (extent - 1);
  const int64_t phase = (i % period + period) % period;
  return phase < extent ? phase : period - phase;
}

std::vector<Run> runs_of(const Lowering& l, schema::PadMode mode, int64_t begin, int64_t extent, int64_t result) {
  std::vector<Run> runs;
  if (mode == schema::PadMode::constant) {
    const int64_t first = std::max<int64_t>(begin, 0), last = std::min(result, begin + extent);
    if (first < last) runs.push_back({first, last - first, first - begin, 1});
    return runs;
  }
  constexpr int64_t kLargest = 1 << 28;  // positions are looked at one by one
  if (result > kLargest) l.unsupported("a padded dimension (%) is too large", {result});
  if (extent == 0 && result > 0) l.invalid("an empty dimension cannot be padded with its own elements");
  for (int64_t i = 0; i < result; ++i) {
    const int64_t src = source_position(mode, i - begin, extent);
    Run* last = runs.empty() ? nullptr : &runs.back();
    if (last && last->count == 1 && std::abs(src - last->src) <= 1) {
      last->step = src - last->src;
      last->count = 2;
    } else if (last && last->count > 1 && src == last->src + last->count * last->step) {
      ++last->count;
    } else {
      runs.push_back({i, 1, src, 0});
      if (runs.size() > kMaxRegions) l.unsupported("it repeats its input over 65536 times");
    }
  }
  return runs;
}

// All combinations of one run per axis.
std::vector<RegionT> regions_of(const Lowering& l, const Extents& in, const Extents& out,
                                const std::vector<std::vector<Run>>& runs) {
  const Extents src_strides = row_major_strides(in), dst_strides = row_major_strides(out);
  std::vector<RegionT> regions{make_region(0, {}, 0, {}, 0, {})};
  for (size_t a = 0; a < in.size(); ++a) {
    if (regions.size() * runs[a].size() > kMaxRegions) l.unsupported("it needs over 65536 regions");
    std::vector<RegionT> next;
    for (const RegionT& region : regions) {
      for (const Run& run : runs[a]) {
        RegionT r = region;
        r.extents.push_back(run.count);
        r.src_offset += run.src * src_strides[a];
        r.src_strides.push_back(run.step * src_strides[a]);
        r.dst_offset += run.dst * dst_strides[a];
        r.dst_strides.push_back(dst_strides[a]);
        next.push_back(std::move(r));
      }
    }
    regions = std::move(next);
  }
  return regions;
}

// The border of a constant pad, read from input 1 where the value is computed: per axis a slab before and one after
// what lies inside, within what lies inside on the axes before.
void push_border(std::vector<RegionT>& regions, const Extents& out, const std::vector<std::vector<Run>>& runs) {
  const Extents strides = row_major_strides(out);
  Extents extents = out;
  int64_t offset = 0;
  for (size_t a = 0; a < out.size(); ++a) {
    const int64_t first = runs[a].empty() ? out[a] : runs[a][0].dst;
    const int64_t last = runs[a].empty() ? out[a] : first + runs[a][0].count;
    const auto slab = [&](int64_t from, int64_t to) {
      Extents part = extents;
      part[a] = to - from;
      if (to > from)
        regions.push_back(make_region(1, part, 0, Extents(out.size(), 0), offset + from * strides[a], strides));
    };
    slab(0, first);
    slab(last, out[a]);
    extents[a] = last - first;
    offset += first * strides[a];
  }
}

void emit_pad(Lowering& l, schema::PadMode mode, const Extents& begins, TensorId value) {
  const Extents in = l.shape(l.in(0)), out = l.shape(l.out());
  if (in.size() != out.size()) l.invalid("its output has another rank than its input");
  std::vector<std::vector<Run>> runs;
  for (size_t a = 0; a < in.size(); ++a) runs.push_back(runs_of(l, mode, begins[a], in[a], out[a]));
  std::vector<RegionT> regions;
  if (l.tensor(l.in(0)).elements() > 0) regions = regions_of(l, in, out, runs);
  else runs.assign(in.size(), {});  // all is border
  std::vector<TensorId> inputs{l.in(0)};
  std::vector<uint8_t> fill;
  if (mode == schema::PadMode::constant) {
    if (value != kNone && !l.tensor(value).is_constant()) {
      push_border(regions, out, runs);
      inputs.push_back(value);
    } else if (value == kNone) {
      fill = encode_scalar(l.type(l.out()), 0);
    } else {
      // The bytes as they are, so that 64-bit values keep all their bits.
      const Constant& constant = *l.tensor(value).constant;
      const size_t size = element_bytes(l.type(value));
      if (constant.bytes < size || l.type(value) != l.type(l.out()))
        l.invalid("its value does not fit its input's type");
      const auto* bytes = static_cast<const uint8_t*>(constant.data);
      fill.assign(bytes, bytes + size);
    }
  }
  l.copy(std::move(inputs), std::move(regions), l.out(), std::move(fill));
}

}  // namespace

void lower_pad(Lowering& l) {
  const Extents in = l.shape(l.in(0)), out = l.shape(l.out());
  const auto pads = l.integer_input(1);
  std::vector<int64_t> axes;
  if (l.has_input(3)) axes = l.integer_input(3);
  else
    for (size_t i = 0; i < in.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  if (pads.size() != 2 * axes.size()) l.invalid("it has not two pads per axis");

  Extents begins(in.size(), 0), expected = in;
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t a = l.axis(axes[i], in.size());
    begins[a] = pads[i];
    if (__builtin_add_overflow(in[a], pads[i], &expected[a]) ||
        __builtin_add_overflow(expected[a], pads[i + axes.size()], &expected[a]))
      l.invalid("its pads are too large");
  }
  if (expected != out) l.invalid("its output has another shape than its pads give");
  emit_pad(l, l.attr<schema::PadAttributesT>().mode, begins, l.has_input(2) ? l.in(2) : kNone);
}

void lower_center_crop_pad(Lowering& l) {
  const Extents in = l.shape(l.in(0)), out = l.shape(l.out());
  if (in.size() != out.size()) l.invalid("its output has another rank than its input");
  Extents begins;
  for (size_t a = 0; a < in.size(); ++a)
    begins.push_back(out[a] >= in[a] ? (out[a] - in[a]) / 2 : -((in[a] - out[a]) / 2));
  emit_pad(l, schema::PadMode::constant, begins, kNone);
}

}  // namespace motley::graph
