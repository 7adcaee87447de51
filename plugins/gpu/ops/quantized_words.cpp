// Bytes to words, and their products.
#include "quantized_words.hpp"

#include <algorithm>

namespace motley::gpu {

namespace {

int32_t is_signed(const TensorView& t) { return t.type == DataType::int8 ? 1 : 0; }
int64_t round_up(int64_t v, int64_t to) { return (v + to - 1) / to * to; }

struct Tile {
  int32_t mr, nv, vw;
  uint32_t lx, ly;
  std::string form;  // of the variant
};

Tile tile_for(const Capabilities& d, int64_t n) {
  const bool cpu = d.device_class == DeviceClass::cpu;
  Tile t;
  if (d.texel_loads) t = {8, 2, 4, 8, 1, "texels"};
  else if (d.int8_dot) t = {4, 4, 1, 8, 8, "packed"};
  else if (cpu) t = {8, 2, static_cast<int32_t>(std::min(d.max_vector, std::max(4u, d.native_vector))), 1, 1, ""};
  else t = {4, 1, 4, 8, 8, ""};
  if (t.vw * t.nv > n) t.nv = 1;
  while (t.form.empty() && t.vw > 4 && t.vw > n) t.vw /= 2;
  if (t.vw == 2) t.vw = 1;
  if (t.form.empty()) t.form = "v" + std::to_string(t.vw);
  return t;
}

// A product made ready: both sides as words, and what their rows and columns add up to.
struct Words {
  Operand a, b, a_sums, b_sums;
  int64_t m = 0, n = 0, k = 0, words = 0, pitch = 0, batches = 1;
};

// How often a value stands in a tensor of quantization parameters: 0 no tensor, 1 one value, else `many`.
int32_t count_of(const Emitter& e, int input, int32_t many) {
  const TensorView* t = input < 0 ? nullptr : e.node.input(static_cast<size_t>(input));
  return !t || t->elements() == 0 ? 0 : t->elements() == 1 ? 1 : many;
}

void emit_dot(Emitter& e, const Words& w, const QuantizedInputs& at, const Tile& t, const Epilogue& epilogue, int32_t addend_many,
              bool to_bytes) {
  const auto tensor = [&](int i) { return *e.node.input(static_cast<size_t>(i)); };
  const auto use = [&](int i) { return in(i >= 0 && e.has_input(static_cast<size_t>(i)) ? e.input(static_cast<size_t>(i)) : w.a_sums); };
  const auto scale = [&](int i) { return to_bytes ? count_of(e, i, 2) : 1; };
  Call call;
  call.variant = "dot_gemm." + t.form + (to_bytes ? ".quantized" : ".integer");
  call.constants = {t.mr,
                    t.nv,
                    is_signed(tensor(at.left)),
                    is_signed(tensor(at.right)),
                    is_signed(*e.node.output(0)),
                    count_of(e, at.left_zero, 2),
                    count_of(e, at.right_zero, 2),
                    scale(at.left_scale),
                    scale(at.right_scale),
                    scale(at.y_scale),
                    scale(at.y_zero),
                    to_bytes ? count_of(e, at.addend, addend_many) : 0,
                    epilogue.function};
  call.group = {t.lx, t.ly, 1};
  call.groups = {groups_for((w.m + t.mr - 1) / t.mr, t.ly), groups_for((w.n + t.nv * t.vw - 1) / (t.nv * t.vw), t.lx),
                 static_cast<uint32_t>(w.batches)};
  call.params = Params(w.m, w.n, w.k, w.words, w.pitch, epilogue.alpha, epilogue.beta);
  call.uses = {in(w.a), in(w.b), in(w.a_sums), in(w.b_sums), use(at.left_zero), use(at.right_zero)};
  if (to_bytes)
    for (const int i : {at.left_scale, at.right_scale, at.y_scale, at.y_zero, at.addend}) call.uses.push_back(use(i));
  call.uses.push_back(out(e.output(0)));
  call.operations = 2.0 * static_cast<double>(w.m) * static_cast<double>(w.n) * static_cast<double>(w.words * 4 * w.batches);
  e.launch(std::move(call));
}

// One work item per row or column: on a CPU few to a group, for each is long.
Call packing(const Emitter& e, const char* variant, int64_t count) {
  Call call = elementwise(e, variant, count);
  if (e.device.device_class == DeviceClass::cpu) {
    call.group[0] = std::min(call.group[0], 16u);
    call.groups[0] = groups_for(count, call.group[0]);
  }
  return call;
}

// Constant bytes, of row r and depth i at r · row + i · depth, as words: `place` says where word w of row r stands.
template <class Place>
void pack_constant(Emitter& e, const TensorView& t, int64_t rows, int64_t row, int64_t k, int64_t depth, int64_t room, const Place& place,
                   Operand& words, Operand& sums) {
  const auto* bytes = static_cast<const uint8_t*>(t.constant);
  const int flip = is_signed(t) ? 0 : 128;
  std::vector<uint32_t> packed(static_cast<size_t>(room));
  std::vector<int32_t> totals(static_cast<size_t>(rows));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < k; ++i) {
      const auto byte = static_cast<uint8_t>(bytes[r * row + i * depth] ^ flip);
      totals[static_cast<size_t>(r)] += static_cast<int8_t>(byte);
      packed[static_cast<size_t>(place(r, i / 4))] |= static_cast<uint32_t>(byte) << (8 * (i % 4));
    }
  words = e.constant(packed);
  sums = e.constant(totals);
}

bool fits(const Emitter& e, int64_t words) {
  return words < (int64_t{1} << 29) && (e.device.max_buffer_bytes == 0 || static_cast<uint64_t>(words) * 4 <= e.device.max_buffer_bytes);
}

void emit_windows(Emitter& e, const reference::Convolution& c, Words& w, int input, int zero) {
  const TensorView& x = *e.node.input(static_cast<size_t>(input));
  w.b = e.scratch(static_cast<uint64_t>(w.batches * w.words * w.pitch) * 4);
  w.b_sums = e.scratch(static_cast<uint64_t>(w.batches * w.n) * 4);
  Call call = packing(e, "words_of_windows", w.batches * w.n);
  call.constants = {is_signed(x), count_of(e, zero, 1)};
  call.params = Params(w.batches * w.n, c.in_channels, w.n, w.pitch, w.words);
  const auto& axes = c.window.axes;
  for (const auto& a : axes) call.params.add(a.input);
  call.params.add(axes[1].output).add(axes[2].output);
  for (const auto& a : axes) call.params.add(a.kernel);
  for (const auto& a : axes) call.params.add(a.stride);
  for (const auto& a : axes) call.params.add(a.dilation);
  for (const auto& a : axes) call.params.add(a.pad_begin);
  const size_t zero_input = static_cast<size_t>(zero);
  call.uses = {in(e.input(static_cast<size_t>(input))), in(e.has_input(zero_input) ? e.input(zero_input) : e.input(static_cast<size_t>(input))),
               out(w.b), out(w.b_sums)};
  call.operations = static_cast<double>(w.batches * w.n * w.k) * 8;
  e.launch(std::move(call));
}

}  // namespace

bool emit_conv_words(Emitter& e, const reference::Convolution& c, bool to_bytes) {
  // As in a product: weights on the left, windows of the input on the right.
  const QuantizedInputs at = to_bytes ? QuantizedInputs{3, 0, 5, 2, 4, 1, 6, 7, 8} : QuantizedInputs{1, 0, 3, 2, -1, -1, -1, -1, -1};
  const TensorView& weights = *e.node.input(static_cast<size_t>(at.left));
  if (!weights.is_constant() || c.group != 1 || c.out_channels < 4) return false;
  Words w;
  w.m = c.out_channels;
  w.n = c.window.output_elements();
  w.k = c.in_channels * c.window.taps();
  w.batches = c.batch;
  if (w.n == 0 || w.k == 0 || w.batches == 0 || w.batches > 65535) return false;
  const Tile t = tile_for(e.device, w.n);
  w.words = (w.k + 3) / 4;
  w.pitch = round_up(w.n, t.nv * t.vw * static_cast<int64_t>(t.lx));
  const int64_t rows = round_up(w.m, t.mr * static_cast<int64_t>(t.ly));
  if (!fits(e, w.batches * w.words * w.pitch) || !fits(e, rows * w.words)) return false;
  pack_constant(e, weights, w.m, w.k, w.k, 1, rows * w.words,
                [&](int64_t r, int64_t word) { return (r / 4 * w.words + word) * 4 + r % 4; }, w.a, w.a_sums);
  emit_windows(e, c, w, at.right, at.right_zero);
  emit_dot(e, w, at, t, Epilogue(e.node.attributes<schema::ConvAttributes>().activation()), 2, to_bytes);
  return true;
}

bool emit_matmul_words(Emitter& e, const reference::MatrixProduct& p, bool to_bytes) {
  const QuantizedInputs at = to_bytes ? QuantizedInputs{0, 3, 2, 5, 1, 4, 6, 7, 8} : QuantizedInputs{0, 1, 2, 3, -1, -1, -1, -1, -1};
  const TensorView &a = *e.node.input(0), &b = *e.node.input(static_cast<size_t>(at.right));
  // One B for all: a batch of A is more rows, unless rows have parameters of their own.
  const bool rows_differ = count_of(e, at.left_zero, 2) == 2 || (to_bytes && (count_of(e, at.left_scale, 2) == 2 || count_of(e, at.y_scale, 2) == 2 ||
                                                                             count_of(e, at.y_zero, 2) == 2));
  const int64_t batch = p.batch.elements();
  if (!b.is_constant() || b.elements() != p.depth * p.columns || p.a_depth != 1 || (batch > 1 && rows_differ)) return false;
  Words w;
  w.m = batch * p.rows;
  w.n = p.columns;
  w.k = p.depth;
  if (w.m < 4 || w.n == 0 || w.k == 0 || a.elements() != w.m * w.k) return false;
  const Tile t = tile_for(e.device, w.n);
  w.words = (w.k + 3) / 4;
  w.pitch = round_up(w.n, t.nv * t.vw * static_cast<int64_t>(t.lx));
  const int64_t rows = round_up(w.m, t.mr * static_cast<int64_t>(t.ly));
  if (!fits(e, w.words * w.pitch) || !fits(e, rows * w.words)) return false;
  pack_constant(e, b, w.n, p.b_column, w.k, p.b_depth, w.words * w.pitch,
                [&](int64_t column, int64_t word) { return word * w.pitch + column; }, w.b, w.b_sums);
  w.a = e.scratch(static_cast<uint64_t>(rows * w.words) * 4);
  w.a_sums = e.scratch(static_cast<uint64_t>(w.m) * 4);
  Call call = packing(e, "words_of_rows", w.m);
  call.constants = {is_signed(a)};
  call.params = Params(w.m, w.k, w.words, w.k);
  call.uses = {in(e.input(0)), out(w.a), out(w.a_sums)};
  call.operations = static_cast<double>(w.m * w.k) * 4;
  e.launch(std::move(call));
  emit_dot(e, w, at, t, Epilogue(), 3, to_bytes);
  return true;
}

}  // namespace motley::gpu
