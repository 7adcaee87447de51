// What kernels check before they take a node: a list of requirements, the first that fails is the reason.
#pragma once

#include <string>
#include <vector>

#include "motley/sdk/kernel.hpp"

namespace motley::cpu {

using schema::DataType;
using schema::Op;
using sdk::Config;
using sdk::Kernel;
using sdk::KernelEntry;
using sdk::make_kernel;
using sdk::NodeView;
using sdk::Parameter;
using sdk::PrepareContext;
using sdk::Reason;
using sdk::RunContext;
using sdk::Shape;
using sdk::StatusError;
using sdk::TensorView;
using sdk::Threads;

// Throws StatusError(MOTLEY_UNSUPPORTED, reason) unless the condition holds.
inline void require(bool condition, const char* reason) {
  if (!condition) throw StatusError(MOTLEY_UNSUPPORTED, reason);
}
inline void require(bool condition, const std::string& reason) { require(condition, reason.c_str()); }

// Inputs 0 to `required` - 1 are there, none past `all` - 1; output 0 is the only one. All tensors are row-major and of
// a size that arithmetic on int64_t can't overflow.
void check_arity(const NodeView& node, size_t required, size_t all);
// Type of input i or output 0 is as given: "input 0 of type int8 not supported".
void check_type(const TensorView& tensor, DataType type, const char* what);
// Every tensor of the node is float32.
void check_all_float(const NodeView& node);
void check_shape(const TensorView& tensor, const Shape& shape, const char* what);
// [0, rank) from [-rank, rank).
int64_t checked_axis(int64_t axis, int rank);
// The values of an int32 or int64 constant.
std::vector<int64_t> constant_integers(const TensorView& tensor, const char* what);
// Numpy's broadcasting; throws where the shapes don't fit.
Shape broadcast_shape(const Shape& a, const Shape& b);

std::string describe(DataType type);
std::string describe(const Shape& shape);

using Check = void (*)(const NodeView& node);

template <Check check>
Reason supports(const NodeView& node) {
  try {
    check(node);
    return {};
  } catch (const std::exception& e) {
    return e.what();
  }
}
template <Check check>
constexpr KernelEntry entry(Op op, std::unique_ptr<Kernel> (*prepare)(const NodeView&, const PrepareContext&)) {
  return {op, supports<check>, prepare};
}

// Splits [0, count) into pieces of at least `grain` and calls fn(begin, end, worker) for each, on all threads.
template <class Fn>
void parallel_ranges(const Threads& threads, int64_t count, int64_t grain, Fn&& fn) {
  if (count <= 0) return;
  const int64_t most = static_cast<int64_t>(threads.count()) * 4;
  const int64_t pieces = std::max<int64_t>(1, std::min(most, count / std::max<int64_t>(1, grain)));
  if (pieces == 1) return fn(int64_t{0}, count, 0u);
  threads.parallel_for(static_cast<uint64_t>(pieces), [&](uint64_t piece, uint32_t worker) {
    // count * piece could overflow only beyond 2^56 elements, which check_arity refuses.
    const auto p = static_cast<int64_t>(piece);
    fn(count / pieces * p + std::min(p, count % pieces), count / pieces * (p + 1) + std::min(p + 1, count % pieces),
       worker);
  });
}

// Elements of cheap work that are worth a task.
inline constexpr int64_t kGrain = 16384;

}  // namespace motley::cpu
