// The reference plugin's own checks of an op's form: a GPU takes what the reference takes, apart from types.
#pragma once

#include "kernels/kernels.hpp"
#include "ops.hpp"

namespace motley::gpu {

// What supports() of most ops is: the reference's check, the device's limits, then the op's own types.
template <sdk::KernelEntry (*reference_entry)(), void (*check)(const NodeView&, const Capabilities&)>
sdk::Reason supports(const NodeView& node, const Capabilities& device) {
  const sdk::Reason reason = reference_entry().supports(node);
  if (!reason.empty()) return reason;
  try {
    check_tensors(node, device);
    check(node, device);
    return {};
  } catch (const std::exception& e) {
    return e.what();
  }
}
template <sdk::KernelEntry (*reference_entry)(), void (*check)(const NodeView&, const Capabilities&)>
OpEntry op(void (*emit)(Emitter&)) {
  return {reference_entry().op, supports<reference_entry, check>, emit};
}

}  // namespace motley::gpu
