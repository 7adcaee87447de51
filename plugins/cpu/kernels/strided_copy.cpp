// StridedCopy: blocks of elements from source views to destination views; all data movement is made of it.
//
// Each region becomes blocks in a form that is fast to run: dimensions that continue each other are merged, the one
// that is contiguous in the output is innermost. Where another one is contiguous in the input the block is a
// transposition and is cut into square tiles, so that neither side touches more lines than the cache holds.
#include <cstring>

#include "kernels/kernels.hpp"
#include "support.hpp"

namespace motley::cpu {

namespace {

constexpr int64_t kTile = 32;        // of a transposition, in elements
constexpr int64_t kLongRow = 32768;  // rows are cut to this, so that threads can share them

struct Dim {
  int64_t extent, source, destination;
};

struct Block {
  size_t input = 0;
  int64_t source = 0, destination = 0;
  std::vector<Dim> dims;    // outermost first; never empty
  bool transposed = false;  // the last two dimensions are a tile

  size_t inner() const { return transposed ? 2 : 1; }
  int64_t rows() const {
    int64_t n = 1;
    for (size_t i = 0; i + inner() < dims.size(); ++i) n *= dims[i].extent;
    return n;
  }
  int64_t row_elements() const {
    int64_t n = 1;
    for (size_t i = dims.size() - inner(); i < dims.size(); ++i) n *= dims[i].extent;
    return n;
  }
};

// Rows [begin, end) of a block: one task's share.
struct Piece {
  size_t block;
  int64_t begin, end;
};

// The offsets that a view reaches, lowest and highest, lie in [0, elements). Numbers come from a file: all may be huge.
void check_reach(const Block& b, int64_t Dim::*stride, int64_t offset, int64_t elements, const char* what) {
  int64_t low = offset, high = offset, reach = 0;
  for (const Dim& d : b.dims) {
    bool overflows = __builtin_mul_overflow(d.extent - 1, d.*stride, &reach);
    int64_t& end = reach < 0 ? low : high;
    overflows = overflows || __builtin_add_overflow(end, reach, &end);
    require(!overflows, what);
  }
  require(low >= 0 && high < elements, what);
}

Block read_region(const NodeView& node, const schema::Region& raw, int64_t& count) {
  Block b;
  require(raw.input() >= 0 && node.input(static_cast<size_t>(raw.input())),
          "a region names an input that is not there");
  b.input = static_cast<size_t>(raw.input());
  b.source = raw.src_offset();
  b.destination = raw.dst_offset();
  const auto extents = sdk::numbers(raw.extents()), source = sdk::numbers(raw.src_strides()),
             destination = sdk::numbers(raw.dst_strides());
  require(source.size() == extents.size() && destination.size() == extents.size(), "a region's lists differ in length");
  count = 1;
  for (size_t i = 0; i < extents.size(); ++i) {
    require(extents[i] >= 0, "a region has a negative extent");
    require(!__builtin_mul_overflow(count, extents[i], &count), "a region is too large");
    if (extents[i] != 1) b.dims.push_back({extents[i], source[i], destination[i]});
  }
  if (count == 0) return b;
  check_type(*node.input(b.input), node.output(0)->type, "input of a region");
  check_reach(b, &Dim::source, b.source, node.input(b.input)->elements(), "a region reads outside of its input");
  check_reach(b, &Dim::destination, b.destination, node.output(0)->elements(), "a region writes outside of the output");
  return b;
}

// All regions that have elements; how many elements they leave to `fill`.
std::vector<Block> read_regions(const NodeView& node, int64_t& left) {
  std::vector<Block> result;
  const auto& attributes = node.attributes<schema::StridedCopyAttributes>();
  left = node.output(0)->elements();
  if (attributes.regions())
    for (const schema::Region* raw : *attributes.regions()) {
      int64_t count = 0;
      Block b = read_region(node, *raw, count);
      // Regions do not overlap, so together they can't have more elements than the output.
      require(count <= left, "regions overlap in the output");
      left -= count;
      if (count > 0) result.push_back(std::move(b));
    }
  require(left == 0 || (attributes.fill() && attributes.fill()->size() > 0),
          "regions leave elements unset and there is no fill");
  return result;
}

void check(const NodeView& node) {
  check_arity(node, 0, node.input_count());
  const auto* fill = node.attributes<schema::StridedCopyAttributes>().fill();
  require(!fill || fill->size() == 0 || fill->size() == sdk::element_bytes(node.output(0)->type),
          "fill is not one element");
  int64_t left = 0;
  read_regions(node, left);
}

void merge_dims(Block& b) {
  std::stable_sort(b.dims.begin(), b.dims.end(),
                   [](const Dim& x, const Dim& y) { return std::abs(x.destination) > std::abs(y.destination); });
  std::vector<Dim> merged;
  for (const Dim& d : b.dims) {
    if (!merged.empty() && merged.back().source == d.source * d.extent &&
        merged.back().destination == d.destination * d.extent)
      merged.back() = {merged.back().extent * d.extent, d.source, d.destination};
    else merged.push_back(d);
  }
  if (merged.empty()) merged.push_back({1, 1, 1});
  b.dims = std::move(merged);
}

// Cuts a dimension into whole pieces of `size` (one more dimension before it) and what is left (another block).
void cut(const Block& b, size_t axis, int64_t size, std::vector<Block>& out) {
  const Dim d = b.dims[axis];
  const int64_t whole = d.extent / size, rest = d.extent % size;
  if (d.extent <= size) return out.push_back(b);
  Block main = b;
  main.dims[axis].extent = size;
  main.dims.insert(main.dims.begin(), {whole, d.source * size, d.destination * size});
  out.push_back(std::move(main));
  if (rest == 0) return;
  Block tail = b;
  tail.dims[axis].extent = rest;
  tail.source += d.source * size * whole;
  tail.destination += d.destination * size * whole;
  out.push_back(std::move(tail));
}

// The blocks that a merged one runs as.
void plan_block(Block b, std::vector<Block>& out) {
  const Dim inner = b.dims.back();
  size_t across = b.dims.size();
  for (size_t i = 0; i + 1 < b.dims.size(); ++i)
    if (b.dims[i].source == 1) across = i;
  if (inner.source == 1 || across == b.dims.size() || inner.extent < 4 || b.dims[across].extent < 4)
    return cut(b, b.dims.size() - 1, kLongRow, out);
  // The dimension that is contiguous in the input goes next to the innermost one.
  std::rotate(b.dims.begin() + static_cast<std::ptrdiff_t>(across),
              b.dims.begin() + static_cast<std::ptrdiff_t>(across) + 1, b.dims.end() - 1);
  b.transposed = true;
  std::vector<Block> strips;
  cut(b, b.dims.size() - 2, kTile, strips);
  for (const Block& strip : strips) cut(strip, strip.dims.size() - 1, kTile, out);
}

template <class T>
void copy_row(const Dim& d, const T* from, T* to) {
  if (d.source == 1 && d.destination == 1) std::memcpy(to, from, static_cast<size_t>(d.extent) * sizeof(T));
  else if (d.source == 0 && d.destination == 1) std::fill_n(to, d.extent, *from);
  else
    for (int64_t i = 0; i < d.extent; ++i) to[i * d.destination] = from[i * d.source];
}

template <class T>
void copy_tile(const Dim& across, const Dim& inner, const T* from, T* to) {
  for (int64_t i = 0; i < across.extent; ++i)
    for (int64_t j = 0; j < inner.extent; ++j)
      to[i * across.destination + j * inner.destination] = from[i * across.source + j * inner.source];
}

template <class T>
void copy_piece(const Block& b, const Piece& piece, const T* from, T* to) {
  const size_t outer = b.dims.size() - b.inner();
  for (int64_t row = piece.begin; row < piece.end; ++row) {
    int64_t rest = row, source = b.source, destination = b.destination;
    for (size_t axis = outer; axis-- > 0;) {
      const int64_t index = rest % b.dims[axis].extent;
      rest /= b.dims[axis].extent;
      source += index * b.dims[axis].source;
      destination += index * b.dims[axis].destination;
    }
    if (b.transposed) copy_tile(b.dims[outer], b.dims[outer + 1], from + source, to + destination);
    else copy_row(b.dims[outer], from + source, to + destination);
  }
}

struct CopyPlan {
  std::vector<Block> blocks;
  std::vector<Piece> pieces;
  int64_t elements = 0;
  bool fills = false;
};

CopyPlan plan_copy(const NodeView& node) {
  CopyPlan plan;
  plan.elements = node.output(0)->elements();
  int64_t left = 0;
  for (Block& b : read_regions(node, left)) {
    merge_dims(b);
    plan_block(std::move(b), plan.blocks);
  }
  plan.fills = left > 0;
  const int64_t grain = std::max<int64_t>(kGrain / 2, plan.elements / 256);
  for (size_t i = 0; i < plan.blocks.size(); ++i) {
    const int64_t rows = plan.blocks[i].rows(), step = std::max<int64_t>(1, grain / plan.blocks[i].row_elements());
    for (int64_t row = 0; row < rows; row += step) plan.pieces.push_back({i, row, std::min(row + step, rows)});
  }
  return plan;
}

template <class T>
std::unique_ptr<Kernel> prepare_of(const NodeView& node) {
  T fill{};
  const auto* bytes = node.attributes<schema::StridedCopyAttributes>().fill();
  if (bytes && bytes->size() == sizeof(T)) std::memcpy(&fill, bytes->data(), sizeof(T));
  return make_kernel("strided_copy", [plan = plan_copy(node), fill](const RunContext& c) {
    T* out = c.output<T>(0);
    if (plan.fills)
      parallel_ranges(c.threads, plan.elements, 4 * kGrain,
                      [&](int64_t begin, int64_t end, uint32_t) { std::fill(out + begin, out + end, fill); });
    // A task may take several pieces: small ones are not worth the way to another thread.
    const auto pieces = static_cast<int64_t>(plan.pieces.size());
    const int64_t mean = plan.elements / std::max<int64_t>(pieces, 1) + 1;
    parallel_ranges(c.threads, pieces, std::max<int64_t>(1, kGrain / mean), [&](int64_t begin, int64_t end, uint32_t) {
      for (int64_t i = begin; i < end; ++i) {
        const Piece& piece = plan.pieces[static_cast<size_t>(i)];
        const Block& block = plan.blocks[piece.block];
        copy_piece(block, piece, c.input<T>(block.input), out);
      }
    });
  });
}

std::unique_ptr<Kernel> prepare(const NodeView& node, const PrepareContext&) {
  switch (sdk::element_bytes(node.output(0)->type)) {
    case 1: return prepare_of<uint8_t>(node);
    case 2: return prepare_of<uint16_t>(node);
    case 4: return prepare_of<uint32_t>(node);
    default: return prepare_of<uint64_t>(node);
  }
}

}  // namespace

KernelEntry strided_copy_kernel() { return entry<check>(Op::StridedCopy, prepare); }

}  // namespace motley::cpu
