// The strategies that need no model.
#pragma once

#include <deque>
#include <random>

#include "search/strategy.hpp"

namespace motley::tuner {

// All candidates in their order.
class Exhaustive : public Strategy {
 public:
  explicit Exhaustive(const Candidates& candidates) : candidates_(candidates) {}
  std::optional<size_t> propose() override;
  void observe(size_t candidate, double cost) override { history_.add(candidate, cost); }

 private:
  const Candidates& candidates_;
  History history_;
  size_t next_ = 0;
};

// Candidates drawn evenly, none twice.
class Random : public Strategy {
 public:
  Random(const Candidates& candidates, uint64_t seed) : candidates_(candidates), random_(seed) {}
  std::optional<size_t> propose() override;
  void observe(size_t candidate, double cost) override { history_.add(candidate, cost); }
  const History& history() const { return history_; }

 private:
  const Candidates& candidates_;
  std::mt19937_64 random_;
  History history_;
};

// From a random start to better neighbours until there is none, then from another start.
class LocalSearch : public Strategy {
 public:
  LocalSearch(Candidates& candidates, uint64_t seed)
      : candidates_(candidates), starts_(candidates, seed), random_(seed) {}
  std::optional<size_t> propose() override;
  void observe(size_t candidate, double cost) override;

 private:
  void stand_on(size_t candidate, double cost);

  Candidates& candidates_;
  Random starts_;
  std::mt19937_64 random_;
  std::deque<size_t> untried_;  // neighbours of where it stands
  double cost_here_ = 0;        // 0: nowhere yet
};

}  // namespace motley::tuner
