// Resizing, cropping and scaling a picture into an input tensor.
#include "preprocess.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "io/half.hpp"
#include "text.hpp"

namespace motley::cli {

namespace {

constexpr int kMaxSide = 65536;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::invalid_argument, message); }

struct Size {
  int width = 0, height = 0;  // height 0: one number was given
};

Size parse_size(const char* option, const std::string& text) {
  Size size;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, size.width);
  bool good = first.ec == std::errc() && size.width >= 1 && size.width <= kMaxSide;
  if (good && first.ptr != end) {
    const auto second = std::from_chars(std::min(first.ptr + 1, end), end, size.height);
    good = *first.ptr == 'x' && second.ec == std::errc() && second.ptr == end && size.height >= 1 &&
           size.height <= kMaxSide;
  }
  if (!good) refuse(fmt::format("{} ({}) is no size; give 224, or 320x240 for width and height", option, text));
  return size;
}

// Where channels, rows and columns stand among the input's dimensions.
struct Axes {
  bool channels_last = false;
  int64_t channels = -1, height = -1, width = -1;  // -1: the model leaves it open
};

bool is_channel_count(int64_t n) { return n == 1 || n == 3; }

Axes find_axes(const TensorInfo& input, const Preprocessing& options) {
  const size_t rank = input.shape.size();
  if (rank != 3 && rank != 4)
    refuse(fmt::format("the input \"{}\" ({}) takes no picture; give a .npy or .pb file", input.name,
                       shape_text(input.shape, input.symbols)));
  const auto dim = [&](size_t i) { return input.shape[rank - 3 + i]; };
  if (rank == 4 && input.shape[0] > 1)
    refuse(fmt::format("the input \"{}\" takes {} pictures at once; give them as one .npy file", input.name,
                       input.shape[0]));
  Axes axes;
  if (options.layout) axes.channels_last = *options.layout == "nhwc";
  else axes.channels_last = is_channel_count(dim(2)) && !is_channel_count(dim(0));
  axes.channels = dim(axes.channels_last ? 2 : 0);
  axes.height = dim(axes.channels_last ? 0 : 1);
  axes.width = dim(axes.channels_last ? 1 : 2);
  if (axes.channels >= 0 && !is_channel_count(axes.channels))
    refuse(fmt::format("the input \"{}\" ({}) has {} channels, a picture 1 or 3; give a .npy file or another --layout",
                       input.name, shape_text(input.shape, input.symbols), axes.channels));
  return axes;
}

io::Image resize_and_crop(const io::Image& picture, const Axes& axes, const Preprocessing& options,
                          Geometry& geometry) {
  Size target{picture.width, picture.height};
  if (options.resize) {
    target = parse_size("--resize", *options.resize);
    if (target.height == 0) {
      const double factor = static_cast<double>(target.width) / std::min(picture.width, picture.height);
      target.width = std::max(1, static_cast<int>(std::lround(picture.width * factor)));
      target.height = std::max(1, static_cast<int>(std::lround(picture.height * factor)));
    }
  } else if (!options.crop && axes.width >= 1 && axes.height >= 1 && axes.width <= kMaxSide &&
             axes.height <= kMaxSide) {
    target = {static_cast<int>(axes.width), static_cast<int>(axes.height)};
  }
  if (static_cast<int64_t>(target.width) * target.height > 100'000'000)
    refuse(fmt::format("a picture resized to {}x{} is over 100 megapixels; give a smaller --resize", target.width,
                       target.height));
  const std::string filter = options.filter.value_or("bicubic");
  if (filter != "bilinear" && filter != "bicubic")
    refuse(fmt::format("the filter ({}) is unknown; give bilinear or bicubic", filter));
  io::Image image = io::resize_image(picture, target.width, target.height,
                                     filter == "bilinear" ? io::Filter::bilinear : io::Filter::bicubic);
  geometry.step_x = static_cast<double>(picture.width) / target.width;
  geometry.step_y = static_cast<double>(picture.height) / target.height;
  if (options.crop) {
    Size crop = parse_size("--crop", *options.crop);
    if (crop.height == 0) crop.height = crop.width;
    geometry.offset_x = (target.width - crop.width) / 2 * geometry.step_x;
    geometry.offset_y = (target.height - crop.height) / 2 * geometry.step_y;
    image = io::crop_centre(image, crop.width, crop.height);
  }
  geometry.width = image.width;
  geometry.height = image.height;
  return image;
}

double per_channel(const char* option, const std::vector<double>& values, int channel, int channels, double otherwise) {
  if (values.empty()) return otherwise;
  if (values.size() == 1) return values.front();
  if (values.size() != static_cast<size_t>(channels))
    refuse(fmt::format("{} has {} numbers for {} channels; give one, or one per channel", option, values.size(),
                       channels));
  return values[static_cast<size_t>(channel)];
}

void store(DataType type, std::byte* to, double value) {
  const auto put = [&](auto v) { std::memcpy(to, &v, sizeof v); };
  switch (type) {
    case DataType::float32: return put(static_cast<float>(value));
    case DataType::float16: return put(io::float_to_half(static_cast<float>(value)));
    case DataType::uint8: return put(static_cast<uint8_t>(std::clamp(std::round(value), 0.0, 255.0)));
    default: return put(static_cast<int8_t>(std::clamp(std::round(value), -128.0, 127.0)));
  }
}

void fill(io::Tensor& tensor, const io::Image& image, const Axes& axes, bool bgr, const Preprocessing& options) {
  const size_t size = size_of(tensor.type);
  tensor.bytes.resize(image.pixels.size() * size);
  for (int c = 0; c < image.channels; ++c) {
    const double range = options.range.value_or(255.0) / 255.0;
    const double mean = per_channel("--mean", options.mean, c, image.channels, 0.0);
    const double deviation = per_channel("--std", options.std, c, image.channels, 1.0);
    const double factor = per_channel("--scale", options.scale, c, image.channels, 1.0);
    if (deviation == 0) refuse("--std (0) cannot divide; give another number");
    const int source = bgr ? image.channels - 1 - c : c;
    for (int y = 0; y < image.height; ++y) {
      for (int x = 0; x < image.width; ++x) {
        const auto row = static_cast<size_t>(y), column = static_cast<size_t>(x), channel = static_cast<size_t>(c);
        const auto width = static_cast<size_t>(image.width), height = static_cast<size_t>(image.height);
        const size_t index = axes.channels_last ? (row * width + column) * static_cast<size_t>(image.channels) + channel
                                                : (channel * height + row) * width + column;
        store(tensor.type, tensor.bytes.data() + index * size,
              (image.at(x, y)[source] * range - mean) / deviation * factor);
      }
    }
  }
}

}  // namespace

PreparedImage prepare_image(const std::string& path, const TensorInfo& input, const Preprocessing& options) {
  const bool type_fits = input.type == DataType::float32 || input.type == DataType::float16 ||
                         input.type == DataType::uint8 || input.type == DataType::int8;
  if (!type_fits)
    refuse(fmt::format("the input \"{}\" ({}) takes no picture; give a .npy or .pb file", input.name,
                       to_string(input.type)));
  const Axes axes = find_axes(input, options);
  const std::string order = options.channels.value_or(axes.channels == 1 ? "gray" : "rgb");
  if (order != "rgb" && order != "bgr" && order != "gray")
    refuse(fmt::format("the channel order ({}) is unknown; give rgb, bgr or gray", order));
  const int channels = order == "gray" ? 1 : 3;
  if (axes.channels >= 0 && axes.channels != channels)
    refuse(fmt::format("the input \"{}\" has {} channels, --channels {} gives {}; choose one that fits", input.name,
                       axes.channels, order, channels));

  PreparedImage result;
  const io::Image image = resize_and_crop(io::read_image(path, channels), axes, options, result.geometry);
  if ((axes.width >= 0 && axes.width != image.width) || (axes.height >= 0 && axes.height != image.height))
    refuse(fmt::format(
        "the picture \"{}\" ends up {}x{}, the input \"{}\" takes {}x{} (width x height); change --resize or --crop",
        path, image.width, image.height, input.name, axes.width, axes.height));
  result.tensor.name = input.name;
  result.tensor.type = input.type;
  if (input.shape.size() == 4) result.tensor.shape.push_back(1);
  if (axes.channels_last) result.tensor.shape.insert(result.tensor.shape.end(), {image.height, image.width, channels});
  else result.tensor.shape.insert(result.tensor.shape.end(), {channels, image.height, image.width});
  fill(result.tensor, image, axes, order == "bgr", options);
  return result;
}

}  // namespace motley::cli
