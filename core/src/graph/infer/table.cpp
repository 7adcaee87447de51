// Which rule belongs to which op.
#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "graph/infer/rules.hpp"

namespace motley::graph::infer {

namespace {

// clang-format off
// Ascending by op: op, required inputs, most inputs, most outputs, rule. Those of composites are in ../ops.inc.
constexpr Rule kRules[] = {
    {Op::Unary, 1, 1, 1, unary},
    {Op::Binary, 2, 2, 1, binary},
    {Op::Compare, 2, 2, 1, compare},
    {Op::Logical, 2, 2, 1, logical},
    {Op::Where, 3, 3, 1, where},
    {Op::Cast, 1, 1, 1, cast},
    {Op::StridedCopy, 0, kMany, 1, strided_copy},
    {Op::Reshape, 1, 2, 1, reshape},
    {Op::MatMul, 2, 3, 1, matmul},
    {Op::Conv, 2, 4, 1, conv},
    {Op::ConvTranspose, 2, 3, 1, conv_transpose},
    {Op::Pool, 1, 1, 2, pool},
    {Op::Reduce, 1, 2, 1, reduce},
    {Op::ArgReduce, 1, 1, 1, arg_reduce},
    {Op::Softmax, 1, 1, 1, softmax},
    {Op::Normalize, 1, 3, 1, normalize},
    {Op::CumSum, 2, 2, 1, cum_sum},
    {Op::Gather, 2, 2, 1, gather},
    {Op::GatherElements, 2, 2, 1, gather_elements},
    {Op::GatherND, 2, 2, 1, gather_nd},
    {Op::ScatterElements, 3, 3, 1, scatter_elements},
    {Op::ScatterND, 3, 3, 1, scatter_nd},
    {Op::TopK, 2, 2, 2, top_k},
    {Op::NonZero, 1, 1, 1, non_zero},
    {Op::NonMaxSuppression, 2, 5, 1, non_max_suppression},
    {Op::Resize, 1, 4, 1, resize},
    {Op::GridSample, 2, 2, 1, grid_sample},
    {Op::RoiAlign, 3, 3, 1, roi_align},
    {Op::Range, 3, 3, 1, range},
    {Op::Fill, 0, 1, 1, fill},
    {Op::QuantizeLinear, 2, 3, 1, quantize_linear},
    {Op::DequantizeLinear, 2, 3, 1, dequantize_linear},
    {Op::DynamicQuantizeLinear, 1, 1, 3, dynamic_quantize_linear},
    {Op::QLinearConv, 8, 9, 1, qlinear_conv},
    {Op::QLinearMatMul, 8, 9, 1, qlinear_matmul},
    {Op::ConvInteger, 2, 4, 1, conv_integer},
    {Op::MatMulInteger, 2, 4, 1, matmul_integer},
    {Op::LSTM, 3, 8, 3, lstm},
    {Op::GRU, 3, 6, 2, gru},
    {Op::RNN, 3, 6, 2, rnn},
    {Op::DeformConv, 3, 5, 1, deform_conv},
#define MOTLEY_COMPOSITE(op, kind, min_in, max_in, min_out, max_out, infer_rule, ...) \
    {Op::op, min_in, max_in, max_out, infer_rule},
#include "graph/ops.inc"
    {Op::If, 0, kMany, kMany, control_flow},
    {Op::Loop, 0, kMany, kMany, control_flow},
    {Op::Scan, 0, kMany, kMany, control_flow},
};
// clang-format on

constexpr bool before(const Rule& a, const Rule& b) { return a.op < b.op; }
static_assert(std::is_sorted(std::begin(kRules), std::end(kRules), before));

void check_counts(const Context& c, const Rule& rule) {
  for (size_t i = 0; i < rule.required; ++i)
    if (!c.has(i)) c.fail("input % is missing (of % that it needs)", {i, rule.required});
  if (rule.max_inputs != kMany && c.input_count() > rule.max_inputs)
    c.fail("it has % inputs (at most %)", {c.input_count(), rule.max_inputs});
  size_t outputs = 0, last = 0;
  for (size_t i = 0; i < c.output_count(); ++i) {
    if (!c.writes(i)) continue;
    ++outputs;
    last = i + 1;
  }
  if (outputs == 0) c.fail("it has no outputs");
  if (rule.max_outputs != kMany && last > rule.max_outputs)
    c.fail("it has % outputs (at most %)", {last, rule.max_outputs});
}

}  // namespace

const Rule* find_rule(Op op) {
  const Rule* rule =
      std::lower_bound(std::begin(kRules), std::end(kRules), op, [](const Rule& r, Op value) { return r.op < value; });
  return rule != std::end(kRules) && rule->op == op ? rule : nullptr;
}

void apply_rule(Context& c) {
  const Rule* rule = find_rule(c.node().op);
  if (!rule) c.unsupported("this op is unknown; a newer version may have it");
  check_counts(c, *rule);
  try {
    rule->infer(c);
  } catch (const std::length_error& error) {
    c.fail("its result has %", {error.what()});
  }
}

}  // namespace motley::graph::infer
