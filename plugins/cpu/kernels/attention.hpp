// Attention: what its checks and its kernel share. kernels/attention.cpp reads nodes, attention_run.cpp computes.
#pragma once

#include "support.hpp"

namespace motley::cpu {

// Elements from one batch, head and step to the next. The numbers of one step lie side by side.
struct HeadStrides {
  int64_t batch = 0, head = 0, step = 0;
};

// The mask as seen from (batch, head, query, key); 0 where it is broadcast.
struct AttentionMask {
  bool present = false, boolean = false;
  HeadStrides strides;
  int64_t key = 0;      // 1, or 0 where one value serves all keys
  int64_t covered = 0;  // keys past these are hidden
};

// Geometry of an Attention node. Keys and values come in two parts: the past (may be empty), then the recent ones.
struct AttentionShape {
  int64_t batch = 0, heads = 0, groups = 0;  // `groups`: heads of keys and values
  int64_t queries = 0, size = 0, value_size = 0;
  int64_t steps[2] = {0, 0};  // past, recent
  HeadStrides q, y, k[2], v[2];
  AttentionMask mask;
  bool causal = false;
  bool present[2] = {false, false};  // whether all keys, all values are given out
  float scale = 1, softcap = 0;

  int64_t keys() const { return steps[0] + steps[1]; }
  double flops() const {
    // An exponential is worth some twenty operations.
    return static_cast<double>(batch * heads) * static_cast<double>(queries) * static_cast<double>(keys()) *
           static_cast<double>(2 * (size + value_size) + 20) / (causal && queries > 1 ? 2 : 1);
  }
};

// Throws StatusError where the node is not supported.
AttentionShape read_attention(const NodeView& node);
// Blocks of queries meet blocks of keys, so that scores of one such pair are all that is ever kept.
std::unique_ptr<Kernel> make_attention(const AttentionShape& shape, const Threads& threads);

double attention_flops(const NodeView& node);

}  // namespace motley::cpu
