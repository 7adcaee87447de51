// StridedCopy, Fill, Range.
#include <algorithm>
#include <map>

#include "checks.hpp"
#include "shapes.hpp"

namespace motley::gpu {

namespace {

struct Region {
  size_t input;
  int64_t src, dst, count;
  Merged m;  // views: source, destination
};

std::vector<Region> regions_of(const NodeView& node) {
  std::vector<Region> regions;
  const auto* list = node.attributes<schema::StridedCopyAttributes>().regions();
  if (!list) return regions;
  for (const schema::Region* raw : *list) {
    const auto extents = sdk::numbers(raw->extents());
    int64_t count = 1;
    for (int64_t e : extents) count *= e;
    if (count == 0) continue;
    const auto src = sdk::numbers(raw->src_strides()), dst = sdk::numbers(raw->dst_strides());
    Region r{static_cast<size_t>(raw->input()), raw->src_offset(), raw->dst_offset(), count,
             merge_dimensions({extents.begin(), extents.end()}, {{src.begin(), src.end()}, {dst.begin(), dst.end()}})};
    regions.push_back(std::move(r));
  }
  return regions;
}

void check_copy(const NodeView& node, const Capabilities&) {
  for (const Region& r : regions_of(node)) check_rank(r.m);
}

void emit_fill_with(Emitter& e, const Operand& to, int64_t count, DataType type, const uint8_t* value, size_t size) {
  uint64_t bits = 0;
  std::memcpy(&bits, value, size);
  Call call = elementwise(e, std::string("fill.") + size_name(type), count);
  call.params = Params(count, static_cast<int32_t>(static_cast<uint32_t>(bits)), static_cast<int32_t>(static_cast<uint32_t>(bits >> 32)));
  call.uses = {out(to)};
  e.launch(std::move(call));
}

// Whether the region is all of its input, in one piece, to one piece of the output.
bool is_whole(const Region& r, const TensorView& input) {
  return r.src == 0 && r.count == input.elements() && r.m.extents.size() == 1 && r.m.strides[0][0] == 1 &&
         r.m.strides[1][0] == 1;
}

// Four elements of four bytes at a time where the device likes that and the region allows it.
bool emit_wide_region(Emitter& e, const Region& r, DataType type) {
  const auto four = [](int64_t v) { return v % 4 == 0; };
  if (!e.device.texel_loads || sdk::element_bytes(type) != 4 || r.m.extents.size() != 1 || r.m.strides[0][0] != 1 ||
      r.m.strides[1][0] != 1 || !four(r.count) || !four(r.src) || !four(r.dst))
    return false;
  Call call = elementwise(e, "strided_copy.u128", r.count / 4);
  call.constants = {1, 1};
  call.params = Params(r.count / 4, r.src / 4, r.dst / 4);
  const std::vector<int64_t> extents{r.count / 4}, ones{1};
  call.params.add_all(extents, 6, 1).add_all(ones, 6, 0).add_all(ones, 6, 0);
  call.uses = {in(e.input(r.input)), out(e.output(0))};
  e.launch(std::move(call));
  return true;
}

void emit_region(Emitter& e, const Region& r, DataType type) {
  if (emit_wide_region(e, r, type)) return;
  Call call = elementwise(e, std::string("strided_copy.") + size_name(type), r.count);
  const bool contiguous = r.m.strides[0].back() == 1 && r.m.strides[1].back() == 1;
  call.constants = {static_cast<int32_t>(r.m.extents.size()), contiguous && r.m.extents.size() == 1 ? 1 : 0};
  call.params = Params(r.count, r.src, r.dst);
  call.params.add_all(r.m.extents, 6, 1).add_all(r.m.strides[0], 6, 0).add_all(r.m.strides[1], 6, 0);
  call.uses = {in(e.input(r.input)), out(e.output(0))};
  e.launch(std::move(call));
}

// Several regions of one input become one launch over a table.
void emit_regions(Emitter& e, const std::vector<const Region*>& regions, DataType type) {
  if (regions.size() < 3) {
    for (const Region* r : regions) emit_region(e, *r, type);
    return;
  }
  size_t rank = 1;
  for (const Region* r : regions) rank = std::max(rank, r->m.extents.size());
  std::vector<int32_t> table;
  int64_t first = 0;
  const auto push = [&](int64_t v) { table.push_back(static_cast<int32_t>(v)); };
  for (const Region* r : regions) {
    push(first);
    push(r->src);
    push(r->dst);
    // Missing dimensions stand in front, with extent 1.
    const size_t lead = rank - r->m.extents.size();
    for (size_t i = 0; i < rank; ++i) push(i < lead ? 1 : r->m.extents[i - lead]);
    for (size_t view = 0; view < 2; ++view)
      for (size_t i = 0; i < rank; ++i) push(i < lead ? 0 : r->m.strides[view][i - lead]);
    first += r->count;
  }
  Call call = elementwise(e, std::string("copy_regions.") + size_name(type), first);
  call.constants = {static_cast<int32_t>(rank)};
  call.params = Params(first, static_cast<int32_t>(regions.size()));
  call.uses = {in(e.input(regions[0]->input)), in(e.constant(table)), out(e.output(0))};
  e.launch(std::move(call));
}

void emit_copy(Emitter& e) {
  const TensorView& y = *e.node.output(0);
  const std::vector<Region> regions = regions_of(e.node);
  const auto* fill = e.node.attributes<schema::StridedCopyAttributes>().fill();
  int64_t covered = 0;
  for (const Region& r : regions) covered += r.count;
  if (covered < y.elements() && fill && fill->size() > 0)
    emit_fill_with(e, e.output(0), y.elements(), y.type, fill->data(), fill->size());
  std::map<size_t, std::vector<const Region*>> by_input;
  for (const Region& r : regions)
    if (!(e.stands_at(r.input, r.dst) && is_whole(r, *e.node.input(r.input)))) by_input[r.input].push_back(&r);
  for (const auto& [input, list] : by_input) emit_regions(e, list, y.type);
}

void check_any(const NodeView&, const Capabilities&) {}

void emit_fill(Emitter& e) {
  const TensorView& y = *e.node.output(0);
  const auto* value = e.node.attributes<schema::FillAttributes>().value();
  emit_fill_with(e, e.output(0), y.elements(), y.type, value->data(), value->size());
}

void check_range(const NodeView& node, const Capabilities&) {
  require_type(*node.output(0), {DataType::float32, DataType::int32, DataType::int64}, "output 0");
}

void emit_range(Emitter& e) {
  const TensorView& y = *e.node.output(0);
  Call call = elementwise(e, std::string("range.") + type_name(y.type), y.elements());
  call.params = Params(y.elements());
  call.uses = {in(e.input(0)), in(e.input(2)), out(e.output(0))};
  e.launch(std::move(call));
}

}  // namespace

std::vector<WholeInput> whole_inputs(const NodeView& node) {
  std::vector<WholeInput> list;
  if (node.op() != Op::StridedCopy) return list;
  const std::vector<Region> regions = regions_of(node);
  int64_t covered = 0;
  for (const Region& r : regions) covered += r.count;
  // What no region writes is filled over all of the output.
  if (covered < node.output(0)->elements()) return list;
  for (const Region& r : regions)
    if (is_whole(r, *node.input(r.input))) list.push_back({node.input(r.input)->index, r.dst});
  return list;
}

const std::vector<OpEntry>& movement_ops() {
  static const auto* table = new std::vector<OpEntry>{op<reference::strided_copy_kernel, check_copy>(emit_copy),
                                                      op<reference::fill_kernel, check_any>(emit_fill),
                                                      op<reference::range_kernel, check_range>(emit_range)};
  return *table;
}

}  // namespace motley::gpu
