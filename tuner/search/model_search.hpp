// What the tuner uses: seeds, everything where that is little, else a model's proposals in turn with local search.
#pragma once

#include <memory>
#include <random>
#include <set>

#include "search/hint.hpp"
#include "search/strategy.hpp"

namespace motley::tuner {

class ModelSearch : public Strategy {
 public:
  ModelSearch(Candidates& candidates, const SearchOptions& options);

  std::optional<size_t> propose() override;
  void observe(size_t candidate, double cost) override;

 private:
  // What a proposal is after. They take turns.
  enum class Aim { improve, refine, explore };

  std::optional<size_t> next_seed();
  std::optional<size_t> spread_out();
  std::optional<size_t> any_unseen();
  std::optional<size_t> ask_model();
  Aim next_aim() const;

  void refit();
  std::vector<Sample> samples();
  Point point(size_t candidate) { return {candidates_[candidate], hints_.of(candidate)}; }
  std::vector<size_t> shortlist();
  double target_of(double cost) const;
  double distance(size_t a, size_t b) const;
  std::optional<size_t> best_position(Aim aim, const std::set<size_t>& only) const;

  Candidates& candidates_;
  SearchOptions options_;
  std::mt19937_64 random_;
  History history_;
  size_t next_seed_ = 0;
  Hints hints_;
  Model model_;
  std::unique_ptr<Posterior> posterior_;
  std::vector<size_t> listed_;  // the candidates that posterior_ predicts
  double best_at_fit_ = 0, failed_target_ = 0, incumbent_ = 0;
  size_t since_fit_ = 0;
};

}  // namespace motley::tuner
