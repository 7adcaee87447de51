// StridedCopy, made by lowering the movement ops that models use; and those ops themselves, for plugins that claim
// them.
#include "../cases.hpp"
#include "graph/lower.hpp"

namespace motley::check {

using schema::DataType;
using schema::Op;
using Input = CaseList::Input;

namespace {

const std::vector<DataType> kTypes = {DataType::float32, DataType::int8, DataType::int64, DataType::float16};

Input vector_of(std::vector<int64_t> values) {
  Input input;
  input.values = std::move(values);
  return input;
}

void composites(CaseList& list, DataType type) {
  const std::string name = std::string(schema::EnumNameDataType(type)) + " ";
  const auto transpose = [&](std::vector<int64_t> shape, std::vector<int64_t> perm) {
    schema::TransposeAttributesT a;
    a.perm = perm;
    list.add(Op::Transpose, a, {{shape, type}}, 1, name + shape_text(shape));
  };
  transpose({3, 17}, {1, 0});
  transpose({2, 3, 5, 7}, {0, 2, 3, 1});
  transpose({2, 5, 7, 3}, {0, 3, 1, 2});
  transpose({4, 3, 2, 5}, {2, 0, 3, 1});
  transpose({1, 0, 3}, {2, 1, 0});
  const auto slice = [&](std::vector<int64_t> shape, std::vector<int64_t> starts, std::vector<int64_t> ends,
                         std::vector<int64_t> axes, std::vector<int64_t> steps) {
    list.add(Op::Slice, schema::NoAttributesT{},
             {{shape, type}, vector_of(starts), vector_of(ends), vector_of(axes), vector_of(steps)}, 1,
             name + shape_text(shape));
  };
  slice({9, 17}, {1}, {8}, {1}, {3});
  slice({9, 17}, {-1, 2}, {-100, 9}, {0, 1}, {-2, 1});
  slice({2, 3, 4}, {3}, {3}, {2}, {1});
  schema::AxisAttributesT axis;
  axis.axis = 1;
  list.add(Op::Concat, axis, {{{2, 3, 5}, type}, {{2, 1, 5}, type}, {{2, 17, 5}, type}}, 1, name + "three inputs");
  list.add(Op::Concat, axis, {{{2, 0, 5}, type}, {{2, 4, 5}, type}}, 1, name + "an empty input");
  for (schema::PadMode mode : schema::EnumValuesPadMode()) {
    schema::PadAttributesT a;
    a.mode = mode;
    list.add(Op::Pad, a, {{{2, 3, 5}, type}, vector_of({0, 1, 2, 0, 2, 1})}, 1, name + schema::EnumNamePadMode(mode));
  }
  list.add(Op::Expand, schema::NoAttributesT{}, {{{3, 1, 5}, type}, vector_of({2, 3, 4, 5})}, 1,
           name + "3x1x5 to 2x3x4x5");
  list.add(Op::Tile, schema::NoAttributesT{}, {{{2, 3}, type}, vector_of({2, 3})}, 1, name + "2x3 by 2x3");
  schema::BlockAttributesT block;
  block.block_size = 2;
  list.add(Op::DepthToSpace, block, {{{1, 12, 3, 5}, type}}, 1, name + "1x12x3x5");
  list.add(Op::SpaceToDepth, block, {{{1, 3, 4, 6}, type}}, 1, name + "1x3x4x6");
}

}  // namespace

void movement_cases(CaseList& list) {
  CaseList whole;
  for (DataType type : kTypes) composites(whole, type);
  for (Case& c : whole.cases) {
    Case lowered = c;
    const graph::Node node = lowered.graph.nodes.front();
    lowered.graph.nodes = graph::lower(lowered.graph, node);
    lowered.detail = lowered.label + " " + lowered.detail;
    lowered.label = "StridedCopy";
    if (lowered.graph.nodes.size() == 1) list.cases.push_back(std::move(lowered));
    list.cases.push_back(std::move(c));
  }
}

}  // namespace motley::check
