// Resize over modes, coordinates and roundings.
#include "../cases.hpp"

namespace motley::check {

using schema::Op;
using Input = CaseList::Input;

void resize_cases(CaseList& list) {
  const std::vector<std::pair<std::vector<int64_t>, std::vector<int64_t>>> sizes = {{{1, 3, 4, 5}, {1, 3, 8, 10}},
                                                                                    {{1, 3, 4, 5}, {1, 3, 7, 3}},
                                                                                    {{2, 17, 1, 1}, {2, 17, 3, 3}},
                                                                                    {{1, 1, 9, 8}, {1, 1, 3, 4}}};
  for (schema::ResizeMode mode : schema::EnumValuesResizeMode())
    for (schema::ResizeCoordinates coordinates : schema::EnumValuesResizeCoordinates()) {
      if (coordinates == schema::ResizeCoordinates::tf_crop_and_resize) continue;  // needs a region of interest
      for (const auto& [from, to] : sizes) {
        schema::ResizeAttributesT a;
        a.mode = mode;
        a.coordinates = coordinates;
        Input absent, target;
        absent.absent = true;
        target.values = to;
        list.add(Op::Resize, a, {{from}, absent, absent, target}, 1,
                 std::string(schema::EnumNameResizeMode(mode)) + ", " + schema::EnumNameResizeCoordinates(coordinates) +
                     ", " + shape_text(from) + " to " + shape_text(to));
      }
    }
}

}  // namespace motley::check
