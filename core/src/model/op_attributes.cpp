// Attribute kind and arity of each op, as a table.
#include "model/op_attributes.hpp"

#include <algorithm>
#include <iterator>

namespace motley::model {
namespace {

using schema::Attributes;
using schema::Op;

constexpr uint32_t kMany = UINT32_MAX;

struct Row {
  Op op;
  Attributes attributes;
  Arity arity;  // inputs at least, at most; outputs at least, at most
};

// Sorted by op. Recurrent ops and LayerNormalization may have any of their outputs absent. Binary, MatMul, Conv and
// ConvTranspose may carry a fused residual or bias as their last input.
constexpr Row kRows[] = {
#define MOTLEY_PRIMITIVE(op, kind, min_in, max_in, min_out, max_out, ...) \
  {Op::op, Attributes::kind, {min_in, max_in, min_out, max_out}},
#define MOTLEY_COMPOSITE MOTLEY_PRIMITIVE
#define MOTLEY_CONTROL MOTLEY_PRIMITIVE
#include "graph/ops.inc"
};

const Row* find(Op op) {
  const Row* row =
      std::lower_bound(std::begin(kRows), std::end(kRows), op, [](const Row& r, Op o) { return r.op < o; });
  return row != std::end(kRows) && row->op == op ? row : nullptr;
}

}  // namespace

Attributes attributes_of(Op op) {
  const Row* row = find(op);
  return row ? row->attributes : Attributes::NONE;
}

Arity arity_of(Op op) {
  const Row* row = find(op);
  return row ? row->arity : Arity{0, 0, 0, 0};
}

}  // namespace motley::model
