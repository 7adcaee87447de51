// The backward pass.
#include "place/potential.hpp"

#include <algorithm>

namespace motley::place {

Potential::Potential(const View& view) : view_(view), places_(view.ranked_place.size()) {
  messages_.assign(view.inputs.items.size() * places_, 0);
  rest_.assign(view.order.size() + 1, 0);
  exact_.assign(view.order.size() + 1, UINT32_MAX);
  exact_of_.assign(view.order.size() + 1, 0);
}

void Potential::set_exact(uint32_t step, uint32_t tensor, const std::vector<Ns>& by_place) {
  const Ns least = *std::min_element(by_place.begin(), by_place.end());
  exact_[step] = static_cast<uint32_t>(exact_values_.size());
  exact_of_[step] = tensor;
  for (Ns value : by_place) exact_values_.push_back(value < kForbidden ? value - least : kForbidden);
  rest_[step] = least;
}

Ns Potential::of_made(uint32_t tensor, uint32_t made_at, int64_t after) const {
  const size_t step = static_cast<size_t>(after + 1);
  if (exact_[step] != UINT32_MAX && exact_of_[step] == tensor) return exact_values_[exact_[step] + made_at];
  return of_tensor(tensor, first_mask(tensor, made_at), after);
}

uint64_t Potential::first_mask(uint32_t tensor, uint32_t made_at) const {
  const int32_t wanted = view_.problem->tensors[tensor].wanted;
  return uint64_t{1} << made_at |
         (wanted == kNowhere ? 0 : uint64_t{1} << view_.place_rank[static_cast<size_t>(wanted)]);
}

Ns Potential::wanted_cost(uint32_t tensor, uint32_t made_at) const {
  const int32_t wanted = view_.problem->tensors[tensor].wanted;
  return wanted == kNowhere ? 0 : view_.move(made_at, view_.place_rank[static_cast<size_t>(wanted)], tensor);
}

Ns Potential::of_tensor(uint32_t tensor, uint64_t mask, int64_t after) const {
  Ns sum = 0;
  const uint32_t *begin = view_.readers.first(tensor), *end = view_.readers.last(tensor);
  for (const uint32_t* s = end; s != begin && s[-1] > after; --s) {
    const uint32_t step = s[-1];
    const uint32_t* inputs = view_.inputs.first(step);
    const uint32_t input = static_cast<uint32_t>(std::find(inputs, view_.inputs.last(step), tensor) - inputs);
    Ns least = kForbidden;
    for (uint64_t bits = mask; bits; bits &= bits - 1)
      least = std::min(least, message(step, input, static_cast<uint32_t>(__builtin_ctzll(bits))));
    sum = add(sum, least);
  }
  return sum;
}

void Potential::visit(uint32_t step) {
  const Problem& problem = *view_.problem;
  const Node& node = problem.nodes[view_.order[step]];
  const uint32_t inputs = static_cast<uint32_t>(view_.inputs.size(step));
  const uint32_t* tensors = view_.inputs.first(step);
  Ns* const messages = messages_.data() + view_.inputs.begin[step] * places_;
  std::fill(messages, messages + inputs * places_, kForbidden);
  Ns least = kForbidden;
  for (const uint32_t* o = view_.covering.first(step); o != view_.covering.last(step); ++o) {
    const Option& option = view_.options[*o];
    Ns base = view_.share(option, step);
    for (uint32_t t : node.outputs) {
      base = add(base, wanted_cost(t, option.output_place));
      base = add(base, of_made(t, option.output_place, step));
    }
    least = std::min(least, base);
    if (inputs == 0 || base >= kForbidden) continue;
    const Ns part = base / inputs;
    for (uint32_t i = 0; i < inputs; ++i) {
      const Ns own = i == 0 ? base - part * (inputs - 1) : part;
      const bool inside = view_.covers(option, view_.producer[tensors[i]]);
      const Ns readers = static_cast<Ns>(view_.readers.size(tensors[i]));
      for (uint32_t p = 0; p < places_; ++p) {
        const Ns move = inside ? 0 : view_.move(p, option.input_place, tensors[i]);
        if (move >= kForbidden) continue;  // a way that does not exist is not shared between readers
        Ns& message = messages[i * places_ + p];
        message = std::min(message, add(own, move / readers));
      }
    }
  }
  rest_[step] = add(rest_[step + 1], inputs == 0 ? least : 0);
  for (uint32_t i = 0; i < inputs; ++i) {
    const Tensor& tensor = problem.tensors[tensors[i]];
    if (tensor.home == kNowhere || view_.readers.first(tensors[i])[0] != step) continue;
    const uint32_t home = view_.place_rank[static_cast<size_t>(tensor.home)];
    rest_[step] = add(rest_[step], of_tensor(tensors[i], first_mask(tensors[i], home), int64_t{step} - 1));
  }
}

}  // namespace motley::place
