// Resizing: a separable filter, columns first, rounded to bytes after each direction. With the same filter the results
// are those that networks were trained on with Python's imaging library, but for a rounding here and there.
// (stb_image_resize was tried first; its assertions fail when shrinking with a triangle.)
#include <algorithm>
#include <cmath>

#include "io/image.hpp"

namespace motley::io {

namespace {

double bilinear(double x) { return std::max(0.0, 1.0 - std::fabs(x)); }

// Keys, "Cubic convolution interpolation for digital image processing" (1981), with a = -1/2.
double bicubic(double x) {
  x = std::fabs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

// The inputs of one output, and how much each counts.
struct Window {
  int first = 0;
  std::vector<float> weights;
};

std::vector<Window> windows(int from, int to, Filter filter) {
  const double scale = static_cast<double>(from) / to;
  const double stretch = std::max(scale, 1.0);
  const double reach = (filter == Filter::bicubic ? 2.0 : 1.0) * stretch;
  std::vector<Window> result(static_cast<size_t>(to));
  for (int i = 0; i < to; ++i) {
    Window& window = result[static_cast<size_t>(i)];
    const double centre = (i + 0.5) * scale;
    window.first = std::max(0, static_cast<int>(centre - reach + 0.5));
    const int end = std::min(from, static_cast<int>(centre + reach + 0.5));
    double sum = 0;
    for (int k = window.first; k < end; ++k) {
      const double x = (k + 0.5 - centre) / stretch;
      const double weight = filter == Filter::bicubic ? bicubic(x) : bilinear(x);
      window.weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    for (float& weight : window.weights) weight = static_cast<float>(weight / sum);
  }
  return result;
}

uint8_t to_byte(float value) { return static_cast<uint8_t>(std::clamp(value + 0.5f, 0.0f, 255.0f)); }

Image resize_width(const Image& image, int width, Filter filter) {
  Image result = blank_image(width, image.height, image.channels);
  const std::vector<Window> all = windows(image.width, width, filter);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < width; ++x) {
      const Window& window = all[static_cast<size_t>(x)];
      for (int c = 0; c < image.channels; ++c) {
        const uint8_t* source = image.at(window.first, y) + c;
        float sum = 0;
        for (float weight : window.weights) {
          sum += weight * static_cast<float>(*source);
          source += image.channels;
        }
        result.at(x, y)[c] = to_byte(sum);
      }
    }
  }
  return result;
}

Image resize_height(const Image& image, int height, Filter filter) {
  Image result = blank_image(image.width, height, image.channels);
  const std::vector<Window> all = windows(image.height, height, filter);
  const size_t row = static_cast<size_t>(image.width) * static_cast<size_t>(image.channels);
  std::vector<float> sums(row);
  for (int y = 0; y < height; ++y) {
    const Window& window = all[static_cast<size_t>(y)];
    std::fill(sums.begin(), sums.end(), 0.0f);
    const uint8_t* source = image.at(0, window.first);
    for (float weight : window.weights) {
      for (size_t i = 0; i < row; ++i) sums[i] += weight * static_cast<float>(source[i]);
      source += row;
    }
    std::transform(sums.begin(), sums.end(), result.at(0, y), to_byte);
  }
  return result;
}

}  // namespace

Image resize_image(const Image& image, int width, int height, Filter filter) {
  if (width == image.width && height == image.height) return image;
  const Image narrow = width == image.width ? image : resize_width(image, width, filter);
  return height == image.height ? narrow : resize_height(narrow, height, filter);
}

}  // namespace motley::io
