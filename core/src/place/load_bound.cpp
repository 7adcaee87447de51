// What no split of a network has less load than.
//
// For a load asked about: nets that an accelerator could not afford to have cut tie their units together; then what has
// to be on accelerators is packed. Units can't be cut, so sizes are seen through dual feasible functions, which round
// them to what a packing can make of them (Lueker 1983; Fekete and Schepers 2001): each says that an accelerator holds
// at most 1, and a host takes first what it is best at.
#include <algorithm>

#include "place/ties.hpp"

namespace motley::place {

namespace {

constexpr uint32_t kMostFolds = 40;
constexpr size_t kMostItems = 5000;

class LoadQuestion {
 public:
  LoadQuestion(const StageProblem& problem, Ns load) : p_(problem), load_(load), items_(tied(problem, load).units) {}

  // True: proved that no split has this load or less.
  bool is_too_little() const {
    const auto time = [](const StageProblem::Unit& item) { return item.accelerator_ns; };
    const auto bytes = [](const StageProblem::Unit& item) { return item.bytes; };
    return !is_packable(time, load_) || (p_.memory_bytes < kUnlimited && !is_packable(bytes, p_.memory_bytes));
  }

 private:
  // False: whatever is on accelerators, one of them holds more than `most`.
  template <class Amount>
  bool is_packable(Amount amount, int64_t most) const {
    if (most <= 0) return true;
    const auto x = [&](const StageProblem::Unit& item) {
      return static_cast<double>(amount(item)) / static_cast<double>(most);
    };
    if (!fits(x)) return false;
    if (items_.size() > kMostItems) return true;
    for (uint32_t fold = 1; fold <= kMostFolds; ++fold)
      if (!fits([&](const StageProblem::Unit& item) { return folded(amount(item), most, fold); })) return false;
    std::vector<int64_t> smalls;
    for (const StageProblem::Unit& item : items_)
      if (item.accelerator_ns < kForbidden && amount(item) <= most / 2) smalls.push_back(amount(item));
    std::sort(smalls.begin(), smalls.end());
    smalls.erase(std::unique(smalls.begin(), smalls.end()), smalls.end());
    // What leaves no room for `small` counts as whole, and what is below it not at all.
    const size_t step = smalls.size() / kMostFolds + 1;
    for (size_t i = 0; i < smalls.size(); i += step) {
      const bool fit = fits([&](const StageProblem::Unit& item) {
        if (amount(item) > most - smalls[i]) return 1.0;
        return amount(item) < smalls[i] ? 0.0 : x(item);
      });
      if (!fit) return false;
    }
    return true;
  }

  // With x = amount / most: x where (fold + 1) x is whole, else (fold + 1) x rounded down, over fold.
  static double folded(int64_t amount, int64_t most, uint32_t fold) {
    __extension__ using Wide = __int128;
    const Wide times = Wide(amount) * (fold + 1);
    if (times % most == 0) return static_cast<double>(amount) / static_cast<double>(most);
    return static_cast<double>(times / most) / fold;
  }

  // Whether hosts with time for the load, and accelerators that hold 1 of `size` each, could take everything if it were
  // divisible. What is tied may be spread over hosts.
  template <class Size>
  bool fits(Size size) const {
    struct Row {
      double size = 0, host = 0, gain = 0;
    };
    std::vector<Row> rows;
    double host_left = static_cast<double>(load_) * p_.hosts, left = 0;
    for (const StageProblem::Unit& item : items_) {
      if (item.accelerator_ns >= kForbidden) host_left -= static_cast<double>(item.host_ns);
      else if (const double s = size(item); s > 0)
        rows.push_back({s, static_cast<double>(item.host_ns), s / std::max(1.0, static_cast<double>(item.host_ns))});
    }
    constexpr double kSlack = 1e-9;  // of rounding
    if (host_left < -kSlack * static_cast<double>(load_) * (1 + p_.hosts)) return false;
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.gain > b.gain; });
    for (const Row& row : rows) {
      const double part = row.host <= host_left ? 1 : std::max(0.0, host_left) / row.host;
      host_left -= part * row.host;
      left += (1 - part) * row.size;
    }
    return left <= p_.accelerators * (1 + kSlack) + kSlack;
  }

  const StageProblem& p_;
  const Ns load_;
  const std::vector<StageProblem::Unit> items_;
};

}  // namespace

Ns load_bound(const StageProblem& problem) {
  Ns low = 0, high = 1;
  for (const StageProblem::Unit& unit : problem.units) {
    const Ns least = problem.hosts == 0          ? unit.accelerator_ns
                     : problem.accelerators == 0 ? unit.host_ns
                                                 : std::min(unit.host_ns, unit.accelerator_ns);
    low = std::max(low, least);
    high = add(high, unit.host_ns);
    if (unit.accelerator_ns < kForbidden) high = add(high, unit.accelerator_ns);
  }
  if (low >= kForbidden) return low;
  while (low < high) {  // nothing below `low` is enough; `high` is not known to be too little
    const Ns middle = low + (high - low) / 2;
    if (middle > 0 && LoadQuestion(problem, middle).is_too_little()) low = middle + 1;
    else high = middle;
  }
  return low;
}

}  // namespace motley::place
