// Matrix products as launches.
#include "gemm.hpp"

#include <algorithm>

namespace motley::gpu {

namespace {

bool on_cpu(const Capabilities& d) { return d.device_class == DeviceClass::cpu; }

// So many work items per compute unit hide a GPU's memory latency.
constexpr int64_t kItemsPerUnit = 512;
constexpr uint32_t kMostSplit = 8;
constexpr int32_t kMostSplitVector = 4;  // variants of gemm_split
constexpr GemmShape kLarge{1 << 20, 1 << 20, 1 << 20, 1};

// Bytes of local memory where `split` items share a tile.
uint64_t split_bytes(const GemmTile& t) {
  return sizeof(float) * uint64_t{t.split} * t.lx * t.ly * static_cast<uint64_t>(t.mr) *
         static_cast<uint64_t>(t.columns());
}

bool split_fits(const Capabilities& d, const GemmTile& t) {
  return split_bytes(t) <= d.local_bytes && t.lx * t.ly * t.split <= d.max_group_size && t.split <= d.max_group[2];
}

// As many items per tile as it takes to fill the device, while each has a good part of k.
uint32_t split_for(const Capabilities& d, GemmTile t, const GemmShape& s) {
  if (!d.local_is_fast || t.local_k > 0 || t.vw > kMostSplitVector) return 1;
  const int64_t tiles = (s.m + t.mr - 1) / t.mr * ((s.n + t.columns() - 1) / t.columns()) * s.batch;
  const int64_t wanted = kItemsPerUnit * d.compute_units;
  t.split = 1;
  while (t.split < kMostSplit && tiles * t.split < wanted && s.k >= int64_t{64} * t.split) {
    t.split *= 2;
    if (!split_fits(d, t)) return t.split / 2;
  }
  return t.split;
}

// Tiles in local memory for products that fill a large GPU with them. On an NVIDIA H200 they take 0.55 to 0.7 of the
// time of four by four, at 2048 x 2048, and at 1024 x 1024 0.7 (Vulkan) and 1.07 (OpenCL); smaller ones took longer.
constexpr GemmTile kLocalTile{8, 1, 4, 16, 8, 16};
bool fills_with_local_tiles(const Capabilities& d, const GemmShape& s) {
  const GemmTile& t = kLocalTile;
  const int64_t rows = int64_t{t.mr} * t.ly, columns = int64_t{t.columns()} * t.lx;
  const int64_t groups = (s.m + rows - 1) / rows * ((s.n + columns - 1) / columns) * s.batch;
  const uint64_t bytes = sizeof(float) * static_cast<uint64_t>(t.local_k * (rows + columns));
  return d.device_class == DeviceClass::discrete && d.local_is_fast && s.plain && s.k >= 4 * t.local_k &&
         2 * groups >= int64_t{3} * d.compute_units && bytes <= d.local_bytes && t.lx * t.ly <= d.max_group_size;
}

// Whether a tuner chose anything of the tile.
bool has_tile(const Config& config) {
  return std::any_of(config.values().begin(), config.values().end(),
                     [](const auto& v) { return v.first != "precision" && v.first != "algorithm"; });
}

}  // namespace

GemmTile gemm_tile(const Capabilities& device, const Config& config, const GemmShape& shape) {
  const int64_t m = shape.m, n = shape.n;
  GemmTile t;
  // A CPU wants its widest vectors in all its registers and work groups of one; a GPU wants four by four per work item.
  if (on_cpu(device)) t = {8, 2, static_cast<int32_t>(std::min(device.max_vector, std::max(4u, device.native_vector))), 1, 1, 0};
  else t = {4, 1, 4, 8, 8, 0, 4};
  if (!has_tile(config) && fills_with_local_tiles(device, shape)) t = kLocalTile;
  if (device.texel_loads) t = {8, 2, 4, 8, 1, 0};
  if (on_cpu(device) && t.vw == 16) {
    // 32 vector registers: twelve rows by two vectors, or the eight or so that leave the fewest rows empty.
    int64_t least = INT64_MAX;
    for (int32_t mr : {12, 8, 10, 6, 4, 2, 1}) {
      const int64_t cost = (m + mr - 1) / mr * (mr + 2);
      if (cost < least) least = cost, t.mr = mr;
    }
  } else if (m < t.mr) {
    t.mr = m <= 1 ? 1 : m <= 2 && !device.texel_loads ? 2 : 4;
  }
  t.mr = static_cast<int32_t>(config.get("mr", int64_t{t.mr}));
  t.nv = static_cast<int32_t>(config.get("nv", int64_t{t.nv}));
  t.vw = static_cast<int32_t>(config.get("vw", int64_t{t.vw}));
  t.lx = static_cast<uint32_t>(config.get("lx", int64_t{t.lx}));
  t.ly = static_cast<uint32_t>(config.get("ly", int64_t{t.ly}));
  t.local_k = static_cast<int32_t>(config.get("local_k", int64_t{t.local_k}));
  t.deep = static_cast<int32_t>(config.get("deep", int64_t{t.deep}));
  t.split = static_cast<uint32_t>(config.get("split", int64_t{0}));
  if (t.vw == 2 || t.vw > static_cast<int32_t>(device.max_vector)) t.vw = static_cast<int32_t>(device.max_vector);
  if (t.split > 1) t.vw = std::min(t.vw, kMostSplitVector);
  if (t.local_k > 0) {
    t.vw = t.vw >= 4 ? 4 : 1;
    t.split = std::max(1u, t.split);
    return t;  // columns behind the last are loaded as zeros
  }
  if (on_texels(device, t)) {
    t.split = 1;
    return t;  // columns behind the last are computed and not stored
  }
  while (t.columns() > n && t.nv > 1) t.nv = 1;
  while (t.columns() > n && t.vw > 1) t.vw = t.vw > 4 ? t.vw / 2 : 1;
  if (t.split == 0) t.split = on_cpu(device) ? 1 : split_for(device, t, shape);
  return t;
}

std::vector<sdk::Parameter> gemm_parameters(const Capabilities& device) {
  const GemmTile t = gemm_tile(device, Config(), kLarge);
  const auto ordered = [](int64_t first, std::vector<int64_t> all, int64_t most) {
    std::vector<std::string> values{std::to_string(first)};
    for (int64_t v : all)
      if (v != first && v <= most) values.push_back(std::to_string(v));
    return values;
  };
  std::vector<sdk::Parameter> list;
  if (device.texel_loads) {
    // Every combination is a pipeline to compile, which takes longer than it runs, and others were never good.
    list.push_back({"mr", ordered(t.mr, {4, 8, 16}, 16)});
    list.push_back({"nv", ordered(t.nv, {1, 2, 4}, 4)});
    list.push_back({"lx", ordered(t.lx, {8, 16, 32}, device.max_group[0])});
    return list;
  }
  list.push_back({"mr", ordered(t.mr, {1, 2, 4, 6, 8, 10, 12, 16}, 16)});
  list.push_back({"nv", ordered(t.nv, {1, 2, 3, 4}, 4)});
  list.push_back({"vw", ordered(t.vw, {1, 4, 8, 16}, device.max_vector)});
  list.push_back({"lx", ordered(t.lx, {1, 4, 8, 16}, device.max_group[0])});
  list.push_back({"ly", ordered(t.ly, {1, 2, 4, 8}, device.max_group[1])});
  list.push_back({"local_k", ordered(t.local_k, {0, 4, 8, 16}, 16)});
  if (on_cpu(device)) return list;
  list.push_back({"deep", ordered(t.deep, {1, 4, 8}, 8)});
  list.push_back({"split", ordered(t.split, {1, 2, 4, 8}, device.local_is_fast ? kMostSplit : 1)});
  return list;
}

sdk::Reason gemm_config_check(const Config& config, const Capabilities& device) {
  for (const sdk::Parameter& p : gemm_parameters(device)) {
    const std::string value = config.get(p.name, p.values[0]);
    if (std::find(p.values.begin(), p.values.end(), value) == p.values.end())
      return p.name + "=" + value + " is not one of the values offered";
  }
  const GemmTile t = gemm_tile(device, config, kLarge);
  if (t.lx * t.ly > device.max_group_size)
    return "a work group of " + std::to_string(t.lx * t.ly) + " is more than the device's " + std::to_string(device.max_group_size);
  const uint64_t local = sizeof(float) * static_cast<uint64_t>(t.local_k) * (t.ly * static_cast<uint64_t>(t.mr) + t.lx * static_cast<uint64_t>(t.columns()));
  if (local > device.local_bytes) return "tiles of " + std::to_string(local) + " bytes do not fit into local memory";
  if (t.split > 1 && t.local_k > 0) return "split and local_k don't go together";
  if (t.split > 1 && !split_fits(device, t))
    return "split=" + std::to_string(t.split) + " takes work groups or local memory of more than the device has";
  // Accumulators beyond what any register file holds only spill.
  if (int64_t{t.mr} * t.columns() > 1024) return "mr · nv · vw is more than 1024 numbers in registers";
  return {};
}

bool on_texels(const Capabilities& device, const GemmTile& t) {
  return device.texel_loads && t.vw == 4 && (t.mr % 4 == 0 || t.mr == 1) && t.local_k == 0;
}

GemmTile packed_tile(const Capabilities& device, GemmTile t) {
  if (on_texels(device, t)) t.mr = std::max(t.mr, 4);
  return t;
}

void emit_gemm(Emitter& e, const Gemm& g, const GemmTile& t) {
  if (g.m == 0 || g.n == 0) return;
  const bool texels = on_texels(e.device, t);
  Call call;
  // Tiles in local memory load element by element, so there the vectors' width is only that of the arithmetic.
  const bool local = t.local_k > 0;
  call.variant = local ? (t.vw >= 4 ? "gemm_local.v4" : "gemm_local.v1") : "gemm.v" + std::to_string(t.vw);
  call.constants = {t.mr, t.nv, g.packed ? 1 : 0, g.table.kind != Operand::Kind::none ? 1 : 0, g.map ? 1 : 0, g.bias_mode,
                    g.residual.kind != Operand::Kind::none ? 1 : 0, g.epilogue.function};
  if (t.split > 1) call.variant = t.vw >= 4 ? "gemm_split.v4" : "gemm_split.v1";
  if (!texels) call.constants.push_back(local ? t.local_k : t.deep);
  if (!texels) call.variant += g.a.half ? ".a16" : g.b.half ? ".b16" : "";
  if (texels) {
    const auto four = [](int64_t v) { return v % 4 == 0; };
    call.variant = "gemm_texels";
    call.constants.push_back(g.aligned || (four(g.b_k) && four(g.b_batch0) && four(g.b_batch1)) ? 1 : 0);
  }
  call.group = {t.lx, t.ly, t.split};
  call.groups = {groups_for((g.m + t.mr - 1) / t.mr, t.ly), groups_for((g.n + t.columns() - 1) / t.columns(), t.lx),
                 static_cast<uint32_t>(g.batch0 * g.batch1)};
  call.params = Params(g.m, g.n, g.k, g.a_row, g.a_k, g.b_k, g.y_row, std::max<int64_t>(1, g.b_width), g.y_width, g.bias_m, g.bias_n,
                       g.scale, g.bias_scale, g.epilogue.alpha, g.epilogue.beta, g.batch1, g.a_batch0, g.a_batch1, g.b_batch0,
                       g.b_batch1, g.y_batch0, g.y_batch1, g.bias_batch0, g.bias_batch1, g.depth ? g.depth : g.k);
  const Operand& any = g.b;
  const auto or_any = [&](const Operand& o) { return in(o.kind == Operand::Kind::none ? any : o); };
  call.uses = {in(g.a), in(g.b), or_any(g.table), or_any(g.bias), or_any(g.residual), out(g.y)};
  call.operations = 2.0 * static_cast<double>(g.m) * static_cast<double>(g.n) * static_cast<double>(g.k) *
                    static_cast<double>(g.batch0 * g.batch1);
  e.launch(std::move(call));
}

std::vector<float> pack_rows(const float* rows, int64_t m, int64_t k, int64_t mr) {
  const int64_t panels = (m + mr - 1) / mr;
  std::vector<float> packed(static_cast<size_t>(panels * k * mr));
  for (int64_t row = 0; row < m; ++row)
    for (int64_t i = 0; i < k; ++i)
      packed[static_cast<size_t>((row / mr * k + i) * mr + row % mr)] = rows[row * k + i];
  return packed;
}

}  // namespace motley::gpu
