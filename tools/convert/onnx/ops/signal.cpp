// Signals: DFT and STFT as products with a matrix, windows, and the mel filter bank.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "io/tensor_pb.hpp"
#include "onnx/ops/build.hpp"

namespace motley::convert {
namespace {

constexpr int64_t kMaxElements = 1 << 24;  // of matrices made here

void check_size(OpContext& c, int64_t rows, int64_t columns) {
  if (rows < 1 || columns < 1) c.invalid("transforms no samples, or to none");
  if (rows > kMaxElements / columns)
    c.unsupported("a transform whose matrix has more than " + std::to_string(kMaxElements) + " elements");
}

struct Transform {
  int64_t samples;  // along the axis of the input; those past `length` are cut off, those before it taken as 0
  int64_t length;   // N
  int64_t parts;    // of a sample: 1 real, 2 complex
  bool inverse = false;
  bool onesided = false;  // forwards: half of the spectrum comes out; backwards: half goes in, and the signal is real

  int64_t outputs() const { return onesided && !inverse ? length / 2 + 1 : length; }
  int64_t output_parts() const { return onesided && inverse ? 1 : 2; }
};

// Row (sample, part), column (output, part): one real product does the complex one.
TensorId matrix_of(Build& b, const Transform& t, DataType type) {
  OpContext& c = b.c;
  check_size(c, t.samples * t.parts, t.outputs() * t.output_parts());
  const int64_t columns = t.outputs() * t.output_parts();
  std::vector<float> values(static_cast<size_t>(t.samples * t.parts * columns), 0.0f);
  const int64_t given = t.onesided && t.inverse ? t.length / 2 + 1 : t.length;
  for (int64_t n = 0; n < std::min(t.samples, given); ++n) {
    for (int64_t k = 0; k < t.outputs(); ++k) {
      // The product is reduced first: angles of many turns lose their digits.
      const auto turn = static_cast<double>(n * k % t.length) / static_cast<double>(t.length);
      const double angle = (t.inverse ? 2 : -2) * std::numbers::pi * turn;
      double scale = t.inverse ? 1.0 / static_cast<double>(t.length) : 1.0;
      if (t.onesided && t.inverse && n != 0 && 2 * n != t.length) scale *= 2;  // the half that is not given
      const double re = scale * std::cos(angle), im = scale * std::sin(angle);
      const auto at = [&](int64_t part, int64_t output_part) -> float& {
        return values[static_cast<size_t>((n * t.parts + part) * columns + k * t.output_parts() + output_part)];
      };
      at(0, 0) = static_cast<float>(re);
      if (t.output_parts() == 2) at(0, 1) = static_cast<float>(im);
      if (t.parts == 2) at(1, 0) = static_cast<float>(-im);
      if (t.parts == 2 && t.output_parts() == 2) at(1, 1) = static_cast<float>(re);
    }
  }
  return c.table("matrix", type, {t.samples * t.parts, columns}, values);
}

// x (…, samples, parts), the axis next to last, as (…, outputs, parts).
TensorId transformed(Build& b, TensorId x, const Transform& t, size_t rank) {
  const TensorId matrix = matrix_of(b, t, b.c.type(x));
  std::vector<int64_t> flat(rank - 1, 0), shape(rank, 0);
  flat[rank - 2] = t.samples * t.parts;
  shape[rank - 2] = t.outputs();
  shape[rank - 1] = t.output_parts();
  return b.reshape(b.matmul(b.reshape(x, flat), matrix), shape);
}

std::optional<int64_t> folded_scalar(OpContext& c, TensorId id, const char* what) {
  if (id == kNone) return std::nullopt;
  const auto values = c.folded_ints(id);
  if (!values) c.unsupported(std::string(what) + " that is not constant");
  if (values->size() != 1) c.invalid("has " + std::string(what) + " of " + std::to_string(values->size()) + " numbers");
  return (*values)[0];
}

int64_t parts_of(OpContext& c, TensorId x) {
  const int64_t parts = known_extent(c, x, -1);
  if (parts != 1 && parts != 2)
    c.unsupported("samples that are not surely real or complex (a last dimension of 1 or 2)");
  return parts;
}

// The axis was an attribute until opset 20.
void dft(OpContext& c) {
  Build b(c);
  const auto rank = c.rank(c.in(0));
  if (!rank || *rank < 2) c.unsupported("a signal whose rank is not known, or under 2");
  const auto dims = static_cast<int64_t>(*rank);
  int64_t axis = c.version() < 20 ? c.integer("axis", 1) : folded_scalar(c, c.in(2), "an axis").value_or(-2);
  if (axis < -dims || axis >= dims) c.invalid("transforms along axis " + std::to_string(axis));
  if (axis < 0) axis += dims;
  if (axis == dims - 1) c.invalid("transforms along its last dimension, which holds the parts of a number");
  Transform t{};
  t.parts = parts_of(c, c.in(0));
  t.samples = known_extent(c, c.in(0), axis);
  if (t.samples < 0) c.unsupported("a signal whose length is not known; fix the shapes of the inputs");
  check_size(c, std::max<int64_t>(t.samples, 1), t.parts);
  t.inverse = c.flag("inverse", false);
  t.onesided = c.flag("onesided", false);
  if (t.onesided && !t.inverse && t.parts != 1) c.unsupported("half of the spectrum of a complex signal");
  if (t.onesided && t.inverse && c.version() < 20) c.unsupported("the inverse of half a spectrum before version 20");
  if (t.onesided && t.inverse && t.parts != 2) c.unsupported("half a spectrum of real numbers");
  t.length = folded_scalar(c, c.in(1), "a length").value_or(t.onesided && t.inverse ? 2 * (t.samples - 1) : t.samples);
  if (t.length < 1 || t.length > kMaxElements) c.invalid("transforms " + std::to_string(t.length) + " samples");
  std::vector<int64_t> there(*rank);
  for (size_t i = 0; i < *rank; ++i) there[i] = static_cast<int64_t>(i);
  std::swap(there[static_cast<size_t>(axis)], there[*rank - 2]);  // its own inverse
  const bool moves = axis != dims - 2;
  const TensorId y = transformed(b, moves ? b.transpose(c.in(0), there) : c.in(0), t, *rank);
  c.connect(moves ? b.transpose(y, there) : y, c.out(0));
}

// Frames of the signal (B, L, parts), each times the window and transformed.
void stft(OpContext& c) {
  Build b(c);
  const int64_t samples = known_extent(c, c.in(0), 1);
  if (c.rank(c.in(0)) != 3u || samples < 0) c.unsupported("a signal whose shape is not known, or not of 3 dimensions");
  const int64_t step = folded_scalar(c, c.in(1), "a frame step").value_or(0);
  if (step < 1) c.invalid("has a frame step of " + std::to_string(step));
  Transform t{};
  t.parts = parts_of(c, c.in(0));
  t.onesided = c.flag("onesided", true);
  if (t.onesided && t.parts != 1) c.unsupported("half of the spectrum of a complex signal");
  const int64_t window = c.in(2) == kNone ? samples : known_extent(c, c.in(2), 0);
  if (window < 0) c.unsupported("a window whose shape is not known");
  t.samples = t.length = folded_scalar(c, c.in(3), "a frame length").value_or(window);
  if (t.length < 1 || t.length > samples)
    c.invalid("has frames of " + std::to_string(t.length) + " samples (at least 1, at most " + std::to_string(samples) +
              ")");
  if (c.in(2) != kNone && window != t.length)
    c.unsupported("a window of another length (" + std::to_string(window) + ") than its frames (" +
                  std::to_string(t.length) + ")");
  const int64_t frames = 1 + (samples - t.length) / step;
  check_size(c, frames, t.length);
  std::vector<int64_t> places;
  for (int64_t f = 0; f < frames; ++f)
    for (int64_t n = 0; n < t.length; ++n) places.push_back(f * step + n);
  TensorId x = b.gather(c.in(0), b.reshape(b.ints(places), {frames, t.length}), 1);
  if (c.in(2) != kNone) x = b.mul(x, b.reshape(c.in(2), {-1, 1}));
  c.connect(transformed(b, x, t, 4), c.out(0));
}

DataType output_type(OpContext& c) {
  const int64_t number = c.integer("output_datatype", 1);
  const auto type = static_cast<DataType>(io::data_type_of_onnx(static_cast<int32_t>(number & INT32_MAX)));
  if (type == DataType::undefined) c.unsupported("output_datatype = " + std::to_string(number));
  return type;
}

// a0 − a1·cos(2πn/N) + a2·cos(4πn/N); N is the size, or one less where the window is not one of a period.
void window(OpContext& c, double a0, double a1, double a2) {
  Build b(c);
  const bool periodic = c.flag("periodic", true);
  const DataType type = output_type(c);
  const TensorId size = b.cast(c.in(0), DataType::int64);
  const TensorId n = b.cast(b.count_to(size), DataType::float64);
  TensorId length = b.cast(b.reshape(size, {}), DataType::float64);
  if (!periodic) length = b.sub(length, b.like(length, 1));
  const TensorId angle = b.div(b.mul(n, b.like(n, 2 * std::numbers::pi)), length);
  const auto term = [&](double factor, double times) {
    return b.mul(b.unary(schema::UnaryFunction::cos, b.mul(angle, b.like(angle, times))), b.like(angle, factor));
  };
  TensorId y = b.sub(b.like(angle, a0), term(a1, 1));
  if (a2 != 0) y = b.add(y, term(a2, 2));
  c.connect(b.cast(y, type), c.out(0));
}

void hann_window(OpContext& c) { window(c, 0.5, 0.5, 0); }
void hamming_window(OpContext& c) { window(c, 25.0 / 46.0, 21.0 / 46.0, 0); }
void blackman_window(OpContext& c) { window(c, 0.42, 0.5, 0.08); }

double folded_number(OpContext& c, size_t i, const char* what) {
  const auto floats = c.folded_floats(c.in(i));
  const auto ints = floats ? std::nullopt : c.folded_ints(c.in(i));
  if (!floats && !ints) c.unsupported(std::string(what) + " that is not constant");
  if ((floats ? floats->size() : ints->size()) != 1) c.invalid("has " + std::string(what) + " that is not one number");
  return floats ? static_cast<double>((*floats)[0]) : static_cast<double>((*ints)[0]);
}

// Triangles over the bins of a spectrum, evenly spaced on the mel scale, their corners on whole bins.
void mel_weight_matrix(OpContext& c) {
  Build b(c);
  const DataType type = output_type(c);
  const double bins = folded_number(c, 0, "a number of mel bins"), length = folded_number(c, 1, "a DFT length"),
               rate = folded_number(c, 2, "a sample rate"), low = folded_number(c, 3, "a lower edge"),
               high = folded_number(c, 4, "an upper edge");
  if (!(bins >= 1 && bins <= 1 << 20 && length >= 1 && length <= kMaxElements && rate > 0 && low >= 0 && high >= low))
    c.invalid("has sizes or edges out of range");
  const auto columns = static_cast<int64_t>(bins), rows = static_cast<int64_t>(length) / 2 + 1;
  check_size(c, rows, columns);
  const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const double step = (mel(high) - mel(low)) / static_cast<double>(columns + 2);
  std::vector<int64_t> corner;
  for (int64_t i = 0; i < columns + 2; ++i) {
    const double hertz = 700 * (std::pow(10, (static_cast<double>(i) * step + mel(low)) / 2595) - 1);
    corner.push_back(static_cast<int64_t>(std::floor((length + 1) * hertz / rate)));
    if (corner.back() < 0 || corner.back() > rows) c.invalid("has an upper edge beyond half of its sample rate");
  }
  std::vector<float> values(static_cast<size_t>(rows * columns), 0.0f);
  for (int64_t i = 0; i < columns; ++i) {
    const auto at = static_cast<size_t>(i);
    const int64_t left = corner[at], centre = corner[at + 1], right = corner[at + 2];
    const auto set = [&](int64_t row, double v) {
      if (row < rows) values[static_cast<size_t>(row * columns + i)] = static_cast<float>(v);
    };
    const auto ratio = [](int64_t x, int64_t y) { return static_cast<double>(x) / static_cast<double>(y); };
    if (centre == left) set(centre, 1);
    for (int64_t j = left; centre > left && j <= centre; ++j) set(j, ratio(j - left, centre - left));
    for (int64_t j = centre; j < right; ++j) set(j, ratio(right - j, right - centre));
  }
  c.connect(b.cast(c.table("filters", DataType::float32, {rows, columns}, values), type), c.out(0));
}

constexpr OpRule kRules[] = {
    {"DFT", 17, 1, 2, 1, dft},
    {"DFT", 20, 1, 3, 1, dft},
    {"STFT", 17, 2, 4, 1, stft},
    {"HannWindow", 17, 1, 1, 1, hann_window},
    {"HammingWindow", 17, 1, 1, 1, hamming_window},
    {"BlackmanWindow", 17, 1, 1, 1, blackman_window},
    {"MelWeightMatrix", 17, 5, 5, 1, mel_weight_matrix},
};

}  // namespace

std::span<const OpRule> ops::signal() { return kRules; }

}  // namespace motley::convert
