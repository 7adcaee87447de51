// Ops that the IR lacks and that a few of its own make up: AffineGrid, Col2Im, TensorScatter.
#include <algorithm>

#include "onnx/op_context.hpp"

namespace motley::convert {
namespace {

schema::BinaryAttributesT function(schema::BinaryFunction f) {
  schema::BinaryAttributesT attributes;
  attributes.function = f;
  return attributes;
}

// The dimensions of a tensor as numbers.
std::vector<int64_t> extents(OpContext& c, TensorId id, const char* what) {
  const auto& shape = c.shape(id);
  if (!shape || std::any_of(shape->begin(), shape->end(), [](const graph::Dim& d) { return !d.known(); }))
    c.unsupported(std::string(what) + " whose shape is not known");
  std::vector<int64_t> result;
  for (const graph::Dim& dim : *shape) result.push_back(dim.value);
  return result;
}

constexpr int64_t kMaxElements = 1 << 24;  // of tables made here

int64_t checked_product(OpContext& c, const std::vector<int64_t>& list) {
  int64_t product = 1;
  for (int64_t v : list)
    if (v < 0 || __builtin_mul_overflow(product, v, &product) || product > kMaxElements)
      c.unsupported("sizes that come to more than " + std::to_string(kMaxElements) + " elements");
  return product;
}

// Positions of the grid's points along one dimension: the corners are points, or half a step inside.
std::vector<float> grid_positions(int64_t count, bool align_corners) {
  std::vector<float> positions(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const auto at = static_cast<double>(i), n = static_cast<double>(count);
    const double position = align_corners ? (count == 1 ? -1 : -1 + 2 * at / (n - 1)) : (2 * at + 1) / n - 1;
    positions[static_cast<size_t>(i)] = static_cast<float>(position);
  }
  return positions;
}

// theta (N, d, d + 1) times the homogeneous positions of all points, which the size alone decides.
void affine_grid(OpContext& c) {
  const bool align_corners = c.flag("align_corners", false);
  const auto size = c.folded_ints(c.in(1));
  if (!size) c.unsupported("a size that is not constant");
  if (size->size() != 4 && size->size() != 5)
    c.invalid("has a size of " + std::to_string(size->size()) + " numbers (4 or 5)");
  const std::vector<int64_t> spatial(size->begin() + 2, size->end());
  for (int64_t extent : spatial)
    if (extent < 1) c.invalid("has a size of " + std::to_string(extent) + " along a dimension");
  const int64_t points = checked_product(c, spatial);
  if (c.type(c.in(0)) != DataType::float32) c.unsupported("a theta of another type than float32");
  const size_t dims = spatial.size();
  std::vector<std::vector<float>> positions;
  for (int64_t extent : spatial) positions.push_back(grid_positions(extent, align_corners));
  // Rows of (x, y, …, 1): the last dimension comes first.
  std::vector<float> table(static_cast<size_t>(points) * (dims + 1), 1);
  for (int64_t p = 0; p < points; ++p) {
    int64_t rest = p;
    for (size_t d = dims; d-- > 0; rest /= spatial[d])
      table[static_cast<size_t>(p) * (dims + 1) + (dims - 1 - d)] =
          positions[d][static_cast<size_t>(rest % spatial[d])];
  }
  const TensorId flat = c.floats("points", table);
  const TensorId grid =
      c.temp("homogeneous", Op::Reshape, {flat, c.ints("rows", {points, static_cast<int64_t>(dims) + 1})},
             schema::ReshapeAttributesT());
  schema::TransposeAttributesT swap;
  swap.perm = {0, 2, 1};
  const TensorId theta = c.temp("theta", Op::Transpose, {c.in(0)}, std::move(swap));
  const TensorId moved = c.temp("moved", Op::MatMul, {grid, theta}, schema::MatMulAttributesT());
  std::vector<int64_t> shape{(*size)[0]};
  shape.insert(shape.end(), spatial.begin(), spatial.end());
  shape.push_back(static_cast<int64_t>(dims));
  c.emit(Op::Reshape, {moved, c.ints("shape", shape)}, schema::ReshapeAttributesT());
}

std::vector<int64_t> list_or(OpContext& c, const char* name, size_t count, int64_t otherwise) {
  std::vector<int64_t> list = c.integers(name);
  if (list.empty()) list.assign(count, otherwise);
  if (list.size() != count)
    c.invalid("has " + std::to_string(list.size()) + " " + name + " (expected " + std::to_string(count) + ")");
  return list;
}

struct Blocks {
  std::vector<int64_t> image, block, strides, dilations, pads;
  std::vector<int64_t> steps;   // blocks along each dimension
  std::vector<int64_t> padded;  // the image with its pads

  Blocks(OpContext& c, std::vector<int64_t> image_shape, std::vector<int64_t> block_shape)
      : image(std::move(image_shape)), block(std::move(block_shape)) {
    const size_t dims = image.size();
    strides = list_or(c, "strides", dims, 1);
    dilations = list_or(c, "dilations", dims, 1);
    pads = list_or(c, "pads", 2 * dims, 0);
    for (size_t d = 0; d < dims; ++d) {
      for (int64_t v : {image[d], block[d], strides[d], dilations[d]})
        if (v < 1 || v > kMaxElements)
          c.invalid("has a size, stride or dilation out of range (" + std::to_string(v) + ")");
      for (int64_t v : {pads[d], pads[d + dims]})
        if (v < 0 || v > kMaxElements) c.invalid("has a pad out of range (" + std::to_string(v) + ")");
      padded.push_back(image[d] + pads[d] + pads[d + dims]);
      const int64_t reach = dilations[d] * (block[d] - 1) + 1;
      if (reach > padded[d]) c.invalid("has blocks larger than its padded image");
      steps.push_back((padded[d] - reach) / strides[d] + 1);
    }
  }
};

// For each element of a block, each block: where in the padded image it belongs.
std::vector<int64_t> places(const Blocks& b, int64_t block_elements, int64_t blocks) {
  std::vector<int64_t> result;
  result.reserve(static_cast<size_t>(block_elements * blocks));
  const size_t dims = b.image.size();
  for (int64_t k = 0; k < block_elements; ++k) {
    for (int64_t l = 0; l < blocks; ++l) {
      int64_t within = k, at = l, place = 0, scale = 1;
      for (size_t d = dims; d-- > 0; within /= b.block[d], at /= b.steps[d], scale *= b.padded[d])
        place += scale * ((within % b.block[d]) * b.dilations[d] + (at % b.steps[d]) * b.strides[d]);
      result.push_back(place);
    }
  }
  return result;
}

// Blocks (N, C · block, L) added up into an image: a scatter with places known here, then the pads cut off.
void col2im(OpContext& c) {
  const auto image = c.folded_ints(c.in(1)), block = c.folded_ints(c.in(2));
  if (!image || !block) c.unsupported("an image or block shape that is not constant");
  if (image->empty() || image->size() != block->size()) c.invalid("has image and block shapes of different ranks");
  const Blocks b(c, *image, *block);
  const size_t dims = b.image.size();
  const std::vector<int64_t> input = extents(c, c.in(0), "an input");
  const int64_t block_elements = checked_product(c, b.block), blocks = checked_product(c, b.steps);
  if (input.size() != 3 || input[1] % block_elements != 0 || input[2] != blocks)
    c.invalid("has an input of shape " + graph::to_string(c.shape(c.in(0))) + ", which does not hold " +
              std::to_string(blocks) + " blocks of " + std::to_string(block_elements) + " elements");
  const int64_t rows = checked_product(c, {input[0], input[1] / block_elements}), row = checked_product(c, b.padded);
  checked_product(c, {rows, std::max(row, block_elements * blocks)});

  // Rows in front: ScatterElements along the last dimension, the same places in every row.
  const std::vector<int64_t> one_row = places(b, block_elements, blocks);
  const TensorId list = c.ints("places", one_row);
  const auto width = static_cast<int64_t>(one_row.size());
  const TensorId indices =
      c.temp("indices", Op::Expand, {list, c.ints("indices/shape", {rows, width})}, schema::NoAttributesT());
  const TensorId updates =
      c.temp("blocks", Op::Reshape, {c.in(0), c.ints("blocks/shape", {rows, width})}, schema::ReshapeAttributesT());
  schema::FillAttributesT zero;
  zero.type = c.type(c.in(0));
  zero.value.assign(graph::element_bytes(zero.type), 0);
  const TensorId empty = c.temp("zeros", Op::ConstantOfShape, {c.ints("zeros/shape", {rows, row})}, std::move(zero));
  schema::ScatterAttributesT add;
  add.axis = 1;
  add.reduction = schema::ScatterReduction::add;
  const TensorId sums = c.temp("sums", Op::ScatterElements, {empty, indices, updates}, std::move(add));
  std::vector<int64_t> shape{input[0], input[1] / block_elements}, starts, ends, axes;
  for (size_t d = 0; d < dims; ++d) {
    shape.push_back(b.padded[d]);
    starts.push_back(b.pads[d]);
    ends.push_back(b.pads[d] + b.image[d]);
    axes.push_back(static_cast<int64_t>(d) + 2);
  }
  const TensorId padded =
      c.temp("padded", Op::Reshape, {sums, c.ints("padded/shape", shape)}, schema::ReshapeAttributesT());
  c.emit(Op::Slice, {padded, c.ints("starts", starts), c.ints("ends", ends), c.ints("axes", axes)},
         schema::NoAttributesT());
}

// A cache (B, …, S, …) with an update written into each sequence from its own index on, past the end going on at the
// start where the cache is circular.
void tensor_scatter(OpContext& c) {
  const bool circular = c.choice<bool>("mode", "linear", {{"linear", false}, {"circular", true}});
  const std::vector<int64_t> cache = extents(c, c.in(0), "a cache"), update = extents(c, c.in(1), "an update");
  const auto rank = static_cast<int64_t>(cache.size());
  const int64_t given = c.integer("axis", -2), axis = given < 0 ? given + rank : given;
  if (axis < 1 || axis >= rank || update.size() != cache.size())
    c.invalid("writes along axis " + std::to_string(given) + ", which is none of the cache's sequences");
  const auto length = update[static_cast<size_t>(axis)];
  std::vector<int64_t> steps, along(cache.size(), 1);
  checked_product(c, update);
  for (int64_t i = 0; i < length; ++i) steps.push_back(i);
  along[static_cast<size_t>(axis)] = length;
  TensorId index = c.temp("steps", Op::Reshape, {c.ints("range", steps), c.ints("steps/shape", along)},
                          schema::ReshapeAttributesT());
  if (c.in(2) != kNone) {
    std::vector<int64_t> per_batch(cache.size(), 1);
    per_batch[0] = cache[0];
    const TensorId starts = c.cast("starts", c.in(2), DataType::int64);
    const TensorId first =
        c.temp("first", Op::Reshape, {starts, c.ints("first/shape", per_batch)}, schema::ReshapeAttributesT());
    index = c.temp("index", Op::Binary, {first, index}, function(schema::BinaryFunction::add));
  }
  if (circular)
    index = c.temp("wrapped", Op::Binary,
                   {index, c.scalar("length", DataType::int64, static_cast<double>(cache[static_cast<size_t>(axis)]))},
                   function(schema::BinaryFunction::mod));
  const TensorId indices =
      c.temp("indices", Op::Expand, {index, c.ints("indices/shape", update)}, schema::NoAttributesT());
  schema::ScatterAttributesT attributes;
  attributes.axis = axis;
  c.emit(Op::ScatterElements, {c.in(0), indices, c.in(1)}, std::move(attributes));
}

constexpr OpRule kRules[] = {
    {"AffineGrid", 20, 2, 2, 1, affine_grid},
    {"Col2Im", 18, 3, 3, 1, col2im},
    {"TensorScatter", 24, 2, 3, 1, tensor_scatter},
};

}  // namespace

std::span<const OpRule> ops::decomposed() { return kRules; }

}  // namespace motley::convert
