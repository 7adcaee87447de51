// NonZero and NonMaxSuppression: how much they give depends on data. They write into room for the largest result, and a
// second output says how many rows of it are valid. Without that second output there is no shape to cross the ABI.
#include <algorithm>
#include <cstring>
#include <limits>

#include "kernels.hpp"

namespace motley::reference {

namespace {

void check_count(const NodeView& node) {
  require(node.output_count() == 2 && node.output(1), "output size depends on data (a second output takes the count)");
  require(node.output(1)->type == DataType::int64 && node.output(1)->elements() == 1, "the count must be one int64");
  require(node.output(0)->type == DataType::int64, "the result must be int64");
}

// ---- NonZero ----

void check_nonzero(const NodeView& node) {
  check_arity(node, {1, 1, 2, 2});
  check_count(node);
  const TensorView& x = *node.input(0);
  check_shape(*node.output(0), Shape{x.shape.rank(), x.elements()}, "output 0");
}

bool is_real(DataType type) {
  return type == DataType::float32 || type == DataType::float64 || type == DataType::float16 ||
         type == DataType::bfloat16;
}

// Little-endian bytes of an element; the sign of a floating-point zero does not count.
bool is_zero(const uint8_t* element, size_t width, bool real) {
  for (size_t b = 0; b < width; ++b) {
    const uint8_t mask = real && b + 1 == width ? 0x7f : 0xff;
    if (element[b] & mask) return false;
  }
  return true;
}

struct NonZeroKernel final : Kernel {
  Shape shape;
  size_t width = 0;
  bool real = false;

  void run(const RunContext& c) const override {
    const auto* x = static_cast<const uint8_t*>(c.inputs[0]);
    auto* indices = c.output<int64_t>(0);
    const int64_t room = shape.elements();
    int64_t count = 0;
    for (int64_t i = 0; i < room; ++i) {
      if (is_zero(x + static_cast<size_t>(i) * width, width, real)) continue;
      int64_t rest = i;
      for (int d = shape.rank() - 1; d >= 0; --d) {
        indices[d * room + count] = rest % shape[static_cast<size_t>(d)];
        rest /= shape[static_cast<size_t>(d)];
      }
      ++count;
    }
    *c.output<int64_t>(1) = count;
  }
  std::string_view name() const override { return "nonzero"; }
};

std::unique_ptr<Kernel> prepare_nonzero(const NodeView& node, const PrepareContext&) {
  auto kernel = std::make_unique<NonZeroKernel>();
  kernel->shape = node.input(0)->shape;
  kernel->width = sdk::element_bytes(node.input(0)->type);
  kernel->real = is_real(node.input(0)->type);
  return kernel;
}

// ---- NonMaxSuppression ----

void check_scalar(const NodeView& node, size_t i, DataType type, const char* what) {
  const TensorView* t = node.input(i);
  if (t) require(t->type == type && t->elements() == 1, what);
}

void check_nms(const NodeView& node) {
  check_arity(node, {2, 5, 2, 2});
  check_count(node);
  const TensorView &boxes = *node.input(0), &scores = *node.input(1);
  require(boxes.type == DataType::float32 && scores.type == DataType::float32, "boxes and scores must be float32");
  require(boxes.shape.rank() == 3 && boxes.shape[2] == 4, "boxes must be (batch, boxes, 4)");
  require(scores.shape.rank() == 3 && scores.shape[0] == boxes.shape[0] && scores.shape[2] == boxes.shape[1],
          "scores must be (batch, classes, boxes)");
  check_scalar(node, 2, DataType::int64, "the largest count must be one int64");
  check_scalar(node, 3, DataType::float32, "the overlap threshold must be one float32");
  check_scalar(node, 4, DataType::float32, "the score threshold must be one float32");
  require(node.output(0)->shape.rank() == 2 && node.output(0)->shape[1] == 3, "the result must be (rows, 3)");
  node.attributes<schema::NonMaxSuppressionAttributes>();
}

struct Corners {
  float y1, x1, y2, x2;
};
Corners corners(const float* b, bool center) {
  if (center) return {b[1] - b[3] / 2, b[0] - b[2] / 2, b[1] + b[3] / 2, b[0] + b[2] / 2};
  return {std::min(b[0], b[2]), std::min(b[1], b[3]), std::max(b[0], b[2]), std::max(b[1], b[3])};
}
float overlap(const Corners& a, const Corners& b) {
  const float height = std::max(0.0f, std::min(a.y2, b.y2) - std::max(a.y1, b.y1));
  const float width = std::max(0.0f, std::min(a.x2, b.x2) - std::max(a.x1, b.x1));
  const float both = height * width, sum = (a.y2 - a.y1) * (a.x2 - a.x1) + (b.y2 - b.y1) * (b.x2 - b.x1) - both;
  return sum > 0 ? both / sum : 0;
}

struct NmsKernel final : Kernel {
  int64_t batches = 0, classes = 0, boxes = 0, room = 0;
  bool center = false;
  bool has_most = false, has_threshold = false, has_lowest = false;  // optional inputs

  void run(const RunContext& c) const override {
    const int64_t most = has_most ? *c.input<int64_t>(2) : 0;
    const float threshold = has_threshold ? *c.input<float>(3) : 0;
    const float lowest = has_lowest ? *c.input<float>(4) : -std::numeric_limits<float>::infinity();
    auto* rows = c.output<int64_t>(0);
    int64_t count = 0;
    for (int64_t n = 0; n < batches; ++n)
      for (int64_t k = 0; k < classes; ++k)
        for (int64_t box : pick(c, n, k, most, threshold, lowest)) {
          if (count == room) break;
          rows[3 * count] = n;
          rows[3 * count + 1] = k;
          rows[3 * count + 2] = box;
          ++count;
        }
    *c.output<int64_t>(1) = count;
  }

  // The boxes of one class that remain: the best first, none that overlaps a better one too much.
  std::vector<int64_t> pick(const RunContext& c, int64_t n, int64_t k, int64_t most, float threshold,
                            float lowest) const {
    const float* scores = c.input<float>(1) + (n * classes + k) * boxes;
    const float* at = c.input<float>(0) + n * boxes * 4;
    std::vector<int64_t> order, picked;
    for (int64_t i = 0; i < boxes; ++i)
      if (!has_lowest || scores[i] > lowest) order.push_back(i);
    // NaN sorts last: comparing by it would not be an order.
    const auto rank = [scores](int64_t i) {
      return scores[i] == scores[i] ? scores[i] : -std::numeric_limits<float>::infinity();
    };
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return rank(a) > rank(b); });
    for (int64_t i : order) {
      if (static_cast<int64_t>(picked.size()) >= most) break;
      const Corners box = corners(at + 4 * i, center);
      const bool hidden = std::any_of(picked.begin(), picked.end(),
                                      [&](int64_t p) { return overlap(box, corners(at + 4 * p, center)) > threshold; });
      if (!hidden) picked.push_back(i);
    }
    return picked;
  }
  std::string_view name() const override { return "non_max_suppression"; }
};

std::unique_ptr<Kernel> prepare_nms(const NodeView& node, const PrepareContext&) {
  auto kernel = std::make_unique<NmsKernel>();
  kernel->batches = node.input(0)->shape[0];
  kernel->boxes = node.input(0)->shape[1];
  kernel->classes = node.input(1)->shape[1];
  kernel->room = node.output(0)->shape[0];
  kernel->has_most = node.input(2) != nullptr;
  kernel->has_threshold = node.input(3) != nullptr;
  kernel->has_lowest = node.input(4) != nullptr;
  kernel->center = node.attributes<schema::NonMaxSuppressionAttributes>().center_point_box();
  return kernel;
}

}  // namespace

KernelEntry nonzero_kernel() { return entry<check_nonzero>(Op::NonZero, prepare_nonzero); }
KernelEntry non_max_suppression_kernel() { return entry<check_nms>(Op::NonMaxSuppression, prepare_nms); }

}  // namespace motley::reference
