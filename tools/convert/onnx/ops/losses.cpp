// Losses over classes: NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss.
#include <optional>

#include "onnx/ops/build.hpp"

namespace motley::convert {
namespace {

using R = schema::ReduceFunction;

// −logp of each target's class (dimension 1), weighted by class, 0 where the target is the class to ignore.
void emit_loss(Build& b, TensorId log_probabilities) {
  OpContext& c = b.c;
  enum class Reduction { none, sum, mean };
  const auto reduction = c.choice<Reduction>(
      "reduction", "mean", {{"none", Reduction::none}, {"sum", Reduction::sum}, {"mean", Reduction::mean}});
  const bool ignores = c.has("ignore_index");
  const auto ignored = static_cast<double>(c.integer("ignore_index", 0));
  TensorId target = c.in(1), keep = kNone;
  if (ignores) {  // it need not be a class at all
    keep = b.compare(schema::CompareFunction::not_equal, target, b.like(target, ignored));
    target = b.where(keep, target, b.like(target, 0));
  }
  const TensorId zero = b.like(log_probabilities, 0);
  TensorId loss = b.squeeze(b.gather_elements(log_probabilities, b.unsqueeze(target, {1}), 1), {1});
  loss = b.unary(schema::UnaryFunction::neg, loss);
  TensorId weight = c.in(2) == kNone ? kNone : b.gather(c.in(2), target, 0);
  if (weight != kNone) loss = b.mul(loss, weight);
  if (ignores) {
    loss = b.where(keep, loss, zero);
    weight = b.where(keep, weight == kNone ? b.like(log_probabilities, 1) : weight, zero);
  }
  if (reduction == Reduction::sum) loss = b.reduce(R::sum, loss, {}, false);
  if (reduction == Reduction::mean && weight == kNone) loss = b.reduce(R::mean, loss, {}, false);
  if (reduction == Reduction::mean && weight != kNone)
    loss = b.div(b.reduce(R::sum, loss, {}, false), b.reduce(R::sum, weight, {}, false));
  c.connect(loss, c.out(0));
}

void negative_log_likelihood_loss(OpContext& c) {
  Build b(c);
  emit_loss(b, c.in(0));
}

void softmax_cross_entropy_loss(OpContext& c) {
  Build b(c);
  const TensorId log_probabilities = b.softmax(schema::SoftmaxFunction::log_softmax, c.in(0), 1);
  c.connect(log_probabilities, c.out(1));
  if (c.out(0) != kNone) return emit_loss(b, log_probabilities);
  for (const char* name : {"reduction", "ignore_index"}) c.ignore(name);
}

constexpr OpRule kRules[] = {
    {"NegativeLogLikelihoodLoss", 12, 2, 3, 1, negative_log_likelihood_loss},
    {"SoftmaxCrossEntropyLoss", 12, 2, 3, 2, softmax_cross_entropy_loss},
};

}  // namespace

std::span<const OpRule> ops::losses() { return kRules; }

}  // namespace motley::convert
