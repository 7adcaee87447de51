// Reading, changing and writing pictures, on top of stb.
#include "io/image.hpp"

#include <stb/stb_image.h>
#include <stb/stb_image_write.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string>

#include "io/file.hpp"
#include "motley/error.hpp"

namespace motley::io {

namespace {

constexpr int64_t kMaxPixels = 100'000'000;

enum class Format { none, jpeg, png, bmp };

// stb knows more formats; only these three, whose readers have been fuzzed longest, ever see a file.
Format format_of(std::span<const std::byte> bytes) {
  const auto begins = [&](std::initializer_list<int> magic) {
    return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin(),
                                                      [](int a, std::byte b) { return a == std::to_integer<int>(b); });
  };
  if (begins({0xff, 0xd8, 0xff})) return Format::jpeg;
  if (begins({0x89, 'P', 'N', 'G', 0x0d, 0x0a, 0x1a, 0x0a})) return Format::png;
  if (begins({'B', 'M'})) return Format::bmp;
  return Format::none;
}

// stb fills the rest of a cut JPEG with grey and reports success; the end marker tells. Scan data holds no marker, so
// the last start-of-scan is a real one.
bool is_cut_jpeg(std::span<const std::byte> bytes) {
  const auto find_last = [&](std::byte marker) -> std::ptrdiff_t {
    for (auto i = static_cast<std::ptrdiff_t>(bytes.size()) - 2; i >= 0; --i)
      if (bytes[static_cast<size_t>(i)] == std::byte{0xff} && bytes[static_cast<size_t>(i) + 1] == marker) return i;
    return -1;
  };
  return find_last(std::byte{0xd9}) <= find_last(std::byte{0xda});
}

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& reason) {
  throw Error(ErrorCode::invalid_argument,
              "the image \"" + path.string() + "\" is unreadable (" + reason + "); give a JPEG, PNG or BMP picture");
}

const char* failure() {
  const char* reason = stbi_failure_reason();
  return reason ? reason : "damaged";
}

struct Release {
  void operator()(stbi_uc* pixels) const { stbi_image_free(pixels); }
};

}  // namespace

Image blank_image(int width, int height, int channels) {
  Image image{width, height, channels, {}};
  image.pixels.resize(static_cast<size_t>(width) * static_cast<size_t>(height) * static_cast<size_t>(channels));
  return image;
}

bool is_image(std::span<const std::byte> bytes) { return format_of(bytes) != Format::none; }

Image read_image(const std::filesystem::path& path, int channels) {
  const MappedFile file(path);
  const std::span<const std::byte> bytes = file.bytes();
  const Format format = format_of(bytes);
  if (format == Format::none) refuse(path, "no JPEG, PNG or BMP");
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max())) refuse(path, "over 2 GiB");
  if (format == Format::jpeg && is_cut_jpeg(bytes)) refuse(path, "its end is missing");

  const auto* data = reinterpret_cast<const stbi_uc*>(bytes.data());
  const int size = static_cast<int>(bytes.size());
  int width = 0, height = 0, stored_channels = 0;
  if (!stbi_info_from_memory(data, size, &width, &height, &stored_channels)) refuse(path, failure());
  if (width <= 0 || height <= 0) refuse(path, "no pixels");
  if (static_cast<int64_t>(width) * height > kMaxPixels)
    refuse(path, std::to_string(width) + "x" + std::to_string(height) + " is over 100 megapixels");
  const std::unique_ptr<stbi_uc, Release> pixels(
      stbi_load_from_memory(data, size, &width, &height, &stored_channels, channels));
  if (!pixels) refuse(path, failure());
  Image image = blank_image(width, height, channels);
  std::memcpy(image.pixels.data(), pixels.get(), image.pixels.size());
  return image;
}

Image crop_centre(const Image& image, int width, int height) {
  if (width < 1 || height < 1 || width > image.width || height > image.height)
    throw Error(ErrorCode::invalid_argument, "the crop (" + std::to_string(width) + "x" + std::to_string(height) +
                                                 ") does not fit into the picture (" + std::to_string(image.width) +
                                                 "x" + std::to_string(image.height) +
                                                 "); resize it to a larger size first");
  Image result = blank_image(width, height, image.channels);
  const int left = (image.width - width) / 2, top = (image.height - height) / 2;
  for (int y = 0; y < height; ++y)
    std::memcpy(result.at(0, y), image.at(left, top + y),
                static_cast<size_t>(width) * static_cast<size_t>(image.channels));
  return result;
}

void draw_rectangle(Image& image, const Rectangle& r, std::span<const uint8_t, 3> colour, int thickness) {
  const int left = std::max(r.left, 0), right = std::min(r.right, image.width - 1);
  const int top = std::max(r.top, 0), bottom = std::min(r.bottom, image.height - 1);
  for (int y = top; y <= bottom; ++y) {
    for (int x = left; x <= right; ++x) {
      const bool inside =
          x >= r.left + thickness && x <= r.right - thickness && y >= r.top + thickness && y <= r.bottom - thickness;
      if (inside) continue;
      for (int c = 0; c < image.channels; ++c) image.at(x, y)[c] = colour[static_cast<size_t>(c % 3)];
    }
  }
}

void write_png(const std::filesystem::path& path, const Image& image) {
  std::vector<std::byte> file;
  const auto append = [](void* context, void* data, int size) {
    const auto* bytes = static_cast<const std::byte*>(data);
    static_cast<std::vector<std::byte>*>(context)->assign(bytes, bytes + size);
  };
  if (!stbi_write_png_to_func(append, &file, image.width, image.height, image.channels, image.pixels.data(),
                              image.width * image.channels))
    throw Error(ErrorCode::out_of_memory, "writing \"" + path.string() + "\" needs more memory than there is");
  write_file(path, file);
}

}  // namespace motley::io
