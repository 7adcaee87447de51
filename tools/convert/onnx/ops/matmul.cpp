// Matrix products.
#include "onnx/op_context.hpp"

namespace motley::convert {
namespace {

void matmul(OpContext& c) { c.emit(Op::MatMul, c.inputs(), schema::MatMulAttributesT()); }

schema::MatMulAttributesT gemm_attributes(OpContext& c) {
  schema::MatMulAttributesT attributes;
  attributes.transpose_a = c.flag("transA", false);
  attributes.transpose_b = c.flag("transB", false);
  attributes.alpha = c.number("alpha", 1);
  attributes.beta = c.number("beta", 1);
  return attributes;
}

// Until opset 7 broadcasting of C had to be asked for; it is harmless where shapes are equal.
void gemm(OpContext& c) {
  if (c.version() < 7) c.ignore("broadcast");
  c.emit(Op::Gemm, c.inputs(), gemm_attributes(c));
}

void plain(OpContext& c) { c.emit(static_cast<Op>(c.rule().function), c.inputs(), schema::NoAttributesT()); }

void einsum(OpContext& c) {
  schema::EinsumAttributesT attributes;
  attributes.equation = c.text("equation", "");
  if (attributes.equation.empty()) c.invalid("lacks the attribute equation");
  c.emit(Op::Einsum, c.inputs(), std::move(attributes));
}

// com.microsoft.FusedMatMul: the last two dimensions transposed, and a factor.
void fused_matmul(OpContext& c) {
  if (c.flag("transBatchA", false) || c.flag("transBatchB", false)) c.unsupported("transposed batch dimensions");
  schema::MatMulAttributesT attributes;
  attributes.transpose_a = c.flag("transA", false);
  attributes.transpose_b = c.flag("transB", false);
  attributes.alpha = c.number("alpha", 1);
  c.emit(Op::MatMul, c.inputs(), std::move(attributes));
}

constexpr int code(Op op) { return static_cast<int>(op); }

constexpr OpRule kRules[] = {
    {"MatMul", 1, 2, 2, 1, matmul},
    {"Gemm", 1, 3, 3, 1, gemm},
    {"Gemm", 7, 3, 3, 1, gemm},
    {"Gemm", 11, 2, 3, 1, gemm},
    {"MatMulInteger", 10, 2, 4, 1, plain, code(Op::MatMulInteger)},
    {"QLinearMatMul", 10, 8, 8, 1, plain, code(Op::QLinearMatMul)},
    {"Einsum", 12, 1, kAny, 1, einsum},
    {"FusedMatMul", 1, 2, 2, 1, fused_matmul, 0, nullptr, 0, nullptr, 0, "com.microsoft"},
};

}  // namespace

std::span<const OpRule> ops::matmul() { return kRules; }

}  // namespace motley::convert
