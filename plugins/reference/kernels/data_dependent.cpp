// NonZero and NonMaxSuppression: how much they give depends on data, and shapes cross the ABI as numbers.
#include "kernels.hpp"

namespace motley::reference {

namespace {
void refuse(const NodeView&) { require(false, "output size depends on data"); }
std::unique_ptr<Kernel> no_kernel(const NodeView&, const PrepareContext&) { return nullptr; }
}  // namespace

KernelEntry nonzero_kernel() { return entry<refuse>(Op::NonZero, no_kernel); }
KernelEntry non_max_suppression_kernel() { return entry<refuse>(Op::NonMaxSuppression, no_kernel); }

}  // namespace motley::reference
