// How a list of launches is cut into slices of a bounded time, between which a device may do something else.
//
//   launches ── cut by estimates ──► slices of pieces ── run, timed ──► better estimates ──► the next cut
//
// A piece is a box of a launch's work groups. Short launches share a slice; a long one becomes several pieces, a slice each. What a
// slice took corrects the estimates of what was in it; the cut follows when it is no longer good.
#pragma once

#include <memory>
#include <mutex>

#include "backend.hpp"

namespace motley::gpu {

// Groups [first, first + groups) of a launch.
struct Piece {
  uint32_t launch = 0;
  std::array<uint32_t, 3> first{}, groups{};
};

// Immutable.
struct Cut {
  struct Slice {
    uint32_t begin, end;  // in `pieces`
    double estimated_ns;
  };
  std::vector<Piece> pieces;  // in the order of launches; together every group once
  std::vector<Slice> slices;
  std::vector<double> launch_ns;  // what was taken for each whole launch
};

// The cut of one work, and what was learned about its launches. [any]
class Pacer {
 public:
  // Shorter slices would cost more than their work.
  static constexpr uint64_t kLeastSliceNs = 20'000;

  Pacer(std::span<const Launch> launches, const Pacing& pacing);
  const Pacing& pacing() const { return pacing_; }
  bool limited() const { return pacing_.slice_ns != 0; }
  // The cut for the next submission: as before, or a new one where measured times ask for it.
  std::shared_ptr<const Cut> cut();
  // Whether the next submission should be timed, where that costs something: the first with a cut, and some later ones.
  bool wants_times();
  // What a slice of `cut` took on the device; 0 says nothing.
  void took(const Cut& cut, size_t slice, uint64_t ns);

 private:
  std::shared_ptr<const Cut> make() const;
  bool too_long() const;

  struct Known {
    std::array<uint32_t, 3> groups;
    double ns;          // of the whole launch
    bool measured = false;
  };
  const Pacing pacing_;
  std::mutex mutex_;
  std::vector<Known> launches_;
  std::shared_ptr<const Cut> cut_;
  bool learned_ = false;  // since the last look at the cut
  uint32_t untimed_ = 0;  // submissions until the next that is timed
};

}  // namespace motley::gpu
