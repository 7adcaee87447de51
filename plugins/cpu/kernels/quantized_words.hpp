// Images of bytes as planes of words, of which a product takes several steps at once (quantized_simd.hpp), wherever a
// window stands: no columns are built, and no strides or borders are left.
//
// A word holds elements of as many channels at one place, or, where there are hardly any channels (depthwise), what
// neighbouring taps of one row of the kernel see.
#pragma once

#include "kernels/quantized.hpp"
#include "kernels/window.hpp"

namespace motley::cpu {

inline constexpr int64_t kMostPlaneWords = int64_t{1} << 30;

// The channels of a group within an image. An element is (byte ^ flip), minus zero where it is a 16-bit integer.
struct ByteImage {
  const uint8_t* data = nullptr;
  uint8_t flip = 0;
  int32_t zero = 0;  // of what is flipped
};

class WordPlanes {
 public:
  WordPlanes() = default;
  WordPlanes(const QuantizedOps& ops, const Window& window, int64_t channels);

  // Words of k, and where the first column finds each: relative to the group's planes.
  int64_t depth_words() const { return static_cast<int64_t>(offsets_.size()); }
  const int32_t* offsets() const { return offsets_.data(); }
  // Which element of a row of weights each element of a word of k meets; -1: none.
  const std::vector<int32_t>& sources() const { return sources_; }
  // Columns lie one after the other; those of a row of outputs are followed by pitch() - outputs that are none.
  int64_t pitch() const { return pitch_; }
  int64_t columns() const { return (window_.y.output - 1) * pitch_ + window_.x.output; }
  // Words of one group's planes. Products read less than kQuantizedSlack words past them.
  int64_t words() const { return parts_ * part_words_; }
  // Planes are made part by part, each with a buffer of so many words.
  int64_t parts() const { return parts_; }
  int64_t part_words() const { return part_words_; }
  int64_t buffer_words() const;
  void fill(const ByteImage& image, int64_t part, uint32_t* planes, uint32_t* buffer) const;

 private:
  int64_t per_word() const { return static_cast<int64_t>(ops_->group); }
  void lay_out_channels();
  void lay_out_taps();
  int64_t row_elements() const;
  int64_t padded_rows() const { return (rows_ - 1) * window_.y.stride + phases_.back() + 1; }
  void fill_channels(const ByteImage& image, int64_t part, uint32_t* plane, uint32_t* buffer) const;
  void fill_taps(const ByteImage& image, uint32_t* planes, void* padded) const;
  // The padded plane of a channel, as elements: as many rows and elements of a row as words are taken from.
  void pad(const ByteImage& image, void* padded) const;
  void* element(void* elements, int64_t i) const;
  uint32_t border(const ByteImage& image, int64_t elements) const;

  const QuantizedOps* ops_ = nullptr;
  Window window_;
  int64_t channels_ = 0, pitch_ = 0, parts_ = 0, part_words_ = 0;
  std::vector<int32_t> offsets_, sources_;
  // By channels.
  PaddedPlane plane_;
  // By taps: phases of rows, and for each grids of `rows_` by `pitch_` words; grid i starts at tap i * per_word().
  bool by_taps_ = false;
  int64_t rows_ = 0, grids_ = 1;
  std::vector<int64_t> phases_;
};

}  // namespace motley::cpu
