// ReverseSequence: per batch entry, the first `length` steps in reverse.
#include "graph/lower/rules.hpp"

namespace motley::graph {

void lower_reverse_sequence(Lowering& l) {
  const auto& attributes = l.attr<schema::ReverseSequenceAttributesT>();
  const Extents in = l.shape(l.in(0));
  const size_t batch = l.axis(attributes.batch_axis, in.size()), time = l.axis(attributes.time_axis, in.size());
  const std::vector<int64_t> lengths = l.integer_input(1);
  if (batch == time || static_cast<int64_t>(lengths.size()) != in[batch])
    l.invalid("it has not one length per entry of its batch axis");

  const Extents strides = row_major_strides(in);
  std::vector<RegionT> regions;
  for (size_t first = 0, last = 0; first < lengths.size(); first = last) {
    const int64_t length = lengths[first];
    if (length < 0 || length > in[time]) l.invalid("a length (%) is beyond its time axis", {length});
    while (last < lengths.size() && lengths[last] == length) ++last;  // equal neighbours share their regions
    const int64_t base = static_cast<int64_t>(first) * strides[batch];
    Extents extents = in, src = strides;
    extents[batch] = static_cast<int64_t>(last - first);
    extents[time] = length;
    src[time] = -strides[time];
    if (length > 0) regions.push_back(make_region(0, extents, base + (length - 1) * strides[time], src, base, strides));
    extents[time] = in[time] - length;
    const int64_t rest = base + length * strides[time];
    if (extents[time] > 0) regions.push_back(make_region(0, extents, rest, strides, rest, strides));
  }
  l.copy({l.in(0)}, std::move(regions), l.out());
}

}  // namespace motley::graph
