// A lower bound on what is still to be paid, as a sum over the live tensors of where each is. Exact on trees whose
// tensors are read once; everywhere else costs are split between the tensors that a node reads, and each tensor takes
// the best for itself (a one-pass dual bound of the kind used for Markov random fields).
#pragma once

#include <vector>

#include "place/view.hpp"

namespace motley::place {

class Potential {
 public:
  // Knows nothing yet: visit() every step, last to first, or call refine().
  explicit Potential(const View& view);
  void visit(uint32_t step);

  // What is still to be paid from `step` on where nothing but `tensor` is alive, by the place rank where it was made
  // (the step before makes it): a better bound than the sum of messages. To be set between visiting `step` and the one
  // before.
  void set_exact(uint32_t step, uint32_t tensor, const std::vector<Ns>& by_place);
  bool is_exact(uint32_t step) const { return exact_[step] != UINT32_MAX; }
  // Of a live tensor at the beginning of `after` + 1, which set_exact() may have been told about.
  Ns of_made(uint32_t tensor, uint32_t made_at, int64_t after) const;

  // What reading input number `input` of `step` still costs at least, for a tensor that was made at that place rank.
  Ns message(uint32_t step, uint32_t input, uint32_t place) const {
    return messages_[(view_.inputs.begin[step] + input) * places_ + place];
  }
  // The sum over readers at steps after `after` of a tensor that is at the places of `mask` (bits of ranks).
  Ns of_tensor(uint32_t tensor, uint64_t mask, int64_t after) const;
  // What the steps from `step` on cost at least, live tensors apart.
  Ns rest(uint32_t step) const { return rest_[step]; }

  // A network input starts with this mask, and this much is paid for it at once.
  uint64_t first_mask(uint32_t tensor, uint32_t made_at) const;
  Ns wanted_cost(uint32_t tensor, uint32_t made_at) const;

 private:
  const View& view_;
  size_t places_;
  std::vector<Ns> messages_;  // per step and input: one for each place
  std::vector<Ns> rest_;
  std::vector<uint32_t> exact_;     // per step: where its values begin in exact_values_, or UINT32_MAX
  std::vector<uint32_t> exact_of_;  // per step: the tensor
  std::vector<Ns> exact_values_;
};

}  // namespace motley::place
