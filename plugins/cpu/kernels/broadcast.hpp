// Walking several broadcast inputs and one output at once, as rows of the longest runs that all of them allow.
#pragma once

#include <array>

#include "support.hpp"

namespace motley::cpu {

// For an output shape and N inputs that broadcast to it: outer dimensions to count through, and an inner row in which
// each input either advances by one element or stays.
template <size_t N>
class BroadcastPlan {
 public:
  BroadcastPlan() = default;
  BroadcastPlan(const Shape& output, const std::array<Shape, N>& inputs) {
    elements_ = output.elements();
    std::array<Shape, N> strides;
    for (size_t i = 0; i < N; ++i) strides[i] = strides_of(inputs[i], output);
    // From the inside out, a dimension joins the one inside it where every input's strides continue.
    for (size_t axis = output.size(); axis-- > 0;) {
      if (output[axis] == 1) continue;
      Dim dim{output[axis], {}};
      for (size_t i = 0; i < N; ++i) dim.strides[i] = strides[i][axis];
      if (rank_ > 0 && joins(dim, dims_[rank_ - 1])) dims_[rank_ - 1].extent *= dim.extent;
      else dims_[rank_++] = dim;
    }
    if (rank_ == 0) dims_[rank_++] = Dim{1, {}};
  }

  int64_t elements() const { return elements_; }
  int64_t row() const { return dims_[0].extent; }
  // Whether an input advances within a row; then it does so by one element.
  bool advances(size_t input) const { return dims_[0].strides[input] != 0; }

  // Calls fn(output offset, input offsets, n, worker) for runs of at most `most` elements within rows, in parallel.
  template <class Fn>
  void run(const Threads& threads, int64_t most, Fn&& fn) const {
    parallel_ranges(threads, elements_, kGrain, [&](int64_t begin, int64_t end, uint32_t worker) {
      for (int64_t at = begin; at < end;) {
        const int64_t position = at % row(), n = std::min({row() - position, end - at, most});
        fn(at, offsets(at / row(), position), n, worker);
        at += n;
      }
    });
  }

 private:
  struct Dim {
    int64_t extent = 1;
    std::array<int64_t, N> strides{};
  };

  static Shape strides_of(const Shape& shape, const Shape& output) {
    Shape strides;
    for (size_t i = 0; i < output.size(); ++i) strides.push_back(0);
    int64_t stride = 1;
    const size_t lead = output.size() - shape.size();
    for (size_t i = shape.size(); i-- > 0;) {
      if (shape[i] != 1) strides[lead + i] = stride;
      stride *= shape[i];
    }
    return strides;
  }
  static bool joins(const Dim& outer, const Dim& inner) {
    for (size_t i = 0; i < N; ++i)
      if (outer.strides[i] != inner.strides[i] * inner.extent) return false;
    return true;
  }
  std::array<int64_t, N> offsets(int64_t outer, int64_t position) const {
    std::array<int64_t, N> at{};
    for (size_t i = 0; i < N; ++i) at[i] = position * dims_[0].strides[i];
    for (size_t d = 1; d < rank_; ++d) {
      const int64_t index = outer % dims_[d].extent;
      outer /= dims_[d].extent;
      for (size_t i = 0; i < N; ++i) at[i] += index * dims_[d].strides[i];
    }
    return at;
  }

  int64_t elements_ = 0;
  std::array<Dim, sdk::kMaxRank> dims_{};  // innermost first
  size_t rank_ = 0;
};

}  // namespace motley::cpu
