// Blocked matrix multiplication around the register tile.
#include "kernels/gemm.hpp"

#include <charconv>

namespace motley::cpu {

namespace {

int64_t block_size(const Config& config, const char* key, int64_t fallback) {
  const std::string text = config.get(key, std::to_string(fallback));
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > 65536)
    throw StatusError(MOTLEY_INVALID_ARGUMENT, std::string(key) + " (" + text + ") is not within 1 and 65536");
  return value;
}

}  // namespace

Blocking blocking_of(const Config& config) {
  const Blocking standard;
  return {block_size(config, "mc", standard.mc), block_size(config, "kc", standard.kc),
          block_size(config, "nc", standard.nc)};
}

std::vector<Parameter> blocking_space() {
  return {{"mc", {"96", "48", "192", "384"}}, {"kc", {"256", "128", "512"}}, {"nc", {"384", "128", "768"}}};
}

void pack_panel(const float* in, int64_t lane_stride, int64_t k_stride, int64_t lanes, int64_t width, int64_t depth,
                float factor, float* out) {
  // Whichever of the two strides is 1 runs innermost on the side that is read.
  if (lane_stride == 1) {
    for (int64_t k = 0; k < depth; ++k, out += width) {
      const float* from = in + k * k_stride;
      for (int64_t lane = 0; lane < lanes; ++lane) out[lane] = factor * from[lane];
      std::fill(out + lanes, out + width, 0.0f);
    }
    return;
  }
  for (int64_t lane = 0; lane < lanes; ++lane) {
    const float* from = in + lane * lane_stride;
    for (int64_t k = 0; k < depth; ++k) out[k * width + lane] = factor * from[k * k_stride];
  }
  for (int64_t lane = lanes; lane < width; ++lane)
    for (int64_t k = 0; k < depth; ++k) out[k * width + lane] = 0;
}

void PanelLayout::pack(const float* in, int64_t lane_stride, int64_t k_stride, int64_t panel, float factor,
                       float* out) const {
  const int64_t lane = panel * width, count = std::min(width, lanes - lane);
  for (int64_t k0 = 0; k0 < depth; k0 += kc)
    pack_panel(in + lane * lane_stride + k0 * k_stride, lane_stride, k_stride, count, width, std::min(kc, depth - k0),
               factor, out + offset(panel, k0));
}

void TileOutput::store(GemmTile tile, int64_t row, int64_t column, int64_t n, bool first, bool last) const {
  const auto width = static_cast<int64_t>(ops->tile_columns);
  int64_t index = column;
  bool whole = n == width;
  if (whole && plane) {
    whole = column % plane->pitch() + n <= plane->window().x.output;
    index = plane->outputs_before(column);
  }
  if (!whole) return store_by_parts(tile, row, column, n, first, last);
  tile.c = out + row * row_stride + index;
  tile.c_stride = static_cast<size_t>(row_stride);
  tile.accumulate = !first;
  if (last) {
    if (row_bias) tile.row_bias = row_bias + row;
    if (column_bias) tile.column_bias = column_bias + index;
    tile.clamp = clamp;
    tile.low = low;
    tile.high = high;
  }
  ops->tile(tile);
}

void TileOutput::store_by_parts(GemmTile& tile, int64_t row, int64_t column, int64_t n, bool first, bool last) const {
  alignas(64) float buffer[kMaxTileRows * kMaxTileColumns];
  tile.c = buffer;
  tile.c_stride = ops->tile_columns;
  ops->tile(tile);
  for (int64_t r = 0; r < static_cast<int64_t>(tile.rows); ++r) {
    const float* from = buffer + r * static_cast<int64_t>(ops->tile_columns);
    float* to = out + (row + r) * row_stride;
    if (!plane) {
      add_run(from, to + column, row + r, column, n, first, last);
      continue;
    }
    for_output_runs(*plane, column, n, [&](int64_t begin, int64_t index, int64_t count) {
      add_run(from + begin, to + index, row + r, index, count, first, last);
    });
  }
}

void TileOutput::add_run(const float* from, float* to, int64_t row, int64_t column, int64_t n, bool first,
                         bool last) const {
  const float bias = last && row_bias ? row_bias[row] : 0;
  const bool limit = last && clamp;
  for (int64_t i = 0; i < n; ++i) {
    float y = first ? from[i] : to[i] + from[i];
    y += bias;
    if (last && column_bias) y += column_bias[column + i];
    if (limit) y = y < low ? low : y > high ? high : y;
    to[i] = y;
  }
}

Split split_work(int64_t rows, int64_t columns, int64_t copies, const GemmOps& ops, int64_t nc, uint32_t threads) {
  const auto tile_rows = static_cast<int64_t>(ops.tile_rows), tile_columns = static_cast<int64_t>(ops.tile_columns);
  Split split{round_up(std::max<int64_t>(rows, 1), tile_rows),
              round_up(std::min(nc, std::max<int64_t>(columns, 1)), tile_columns)};
  const int64_t wanted = threads == 1 ? 1 : 3 * static_cast<int64_t>(threads);
  const auto tasks = [&] { return copies * blocks(rows, split.row_step) * blocks(columns, split.column_step); };
  if (tasks() >= wanted) return split;
  // Four tiles of columns per task are enough to reuse what the caches hold.
  const int64_t column_pieces = blocks(wanted, std::max<int64_t>(copies, 1));
  split.column_step = std::clamp(round_up(blocks(columns, column_pieces), tile_columns),
                                 std::min(4 * tile_columns, split.column_step), split.column_step);
  if (tasks() >= wanted) return split;
  const int64_t row_pieces = blocks(wanted, std::max<int64_t>(tasks(), 1));
  split.row_step = std::clamp(round_up(blocks(rows, row_pieces), tile_rows), std::min(4 * tile_rows, split.row_step),
                              split.row_step);
  return split;
}

}  // namespace motley::cpu
