// Ops that were experimental until opset 10 and never became standard. Files of the first years have them, and
// converters from Core ML and Caffe2 wrote them.
#include "onnx/ops/build.hpp"

namespace motley::convert {
namespace {

using U = schema::UnaryFunction;

double parameter(OpContext& c, const char* name, float otherwise) {
  return static_cast<double>(c.number(name, otherwise));
}

// alpha · x + beta
void affine(OpContext& c) {
  Build b(c);
  const double alpha = parameter(c, "alpha", 1), beta = parameter(c, "beta", 0);
  c.connect(b.add(b.mul(c.in(0), b.like(c.in(0), alpha)), b.like(c.in(0), beta)), c.out(0));
}

// An image times a scale, plus a number per channel.
void image_scaler(OpContext& c) {
  Build b(c);
  const double scale = parameter(c, "scale", 1);
  TensorId y = b.mul(c.in(0), b.like(c.in(0), scale));
  const std::vector<float> bias = c.numbers("bias");
  if (!bias.empty()) {
    const auto channels = static_cast<int64_t>(bias.size());
    y = b.add(y, c.table("bias", c.type(c.in(0)), {channels, 1, 1}, bias));
  }
  c.connect(y, c.out(0));
}

// alpha · f(beta · x); the function is the rule's.
void scaled(OpContext& c) {
  Build b(c);
  const double alpha = parameter(c, "alpha", 1), beta = parameter(c, "beta", 1);
  const TensorId inner = b.unary(static_cast<U>(c.rule().function), b.mul(c.in(0), b.like(c.in(0), beta)));
  c.connect(b.mul(inner, b.like(inner, alpha)), c.out(0));
}

// Borders cut off: left, top, right, bottom. With a scale, the image is that high and wide from the left and top border
// on.
void crop(OpContext& c) {
  Build b(c);
  const std::vector<int64_t> border = c.integers("border"), scale = c.integers("scale");
  if (border.size() != 4 || (!scale.empty() && scale.size() != 2))
    c.invalid("has a border of " + std::to_string(border.size()) + " numbers and a scale of " +
              std::to_string(scale.size()) + " (expected 4, and 2 or none)");
  const std::vector<int64_t> extents = known_extents(c, c.in(0), "an image");
  if (extents.size() != 4) c.invalid("has an image of " + std::to_string(extents.size()) + " dimensions (expected 4)");
  const auto end = [&](size_t dimension, int64_t start, int64_t cut, size_t i) {
    const int64_t whole = extents[dimension];
    const int64_t size = scale.empty() ? whole - start - cut : scale[i];
    if (start < 0 || size < 0 || start > whole || size > whole - start) c.invalid("cuts more than its image has");
    return start + size;
  };
  const TensorId rows = b.slice(c.in(0), 2, border[1], end(2, border[1], border[3], 0));
  c.connect(b.slice(rows, 3, border[0], end(3, border[0], border[2], 1)), c.out(0));
}

constexpr int code(U f) { return static_cast<int>(f); }

constexpr OpRule kRules[] = {
    {"Affine", 1, 1, 1, 1, affine},
    {"Affine", 10, 1, 1, 1, nullptr},
    {"ImageScaler", 1, 1, 1, 1, image_scaler},
    {"ImageScaler", 10, 1, 1, 1, nullptr},
    {"ScaledTanh", 1, 1, 1, 1, scaled, code(U::tanh)},
    {"ScaledTanh", 10, 1, 1, 1, nullptr},
    {"ParametricSoftplus", 1, 1, 1, 1, scaled, code(U::softplus)},
    {"ParametricSoftplus", 10, 1, 1, 1, nullptr},
    {"Crop", 1, 1, 1, 1, crop},
    {"Crop", 10, 1, 1, 1, nullptr},
};

}  // namespace

std::span<const OpRule> ops::experimental() { return kRules; }

}  // namespace motley::convert
