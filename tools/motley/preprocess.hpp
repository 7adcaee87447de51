// From a picture to the tensor that a network takes.
//
// Pixels are scaled to 0 … range, then value = (pixel - mean) / std * scale, per channel. Settings come from the
// model's metadata "preprocessing" (JSON, keys as in docs/command-line.md) and from the command line, which wins.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "io/image.hpp"
#include "io/tensor.hpp"

namespace motley::cli {

struct Preprocessing {
  std::optional<std::string> resize;     // "256": the short side; "320x240": exactly
  std::optional<std::string> filter;     // bicubic, bilinear
  std::optional<std::string> crop;       // "224", "320x240", around the centre
  std::optional<std::string> channels;   // rgb, bgr, gray
  std::optional<std::string> layout;     // nchw, nhwc
  std::optional<double> range;           // 255
  std::vector<double> mean, std, scale;  // one for all channels or one each; empty: 0, 1, 1
};

void add_preprocessing_options(CLI::App& command, Preprocessing& options);

// Throws Error(invalid_model) for text that is no such JSON.
Preprocessing parse_preprocessing(const std::string& json);
// What `first` leaves open comes from `second`.
Preprocessing merge(const Preprocessing& first, const Preprocessing& second);

// How the network's picture lies in the original: x_original = offset_x + x_network * step_x, pixels.
struct Geometry {
  double offset_x = 0, offset_y = 0, step_x = 1, step_y = 1;
  int width = 0, height = 0;  // of the network's picture
};

struct PreparedImage {
  io::Tensor tensor;
  Geometry geometry;
};
// A tensor for `input`: sizes it leaves open follow from the picture. Throws Error(invalid_argument) where they don't
// fit.
PreparedImage prepare_image(const std::string& path, const TensorInfo& input, const Preprocessing& options);

}  // namespace motley::cli
