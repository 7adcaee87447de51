// One lowering rule per composite op; the table that dispatches to them is ../ops.inc.
#pragma once

#include "graph/lower/lowering.hpp"

namespace motley::graph {

// Declared from the table of ops: void lower_transpose(Lowering&) and so on.
#define MOTLEY_COMPOSITE(op, kind, min_in, max_in, min_out, max_out, infer_rule, lower_rule, ...) \
  void lower_rule(Lowering& l);
#include "graph/ops.inc"

// fused.cpp: a primitive with an activation or a residual, as its plain form and what follows.
void lower_fused(Lowering& l);
bool is_fused(const Node& node);

}  // namespace motley::graph
