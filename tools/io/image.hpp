// Pictures: read from JPEG, PNG and BMP files, resized, cropped, drawn on, written as PNG.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace motley::io {

// Rows from top to bottom, pixels from left to right, `channels` bytes each: grey, or red, green, blue.
struct Image {
  int width = 0, height = 0, channels = 0;
  std::vector<uint8_t> pixels;
  uint8_t* at(int x, int y) {
    return pixels.data() + (static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) *
                               static_cast<size_t>(channels);
  }
  const uint8_t* at(int x, int y) const { return const_cast<Image*>(this)->at(x, y); }
};

// All black.
Image blank_image(int width, int height, int channels);

// By its first bytes: a JPEG, PNG or BMP file.
bool is_image(std::span<const std::byte> bytes);
// With 1 or 3 channels; transparency is dropped, and a JPEG's orientation tag is not applied. Throws Error(io), or
// Error(invalid_argument) with the reason for a file that is no picture, damaged, or over 100 megapixels.
Image read_image(const std::filesystem::path& path, int channels);

// How neighbours are weighed. The window grows with the shrinking, so that no pixel is skipped.
enum class Filter { bilinear, bicubic };
Image resize_image(const Image& image, int width, int height, Filter filter = Filter::bicubic);
// The part of that size around the centre, which must lie inside.
Image crop_centre(const Image& image, int width, int height);

// The outline of a rectangle, clipped to the picture; `right` and `bottom` are the last pixels inside.
struct Rectangle {
  int left, top, right, bottom;
};
void draw_rectangle(Image& image, const Rectangle& rectangle, std::span<const uint8_t, 3> colour, int thickness);

// Throws Error(io).
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace motley::io
