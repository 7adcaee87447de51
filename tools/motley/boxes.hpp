// Boxes of detectors that answer with scores [1,N,C] and corners [1,N,4] as fractions of the picture.
#pragma once

#include <string>
#include <vector>

#include "motley/motley.hpp"
#include "preprocess.hpp"

namespace motley::cli {

struct Box {
  double left, top, right, bottom;  // pixels of the original picture
  double score;
};

struct BoxOptions {
  std::string picture;  // where the drawing goes
  std::string boxes = "boxes", scores = "scores";
  double threshold = 0.7;
  double iou = 0.5;
};
void add_box_options(CLI::App& command, BoxOptions& options);

// Those over the threshold, best first, without those that overlap a better one by more than `iou`. The score is the
// last of C. Throws Error(invalid_argument) for outputs of other shapes.
std::vector<Box> decode_boxes(Session& session, const BoxOptions& options, const Geometry& geometry);

// Writes a copy of the picture with the boxes. Throws Error.
void draw_boxes(const std::string& picture, const std::vector<Box>& boxes, const std::string& output);

}  // namespace motley::cli
