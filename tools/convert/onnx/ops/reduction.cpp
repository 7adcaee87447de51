// Reductions along axes, and softmax.
#include "onnx/op_context.hpp"

namespace motley::convert {
namespace {

using F = schema::ReduceFunction;

// Axes became an input in opset 13 for ReduceSum (its rule says so with a row) and in 18 for the others.
void reduce(OpContext& c) {
  schema::ReduceAttributesT attributes;
  attributes.function = static_cast<F>(c.rule().function);
  attributes.keepdims = c.flag("keepdims", true);
  std::vector<TensorId> inputs = c.inputs();
  if (c.rule().max_inputs == 1) {
    attributes.axes = c.integers("axes");
  } else {
    attributes.noop_with_empty_axes = c.flag("noop_with_empty_axes", false);
    // Constant axes become attributes, as readers of the IR like them best.
    if (const auto axes = c.constant_ints(c.in(1))) {
      attributes.axes = *axes;
      inputs.resize(1);
    }
  }
  c.emit(Op::Reduce, std::move(inputs), std::move(attributes));
}

void arg_reduce(OpContext& c) {
  schema::ArgReduceAttributesT attributes;
  attributes.take_max = c.rule().function != 0;
  attributes.axis = c.integer("axis", 0);
  attributes.keepdims = c.flag("keepdims", true);
  attributes.select_last_index = c.version() >= 12 && c.flag("select_last_index", false);
  c.emit(Op::ArgReduce, {c.in(0)}, std::move(attributes));
}

// Before opset 13, everything from `axis` on was normalized together.
void softmax(OpContext& c) {
  schema::SoftmaxAttributesT attributes;
  attributes.function = static_cast<schema::SoftmaxFunction>(c.rule().function);
  attributes.flatten = c.version() < 13;
  attributes.axis = c.integer("axis", attributes.flatten ? 1 : -1);
  c.emit(Op::Softmax, {c.in(0)}, std::move(attributes));
}

void cum_sum(OpContext& c) {
  schema::CumSumAttributesT attributes;
  attributes.exclusive = c.flag("exclusive", false);
  attributes.reverse = c.flag("reverse", false);
  c.emit(Op::CumSum, c.inputs(), std::move(attributes));
}

// k was an attribute in opset 1.
void top_k(OpContext& c) {
  schema::TopKAttributesT attributes;
  attributes.axis = c.integer("axis", -1);
  if (c.version() >= 11) {
    attributes.largest = c.flag("largest", true);
    attributes.sorted = c.flag("sorted", true);
  }
  const TensorId k = c.version() < 10 ? c.ints("k", {c.integer("k")}) : c.in(1);
  c.emit(Op::TopK, {c.in(0), k}, c.outputs(), std::move(attributes));
}

constexpr int code(F f) { return static_cast<int>(f); }
constexpr int code(schema::SoftmaxFunction f) { return static_cast<int>(f); }
using S = schema::SoftmaxFunction;

constexpr OpRule kRules[] = {
    {"ReduceSum", 1, 1, 1, 1, reduce, code(F::sum)},
    {"ReduceSum", 13, 1, 2, 1, reduce, code(F::sum)},
    {"ReduceMean", 1, 1, 1, 1, reduce, code(F::mean)},
    {"ReduceMean", 18, 1, 2, 1, reduce, code(F::mean)},
    {"ReduceMax", 1, 1, 1, 1, reduce, code(F::max)},
    {"ReduceMax", 18, 1, 2, 1, reduce, code(F::max)},
    {"ReduceMin", 1, 1, 1, 1, reduce, code(F::min)},
    {"ReduceMin", 18, 1, 2, 1, reduce, code(F::min)},
    {"ReduceProd", 1, 1, 1, 1, reduce, code(F::prod)},
    {"ReduceProd", 18, 1, 2, 1, reduce, code(F::prod)},
    {"ReduceL1", 1, 1, 1, 1, reduce, code(F::l1)},
    {"ReduceL1", 18, 1, 2, 1, reduce, code(F::l1)},
    {"ReduceL2", 1, 1, 1, 1, reduce, code(F::l2)},
    {"ReduceL2", 18, 1, 2, 1, reduce, code(F::l2)},
    {"ReduceSumSquare", 1, 1, 1, 1, reduce, code(F::sum_square)},
    {"ReduceSumSquare", 18, 1, 2, 1, reduce, code(F::sum_square)},
    {"ReduceLogSum", 1, 1, 1, 1, reduce, code(F::log_sum)},
    {"ReduceLogSum", 18, 1, 2, 1, reduce, code(F::log_sum)},
    {"ReduceLogSumExp", 1, 1, 1, 1, reduce, code(F::log_sum_exp)},
    {"ReduceLogSumExp", 18, 1, 2, 1, reduce, code(F::log_sum_exp)},
    {"ArgMax", 1, 1, 1, 1, arg_reduce, 1},
    {"ArgMax", 12, 1, 1, 1, arg_reduce, 1},
    {"ArgMin", 1, 1, 1, 1, arg_reduce, 0},
    {"ArgMin", 12, 1, 1, 1, arg_reduce, 0},
    {"Softmax", 1, 1, 1, 1, softmax, code(S::softmax)},
    {"Softmax", 13, 1, 1, 1, softmax, code(S::softmax)},
    {"LogSoftmax", 1, 1, 1, 1, softmax, code(S::log_softmax)},
    {"LogSoftmax", 13, 1, 1, 1, softmax, code(S::log_softmax)},
    {"Hardmax", 1, 1, 1, 1, softmax, code(S::hardmax)},
    {"Hardmax", 13, 1, 1, 1, softmax, code(S::hardmax)},
    {"CumSum", 11, 2, 2, 1, cum_sum},
    {"TopK", 1, 1, 1, 2, top_k},
    {"TopK", 10, 2, 2, 2, top_k},
    {"TopK", 11, 2, 2, 2, top_k},
};

}  // namespace

std::span<const OpRule> ops::reduction() { return kRules; }

}  // namespace motley::convert
