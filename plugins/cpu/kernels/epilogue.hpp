// What happens to a result of convolution or matrix multiplication before it is done: residual, then activation.
#pragma once

#include <limits>

#include "kernels/binary_simd.hpp"
#include "kernels/unary_simd.hpp"
#include "support.hpp"

namespace motley::cpu {

inline void check_activation(const schema::Activation* activation) {
  if (!activation || activation->function() == schema::UnaryFunction::identity) return;
  require(unary_simd(activation->function()) != nullptr,
          std::string("activation ") + schema::EnumNameUnaryFunction(activation->function()) + " not supported");
}

// What stands between the sum and its activation: nothing, a residual that Epilogue adds, or an addend that its user
// adds before finish().
enum class Between { nothing, residual, addend };

class Epilogue {
 public:
  Epilogue() = default;
  Epilogue(const schema::Activation* activation, Between between) {
    using schema::UnaryFunction;
    const UnaryFunction f = activation ? activation->function() : UnaryFunction::identity;
    if (between == Between::residual) add_ = binary_simd(schema::BinaryFunction::add, Operands::both);
    if (f == UnaryFunction::identity) return;
    alpha_ = activation->alpha();
    beta_ = activation->beta();
    // Clamping is done in registers where nothing has to come before it.
    clamp = between == Between::nothing && (f == UnaryFunction::relu || f == UnaryFunction::clip);
    if (!clamp) function_ = unary_simd(f);
    low = f == UnaryFunction::relu ? 0 : alpha_;
    high = f == UnaryFunction::relu ? std::numeric_limits<float>::infinity() : beta_;
  }

  // For the loop that makes the result: x < low becomes low, then x > high becomes high.
  bool clamp = false;
  float low = 0, high = 0;

  // Whether finish() does anything.
  bool has_finish() const { return add_ || function_; }
  // The rest, over n results while they are in the cache. `residual` is null where there is none.
  void finish(float* out, const float* residual, int64_t n) const {
    if (add_) add_(out, residual, out, static_cast<size_t>(n));
    if (function_) function_(out, out, static_cast<size_t>(n), alpha_, beta_);
  }

 private:
  BinaryFn add_ = nullptr;
  UnaryFn function_ = nullptr;
  float alpha_ = 0, beta_ = 0;
};

}  // namespace motley::cpu
