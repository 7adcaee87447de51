// What a search has seen so far.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace motley::tuner {

// One candidate's result. The cost is anything that is proportional to time: nanoseconds, or the ratio to the anchor.
struct Observed {
  size_t candidate = 0;
  double cost = 0;  // above zero; 0: it failed (did not compile, wrong, crashed)
};

class History {
 public:
  // A second observation of a candidate takes the first one's place.
  void add(size_t candidate, double cost);

  size_t size() const { return observed_.size(); }
  const std::vector<Observed>& observed() const { return observed_; }
  bool seen(size_t candidate) const { return candidate < index_.size() && index_[candidate] != 0; }
  // The best that works.
  std::optional<Observed> best() const;
  // The best few that work, best first.
  std::vector<Observed> top(size_t count) const;

 private:
  std::vector<Observed> observed_;
  std::vector<uint32_t> index_;  // by candidate: place in observed_ plus one
};

}  // namespace motley::tuner
