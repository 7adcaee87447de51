// Checks that kernels share: each reads as a list of requirements, and the first that fails is the reason.
#pragma once

#include <string>
#include <vector>

#include "types.hpp"

namespace motley::reference {

using sdk::Kernel;
using sdk::KernelEntry;
using sdk::make_kernel;
using sdk::NodeView;
using sdk::numbers;
using sdk::PrepareContext;
using sdk::Reason;
using sdk::RunContext;
using sdk::Shape;
using sdk::TensorView;

// Throws StatusError(MOTLEY_UNSUPPORTED, reason) unless the condition holds.
inline void require(bool condition, const char* reason) {
  if (!condition) throw StatusError(MOTLEY_UNSUPPORTED, reason);
}
inline void require(bool condition, const std::string& reason) { require(condition, reason.c_str()); }

// Between `required` and `all` inputs, the required ones present; the same for outputs.
struct Arity {
  size_t required_inputs, all_inputs, required_outputs = 1, all_outputs = 1;
};
void check_arity(const NodeView& node, const Arity& arity);

// Known type, row-major, and of a size in bytes that arithmetic on int64_t can't overflow.
void check_tensors(const NodeView& node);

using TypePredicate = bool (*)(DataType);
// `what` names the tensor in the reason, e.g. "input 0".
void check_type(const TensorView& tensor, TypePredicate allowed, const char* what);
void check_same_type(const TensorView& a, const TensorView& b);
void check_shape(const TensorView& tensor, const Shape& shape, const char* what);

// [0, rank) from [-rank, rank); throws otherwise.
int64_t checked_axis(int64_t axis, int rank);

// The values of an int32 or int64 constant; throws where it is not constant.
std::vector<int64_t> constant_integers(const TensorView& tensor, const char* what);
// The values of a constant of any floating-point type.
std::vector<double> constant_reals(const TensorView& tensor, const char* what);

inline std::vector<int64_t> list_of(const flatbuffers::Vector<int64_t>* v) {
  const auto span = numbers(v);
  return {span.begin(), span.end()};
}

std::string describe(DataType type);
std::string describe(const Shape& shape);

using Check = void (*)(const NodeView& node);

template <Check check>
Reason supports(const NodeView& node) {
  try {
    check_tensors(node);
    check(node);
    return {};
  } catch (const std::exception& e) {
    return e.what();
  }
}

// Where MOTLEY_REFERENCE_CHECKS is defined, kernels are left out of the binary: only what they support can be asked.
template <Check check>
constexpr KernelEntry entry(Op op, [[maybe_unused]] std::unique_ptr<Kernel> (*prepare)(const NodeView&,
                                                                                       const PrepareContext&)) {
#ifdef MOTLEY_REFERENCE_CHECKS
  prepare = nullptr;
#endif
  return {op, supports<check>, prepare};
}

}  // namespace motley::reference
