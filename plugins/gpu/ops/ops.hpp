// Every op that GPUs run, and what their emitters share.
#pragma once

#include "emitter.hpp"

namespace motley::gpu {

using schema::DataType;
using schema::Op;

struct OpEntry {
  Op op;
  // Empty, or why not.
  sdk::Reason (*supports)(const NodeView& node, const Capabilities& device);
  void (*emit)(Emitter& e);
};
// Null where there is none.
const OpEntry* find_op(Op op);

// ---- checks ----

// Throws StatusError(MOTLEY_UNSUPPORTED, reason) unless the condition holds.
inline void require(bool condition, const std::string& reason) {
  if (!condition) throw sdk::StatusError(MOTLEY_UNSUPPORTED, reason);
}
// What every kernel needs: tensors of less than 2^31 elements, of types that the device can store.
void check_tensors(const NodeView& node, const Capabilities& device);

// Whether the node has constant weights that its kernels can read as f16.
bool has_weights(const NodeView& node);
// Short names as in variants.txt: "f32", "i64", "b8"; "" for a type without kernels.
const char* type_name(DataType type);
// "u8", "u16", "u32", "u64" by size: for kernels that only move elements.
const char* size_name(DataType type);
void require_type(const TensorView& tensor, std::initializer_list<DataType> types, const char* what);

// An input that a StridedCopy puts into its output whole and in one piece, from element `first` of the output on.
struct WholeInput {
  int32_t tensor;
  int64_t first;
};
// All of them; none of other ops, nor where something else writes there too.
std::vector<WholeInput> whole_inputs(const NodeView& node);

// ---- launches ----

// One work item per element.
Call elementwise(const Emitter& e, std::string variant, int64_t count);
// Whether work groups should share rows of so many elements side by side, with sums in local memory.
bool shares_rows(const Capabilities& device, int64_t rows, int64_t length);
// One work group per such row; the kernel's GROUP_X is a power of two, and at most `length`.
Call group_per_row(std::string variant, int64_t rows, int64_t length);
// Input 0's rows reduced by groups, where shares_rows says so; not for log_sum_exp.
void emit_reduced_rows(Emitter& e, schema::ReduceFunction function, int64_t rows, int64_t length);
// One work item per four columns of each line of each plane, which are the grid's three dimensions: no division of indices.
Call four_columns(const Emitter& e, std::string variant, int64_t columns, int64_t lines, int64_t planes);
// Whether the device has texels, and dimensions for so many planes.
bool takes_four_columns(const Emitter& e, int64_t planes);
// Moves `count` elements.
void emit_bytes_copy(Emitter& e, const Operand& from, const Operand& to, int64_t count, DataType type);
// An activation for kernels that have the constant ACTIVATION and the parameters alpha, beta.
struct Epilogue {
  int32_t function = 0;
  float alpha = 0, beta = 0;
  Epilogue() = default;
  explicit Epilogue(const schema::Activation* a) {
    if (a) function = static_cast<int32_t>(a->function()), alpha = a->alpha(), beta = a->beta();
  }
};
// Functions of one float that kernels have.
bool is_float_function(schema::UnaryFunction function);

// ---- the ops, by file ----

const std::vector<OpEntry>& elementwise_ops();  // elementwise.cpp
const std::vector<OpEntry>& movement_ops();     // movement.cpp
const std::vector<OpEntry>& indexing_ops();     // indexing.cpp
const std::vector<OpEntry>& row_ops();          // rows.cpp
const std::vector<OpEntry>& window_ops();       // windows.cpp
const std::vector<OpEntry>& product_ops();      // matmul.cpp
const std::vector<OpEntry>& conv_ops();         // conv.cpp
const std::vector<OpEntry>& sampling_ops();     // sampling.cpp
const std::vector<OpEntry>& quantized_ops();    // quantized.cpp
const std::vector<OpEntry>& recurrent_ops();    // recurrent.cpp
const std::vector<OpEntry>& data_dependent_ops();  // data_dependent.cpp

}  // namespace motley::gpu
