// What a table knows for one device.
#include "table/lookup.hpp"

#include <algorithm>
#include <cmath>

#include "base/sort.hpp"
#include "table/problem.hpp"
#include "table/winner.hpp"

namespace motley::table {

namespace {

constexpr size_t kNeighbours = 3;
constexpr double kSiblingAgreement = 0.5;

Lookup::Standing standing_of(const DeviceRow& row, const std::string& plugin, const Fingerprint& here,
                             double agreement) {
  const Fingerprint& there = row.fingerprint;
  if (row.plugin != plugin) return {Source::none, "of a plugin that is not used here"};
  if (here.kernels.empty() || there.kernels != here.kernels)
    return {Source::none, "measured with another build of the plugin: dropped", true};
  if (there.hw == here.hw) {
    if (there.driver == here.driver) return {Source::exact, nullptr};
    return {Source::driver, "measured with another driver: used as a prior only"};
  }
  if (agreement >= kSiblingAgreement)
    return {Source::sibling, "measured on a sibling of the device: used as a prior only"};
  return {Source::family, "measured on other hardware: used as a prior only"};
}

class TableLookup final : public Lookup {
 public:
  TableLookup(const Table& table, const std::string& plugin, const Fingerprint& here);
  Answer find(const std::string& problem, Judge& judge) const override;
  Answer find_with(const std::string& problem, const std::string& config) const override;
  uint64_t median_with(const std::string& problem, const std::string& config) const override;

 private:
  // The rows of one problem on one device of the table.
  struct Group {
    const std::string* problem;
    uint32_t device;
    std::vector<const KernelRow*> rows;
  };

  bool take(const std::string& problem, const Group& group, Source source, Judge& judge, Answer& answer) const;
  bool take_best(const std::string& problem, Source source, Judge& judge, Answer& answer) const;
  bool take_nearest(const std::string& problem, Judge& judge, Answer& answer) const;

  const Table& table_;
  std::vector<double> agreement_;  // with the hardware here, per device of the table
  std::vector<Group> groups_;      // by problem; only of devices whose rows count
};

TableLookup::TableLookup(const Table& table, const std::string& plugin, const Fingerprint& here) : table_(table) {
  for (const DeviceRow& row : table.devices) {
    agreement_.push_back(agreement(row.fingerprint.hw, here.hw));
    standings_.push_back(standing_of(row, plugin, here, agreement_.back()));
  }
  std::vector<const KernelRow*> rows;
  for (const KernelRow& row : table.kernels)
    if (standings_[row.device].source != Source::none) rows.push_back(&row);
  const std::vector<uint32_t> order =
      base::sorted_order(rows.size(), [&](uint32_t a, uint32_t b) { return comes_before(*rows[a], *rows[b]); });
  for (uint32_t i : order) {
    const KernelRow* row = rows[i];
    if (groups_.empty() || groups_.back().device != row->device || *groups_.back().problem != row->problem)
      groups_.push_back({&row->problem, row->device, {}});
    groups_.back().rows.push_back(row);
  }
}

bool TableLookup::take(const std::string& problem, const Group& group, Source source, Judge& judge,
                       Answer& answer) const {
  std::vector<const KernelRow*> rows;
  for (const KernelRow* row : group.rows)
    if (row->candidate.empty() && judge.concerns(row->config)) rows.push_back(row);
  if (rows.empty()) return false;
  const Winner winner = winner_of(rows);
  if (winner.config && !judge.accepts(*winner.config)) {
    ++answer.refused;
    return false;
  }
  answer.source = source;
  if (winner.config) answer.config = *winner.config;
  if (source != Source::exact)
    answer.from = source == Source::nearest ? *group.problem : table_.devices[group.device].id;
  if (source <= Source::driver) answer.median_ns = winner.median_ns;
  if (source == Source::nearest)
    answer.median_ns =
        static_cast<uint64_t>(static_cast<double>(winner.median_ns) * scale(problem, *group.problem) + 0.5);
  return true;
}

// Of several devices the one that is most like the one here.
bool TableLookup::take_best(const std::string& problem, Source source, Judge& judge, Answer& answer) const {
  auto group = std::lower_bound(groups_.begin(), groups_.end(), problem,
                                [](const Group& g, const std::string& p) { return *g.problem < p; });
  const Group* best = nullptr;
  for (; group != groups_.end() && *group->problem == problem; ++group)
    if (standings_[group->device].source == source && (!best || agreement_[group->device] > agreement_[best->device]))
      best = &*group;
  return best && take(problem, *best, source, judge, answer);
}

bool TableLookup::take_nearest(const std::string& problem, Judge& judge, Answer& answer) const {
  double after = 0;
  const Group* last = nullptr;  // the one that was refused before
  for (size_t i = 0; i < kNeighbours; ++i) {
    double nearest = HUGE_VAL;
    const Group* next = nullptr;
    for (const Group& group : groups_) {
      if (standings_[group.device].source > Source::driver) continue;
      const double d = distance(problem, *group.problem);
      const bool is_further = d > after || (d == after && last && &group > last);
      if (d <= 0 || !is_further || d >= nearest) continue;
      nearest = d;
      next = &group;
    }
    if (!next) return false;
    if (take(problem, *next, Source::nearest, judge, answer)) return true;
    after = nearest;
    last = next;
  }
  return false;
}

Answer TableLookup::find(const std::string& problem, Judge& judge) const {
  Answer answer;
  (void)(take_best(problem, Source::exact, judge, answer) || take_best(problem, Source::driver, judge, answer) ||
         take_nearest(problem, judge, answer) || take_best(problem, Source::sibling, judge, answer) ||
         take_best(problem, Source::family, judge, answer));
  return answer;
}

Answer TableLookup::find_with(const std::string& problem, const std::string& config) const {
  Answer answer;
  for (const Group& group : groups_) {
    const Source source = standings_[group.device].source;
    if (*group.problem != problem || source > Source::driver || source > answer.source) continue;
    for (const KernelRow* row : group.rows) {
      if (!has_pairs(row->config, config)) continue;
      if (source == answer.source && row->median_ns >= answer.median_ns) continue;
      answer.source = source;
      answer.config = row->config;
      answer.median_ns = row->median_ns;
      answer.error = row->max_rel;
    }
  }
  return answer;
}

uint64_t TableLookup::median_with(const std::string& problem, const std::string& config) const {
  double sum = 0, runs = 0;
  for (const Group& group : groups_) {
    if (*group.problem != problem || standings_[group.device].source != Source::exact) continue;
    for (const KernelRow* row : group.rows) {
      if (row->config != config || row->median_ns == 0) continue;
      const double weight = std::max<double>(1, static_cast<double>(row->runs));
      sum += weight * static_cast<double>(row->median_ns);
      runs += weight;
    }
  }
  return runs > 0 ? static_cast<uint64_t>(sum / runs + 0.5) : 0;
}

}  // namespace

std::unique_ptr<Lookup> make_lookup(const Table& table, const std::string& plugin, const Fingerprint& here) {
  return std::make_unique<TableLookup>(table, plugin, here);
}

}  // namespace motley::table
