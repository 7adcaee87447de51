// Seeds, everything where that is little, else a model's proposals in turn with local search.
#include "search/model_search.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace motley::tuner {

namespace {

constexpr size_t kExhaustive = 64;    // so few candidates are all tried
constexpr size_t kSpread = 8;         // first candidates, far from each other
constexpr size_t kSpreadKnown = 1;    // of a search that has hints
constexpr size_t kSpreadDraws = 10;   // of which each is the farthest
constexpr size_t kMostSamples = 200;  // the model learns from: two thirds of them the best, the rest at random
constexpr size_t kShortlist = 2000;                       // candidates that the model looks at closely
constexpr size_t kScreened = 6000;                        // candidates that it glances at to choose them
constexpr size_t kPeaks = 4;                              // best candidates whose neighbours are always on the list
constexpr double kCaution = 4;                            // deviations that exploring counts in a candidate's favour

// Measurements between two fits: at first each one changes the picture.
size_t patience(size_t measured) { return measured < 50 ? 5 : measured < 100 ? 8 : 16; }
int rounds_of_fit(size_t measured) { return measured < 30 ? 3 : measured < 100 ? 2 : 1; }

double normal_below(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

// Logarithm of the expected improvement over `incumbent` of a normal prediction (Jones, Schonlau and Welch, 1998). Far
// below it, by the tail's expansion, since the difference itself rounds to zero.
double log_expected_improvement(double incumbent, double mean, double deviation) {
  const double z = (incumbent - mean) / deviation;
  constexpr double kRootTwoPi = 2.5066282746310002;
  if (z > -5) return std::log(deviation * (z * normal_below(z) + std::exp(-z * z / 2) / kRootTwoPi));
  return std::log(deviation) - z * z / 2 - 2 * std::log(-z) - std::log(kRootTwoPi);
}

}  // namespace

ModelSearch::ModelSearch(Candidates& candidates, const SearchOptions& options)
    : candidates_(candidates),
      options_(options),
      random_(options.seed),
      hints_(candidates, options_.siblings, options.seed),
      model_(hints_.kernel(), hints_.size()) {}

void ModelSearch::observe(size_t candidate, double cost) {
  history_.add(candidate, cost);
  ++since_fit_;
  if (!posterior_) return;
  const double target = cost > 0 ? target_of(cost) : failed_target_;
  incumbent_ = std::min(incumbent_, cost > 0 ? target : incumbent_);
  if (target < 0) since_fit_ += 3;  // a new best moves all targets
  const auto at = std::find(listed_.begin(), listed_.end(), candidate);
  if (at == listed_.end()) since_fit_ = SIZE_MAX / 2;
  else posterior_->condition(static_cast<size_t>(at - listed_.begin()), target);
}

// 0 for the best, towards 1 for the slow: how much slower a slow one is does not matter.
double ModelSearch::target_of(double cost) const { return 1 - best_at_fit_ / cost; }

std::optional<size_t> ModelSearch::propose() {
  if (history_.size() >= candidates_.size() && candidates_.complete()) return std::nullopt;
  if (const auto seed = next_seed()) return seed;
  if (candidates_.complete() && candidates_.size() <= kExhaustive) return any_unseen();
  if (history_.size() < (hints_.size() ? kSpreadKnown : kSpread) || !history_.best()) return spread_out();
  if (!posterior_ || since_fit_ >= patience(history_.size())) refit();
  if (const auto proposal = ask_model()) return proposal;
  since_fit_ = SIZE_MAX / 2;
  return any_unseen();
}

std::optional<size_t> ModelSearch::next_seed() {
  while (next_seed_ < options_.seeds.size() && history_.seen(options_.seeds[next_seed_])) ++next_seed_;
  return next_seed_ < options_.seeds.size() ? std::optional(options_.seeds[next_seed_]) : std::nullopt;
}

std::optional<size_t> ModelSearch::any_unseen() {
  const size_t first = random_() % candidates_.size();
  for (size_t i = 0; i < candidates_.size(); ++i)
    if (const size_t id = (first + i) % candidates_.size(); !history_.seen(id)) return id;
  return std::nullopt;
}

// Sum over the parameters of how unlike their values are.
double ModelSearch::distance(size_t a, size_t b) const {
  double sum = 0;
  for (size_t p = 0; p < candidates_.width(); ++p)
    sum += 1 - static_cast<double>(model_.kernel().factor(p, candidates_[a][p], candidates_[b][p]));
  return sum;
}

std::optional<size_t> ModelSearch::spread_out() {
  std::optional<size_t> farthest;
  double most = -1;
  for (size_t draw = 0; draw < (history_.size() == 0 ? 1 : kSpreadDraws); ++draw) {
    const size_t id = random_() % candidates_.size();
    if (history_.seen(id)) continue;
    double nearest = std::numeric_limits<double>::max();
    for (const Observed& o : history_.observed()) nearest = std::min(nearest, distance(id, o.candidate));
    if (nearest > most) most = nearest, farthest = id;
  }
  return farthest ? farthest : any_unseen();
}

// A third of the proposals explores; the others take turns between the model's favourite and the best one's neighbours.
ModelSearch::Aim ModelSearch::next_aim() const {
  if (history_.size() % 3 == 2) return Aim::explore;
  return history_.size() % 2 == 0 ? Aim::refine : Aim::improve;
}

std::optional<size_t> ModelSearch::ask_model() {
  const Aim aim = next_aim();
  std::set<size_t> around;
  if (aim == Aim::refine)
    for (const size_t id : candidates_.neighbours(history_.best()->candidate))
      if (!history_.seen(id)) around.insert(id);
  if (aim == Aim::refine && !around.empty()) {
    if (const auto best = best_position(aim, around)) return listed_[*best];
    return *std::next(around.begin(), static_cast<std::ptrdiff_t>(random_() % around.size()));  // off the list
  }
  const auto best = best_position(aim, {});
  return best ? std::optional(listed_[*best]) : std::nullopt;
}

// The place in the list of the most promising candidate; of `only` where that isn't empty.
std::optional<size_t> ModelSearch::best_position(Aim aim, const std::set<size_t>& only) const {
  std::optional<size_t> best;
  double highest = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < listed_.size(); ++i) {
    if (history_.seen(listed_[i]) || (!only.empty() && !only.contains(listed_[i]))) continue;
    const double mean = posterior_->mean(i), deviation = posterior_->deviation(i);
    const double score =
        aim == Aim::explore ? kCaution * deviation - mean : log_expected_improvement(incumbent_, mean, deviation);
    if (score > highest) highest = score, best = i;
  }
  return best;
}

void ModelSearch::refit() {
  best_at_fit_ = history_.best()->cost;
  incumbent_ = 0;
  model_.fit(samples(), rounds_of_fit(history_.size()));
  listed_ = shortlist();
  std::vector<Point> points;
  for (const size_t id : listed_) points.push_back(point(id));
  posterior_ = std::make_unique<Posterior>(model_, std::move(points));
  since_fit_ = 0;
}

std::vector<Sample> ModelSearch::samples() {
  std::vector<Observed> chosen = history_.observed();
  if (chosen.size() > kMostSamples) {
    std::stable_sort(chosen.begin(), chosen.end(), [](const Observed& a, const Observed& b) {
      return (a.cost > 0 ? 1 / a.cost : 0) > (b.cost > 0 ? 1 / b.cost : 0);
    });
    std::shuffle(chosen.begin() + kMostSamples * 2 / 3, chosen.end(), random_);
    chosen.resize(kMostSamples);
  }
  // A config that failed tells where not to look: as if it were slower than most.
  std::vector<double> targets;
  for (const Observed& o : chosen)
    if (o.cost > 0) targets.push_back(target_of(o.cost));
  const auto high = targets.begin() + static_cast<std::ptrdiff_t>(targets.size() * 3 / 4);
  std::nth_element(targets.begin(), high, targets.end());
  failed_target_ = *high;
  std::vector<Sample> result;
  for (const Observed& o : chosen)
    result.push_back({point(o.candidate), o.cost > 0 ? target_of(o.cost) : failed_target_});
  return result;
}

// Neighbours of the best, what the model expects most of, and a random part, so that nothing is out of reach.
std::vector<size_t> ModelSearch::shortlist() {
  std::set<size_t> chosen;
  for (const Observed& o : history_.top(kPeaks))
    for (const size_t id : candidates_.neighbours(o.candidate))
      if (!history_.seen(id)) chosen.insert(id);
  std::vector<std::pair<double, size_t>> screened;
  const bool all = candidates_.size() <= kScreened;
  for (size_t i = 0; i < std::min(kScreened, candidates_.size()); ++i) {
    const size_t id = all ? i : random_() % candidates_.size();
    if (!history_.seen(id)) screened.emplace_back(model_.mean(point(id)), id);
  }
  std::sort(screened.begin(), screened.end());
  for (size_t i = 0; i < screened.size() && chosen.size() < kShortlist / 2; ++i) chosen.insert(screened[i].second);
  for (size_t draw = 0; draw < 5 * kShortlist && chosen.size() < kShortlist; ++draw) {
    const size_t id = random_() % candidates_.size();
    if (!history_.seen(id)) chosen.insert(id);
  }
  return {chosen.begin(), chosen.end()};
}

}  // namespace motley::tuner
