// Planes of words: where words lie, and how they are made from an image.
#include "kernels/quantized_words.hpp"

#include <cstring>

namespace motley::cpu {

namespace {

// More grids than this are not worth their memory.
constexpr int64_t kMostGrids = 8;

int64_t words_per_row(const WindowAxis& x, int64_t per_word) { return (x.kernel + per_word - 1) / per_word; }

// One grid serves all words of a kernel's row where the others are the same, further on: what it is wider for that has
// to be little, unless there is one row.
bool is_one_grid(const Window& w, int64_t per_word) {
  const int64_t words = words_per_row(w.x, per_word), step = per_word * w.x.dilation;
  if (words == 1) return true;
  return step % w.x.stride == 0 && (w.y.output == 1 || (words - 1) * step / w.x.stride * 8 <= w.x.output);
}

// By channels a word is full where there are as many; by taps where a kernel's row is as long.
bool better_by_taps(const Window& w, int64_t channels, int64_t per_word) {
  const int64_t words = words_per_row(w.x, per_word);
  if (w.x.kernel == 1 || (words > kMostGrids && !is_one_grid(w, per_word))) return false;
  return channels * w.y.kernel * words <= (channels + per_word - 1) / per_word * w.taps();
}

}  // namespace

WordPlanes::WordPlanes(const QuantizedOps& ops, const Window& window, int64_t channels)
    : ops_(&ops), window_(window), channels_(channels), by_taps_(better_by_taps(window, channels, per_word())) {
  if (by_taps_) lay_out_taps();
  else lay_out_channels();
  require(part_words_ < kMostPlaneWords / parts_, "the padded image is too large");
}

void WordPlanes::lay_out_channels() {
  plane_ = PaddedPlane(window_);
  pitch_ = plane_.pitch(), part_words_ = plane_.elements();
  parts_ = (channels_ + per_word() - 1) / per_word();
  require(part_words_ < kMostPlaneWords / parts_, "the padded image is too large");
  const int64_t taps = window_.taps();
  for (int64_t part = 0; part < parts_; ++part)
    for (int64_t tap = 0; tap < taps; ++tap) {
      offsets_.push_back(static_cast<int32_t>(part * part_words_ + plane_.tap_offsets()[static_cast<size_t>(tap)]));
      for (int64_t i = part * per_word(); i < (part + 1) * per_word(); ++i)
        sources_.push_back(i < channels_ ? static_cast<int32_t>(i * taps + tap) : -1);
    }
}

void WordPlanes::lay_out_taps() {
  const WindowAxis &y = window_.y, &x = window_.x;
  const int64_t words = words_per_row(x, per_word()), step = per_word() * x.dilation;
  const bool one = is_one_grid(window_, per_word());
  grids_ = one ? 1 : words;
  pitch_ = x.output + (one ? (words - 1) * step / x.stride : 0);
  rows_ = y.output + (y.kernel - 1) * y.dilation / y.stride;
  for (int64_t k = 0; k < y.kernel; ++k) phases_.push_back(k * y.dilation % y.stride);
  std::sort(phases_.begin(), phases_.end());
  phases_.erase(std::unique(phases_.begin(), phases_.end()), phases_.end());
  parts_ = channels_;
  require(rows_ < kMostPlaneWords && pitch_ < kMostPlaneWords / rows_, "the padded image is too large");
  part_words_ = rows_ * pitch_;
  require(part_words_ < kMostPlaneWords / (static_cast<int64_t>(phases_.size()) * grids_),
          "the padded image is too large");
  part_words_ *= static_cast<int64_t>(phases_.size()) * grids_;
  require(part_words_ < kMostPlaneWords / parts_ && padded_rows() < kMostPlaneWords / row_elements(),
          "the padded image is too large");
  for (int64_t channel = 0; channel < channels_; ++channel)
    for (int64_t ky = 0; ky < y.kernel; ++ky)
      for (int64_t word = 0; word < words; ++word) {
        const int64_t dy = ky * y.dilation;
        const int64_t phase = std::lower_bound(phases_.begin(), phases_.end(), dy % y.stride) - phases_.begin();
        const int64_t grid = phase * grids_ + (one ? 0 : word), shift = one ? word * step / x.stride : 0;
        offsets_.push_back(
            static_cast<int32_t>(channel * part_words_ + (grid * rows_ + dy / y.stride) * pitch_ + shift));
        for (int64_t kx = word * per_word(); kx < (word + 1) * per_word(); ++kx)
          sources_.push_back(kx < x.kernel ? static_cast<int32_t>(channel * window_.taps() + ky * x.kernel + kx) : -1);
      }
}

// Up to the last element that any word of a row takes.
int64_t WordPlanes::row_elements() const {
  return (pitch_ - 1) * window_.x.stride + (grids_ * per_word() - 1) * window_.x.dilation + 1;
}

int64_t WordPlanes::buffer_words() const {
  if (!by_taps_) return plane_.is_image() ? 0 : window_.inputs();
  const auto slack = static_cast<int64_t>(kQuantizedSlack);
  return (padded_rows() * row_elements() + slack + per_word() - 1) / per_word();
}

// So many elements of what surrounds an image, for x's zero point; the rest of the word is 0.
uint32_t WordPlanes::border(const ByteImage& image, int64_t elements) const {
  if (per_word() != 4) return 0;
  const uint32_t word = static_cast<uint32_t>(image.zero) * 0x01010101u;
  return elements == 4 ? word : word & ((1u << 8 * elements) - 1);
}

void WordPlanes::fill(const ByteImage& image, int64_t part, uint32_t* planes, uint32_t* buffer) const {
  uint32_t* to = planes + part * part_words_;
  if (!by_taps_) return fill_channels(image, part, to, buffer);
  fill_taps({image.data + part * window_.inputs(), image.flip, image.zero}, to, buffer);
}

void WordPlanes::fill_channels(const ByteImage& image, int64_t part, uint32_t* plane, uint32_t* buffer) const {
  const int64_t first = part * per_word(), count = std::min(per_word(), channels_ - first), n = window_.inputs();
  const uint8_t* from[4] = {};
  for (int64_t i = 0; i < count; ++i) from[i] = image.data + (first + i) * n;
  ops_->words(from, static_cast<size_t>(n), image.flip, image.zero, plane_.is_image() ? plane : buffer);
  if (!plane_.is_image()) plane_.copy(buffer, plane, border(image, count));
}

void WordPlanes::pad(const ByteImage& image, void* padded) const {
  const WindowAxis &y = window_.y, &x = window_.x;
  const int64_t width = row_elements(), height = padded_rows();
  const int64_t left = std::min(x.pad_begin, width), top = std::min(y.pad_begin, height);
  const int64_t columns = std::min(x.input, width - left), rows = std::min(y.input, height - top);
  if (per_word() == 4) std::fill_n(static_cast<uint8_t*>(padded), height * width, static_cast<uint8_t>(image.zero));
  else std::fill_n(static_cast<int16_t*>(padded), height * width, int16_t{0});
  ops_->elements({image.data, static_cast<size_t>(rows), static_cast<size_t>(x.input)}, static_cast<size_t>(columns),
                 image.flip, image.zero, element(padded, top * width + left), static_cast<size_t>(width));
}

void* WordPlanes::element(void* elements, int64_t i) const {
  return static_cast<uint8_t*>(elements) + i * 4 / per_word();
}

void WordPlanes::fill_taps(const ByteImage& image, uint32_t* planes, void* padded) const {
  const WindowAxis &y = window_.y, &x = window_.x;
  pad(image, padded);
  const int64_t width = row_elements();
  for (const int64_t phase : phases_)
    for (int64_t grid = 0; grid < grids_; ++grid, planes += rows_ * pitch_)
      ops_->gather(element(padded, phase * width + grid * per_word() * x.dilation), static_cast<size_t>(rows_),
                   static_cast<size_t>(y.stride * width), static_cast<size_t>(pitch_), static_cast<size_t>(x.stride),
                   static_cast<size_t>(x.dilation), planes, static_cast<size_t>(pitch_));
}

}  // namespace motley::cpu
