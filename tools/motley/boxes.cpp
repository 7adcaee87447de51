// Decoding, selecting and drawing boxes.
#include "boxes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "text.hpp"

namespace motley::cli {

namespace {

double overlap(const Box& a, const Box& b) {
  const double width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const double height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const auto area = [](const Box& x) { return (x.right - x.left) * (x.bottom - x.top); };
  return width * height / (area(a) + area(b) - width * height);
}

std::vector<Box> suppress(std::vector<Box> boxes, double iou) {
  std::stable_sort(boxes.begin(), boxes.end(), [](const Box& a, const Box& b) { return a.score > b.score; });
  std::vector<Box> kept;
  for (const Box& box : boxes)
    if (std::none_of(kept.begin(), kept.end(), [&](const Box& k) { return overlap(k, box) > iou; }))
      kept.push_back(box);
  return kept;
}

[[noreturn]] void refuse(const TensorRef& tensor, const char* wanted) {
  throw Error(ErrorCode::invalid_argument,
              fmt::format("the output \"{}\" ({} {}) is not float32 {}; name another output", tensor.name(),
                          to_string(tensor.type()), shape_text(tensor.shape()), wanted));
}

}  // namespace

void add_box_options(CLI::App& command, BoxOptions& options) {
  const std::string group = "Detectors";
  command.add_option("--draw-boxes", options.picture, "Decode boxes, and write the picture with them as PNG")
      ->type_name("OUT.png")
      ->group(group);
  command.add_option("--boxes", options.boxes, "The output with corners (1xNx4, fractions of the picture)")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(group);
  command.add_option("--scores", options.scores, "The output with scores (1xNxC, the last of C counts)")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(group);
  command.add_option("--score-threshold", options.threshold, "Boxes with lower scores are dropped")
      ->type_name("X")
      ->capture_default_str()
      ->group(group);
  command.add_option("--iou", options.iou, "A box that overlaps a better one by more is dropped")
      ->type_name("X")
      ->capture_default_str()
      ->group(group);
}

std::vector<Box> decode_boxes(Session& session, const BoxOptions& options, const Geometry& geometry) {
  const TensorRef corners = session.output(options.boxes), scores = session.output(options.scores);
  const auto cs = corners.shape(), ss = scores.shape();
  if (corners.type() != DataType::float32 || cs.size() != 3 || cs[0] != 1 || cs[2] != 4) refuse(corners, "1xNx4");
  if (scores.type() != DataType::float32 || ss.size() != 3 || ss[0] != 1 || ss[1] != cs[1] || ss[2] < 1)
    refuse(scores, fmt::format("1x{}xC", cs[1]).c_str());
  const auto corner = corners.as<float>(), score = scores.as<float>();
  const auto count = static_cast<size_t>(cs[1]), classes = static_cast<size_t>(ss[2]);
  std::vector<Box> boxes;
  for (size_t i = 0; i < count; ++i) {
    const double value = score[i * classes + classes - 1];
    const float* c = corner.data() + i * 4;
    if (!(value >= options.threshold) || !std::all_of(c, c + 4, [](float v) { return std::isfinite(v); })) continue;
    const auto x = [&](double f) { return geometry.offset_x + f * geometry.width * geometry.step_x; };
    const auto y = [&](double f) { return geometry.offset_y + f * geometry.height * geometry.step_y; };
    boxes.push_back({x(c[0]), y(c[1]), x(c[2]), y(c[3]), value});
  }
  return suppress(std::move(boxes), options.iou);
}

void draw_boxes(const std::string& picture, const std::vector<Box>& boxes, const std::string& output) {
  constexpr std::array<uint8_t, 3> kColour{64, 224, 64};
  io::Image image = io::read_image(picture, 3);
  const int thickness = std::max(2, std::min(image.width, image.height) / 150);
  const auto pixel = [](double v) { return static_cast<int>(std::clamp(v, -1e6, 1e6)); };
  for (const Box& box : boxes)
    io::draw_rectangle(image, {pixel(box.left), pixel(box.top), pixel(box.right), pixel(box.bottom)}, kColour,
                       thickness);
  io::write_png(output, image);
}

}  // namespace motley::cli
