// Edges: what moving bytes between memories costs.
#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "campaign/desk.hpp"
#include "measure/statistics.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

constexpr uint64_t kSizes[] = {4 << 10, 64 << 10, 512 << 10, 4 << 20};
constexpr size_t kRounds = 7;
constexpr std::chrono::seconds kPatience{30};

uint64_t whole(double value) { return static_cast<uint64_t>(std::llround(std::max(value, 0.0))); }

class TransferPhase {
 public:
  explicit TransferPhase(Desk& desk) : desk_(desk) {}

  void run() {
    desk_.status.phase = "transfers";
    json names = json::array();
    for (const TunedDevice& d : desk_.devices) names.push_back(d.device->name());
    // All devices in one process: edges are between two of them.
    Worker worker(desk_.options.worker);
    const json edges = desk_.ask(worker, {{"do", "edges"}, {"devices", names}}, kPatience)["edges"];
    size_t done = 0;
    for (const json& edge : edges) {
      if (desk_.stopped() || desk_.budget.over()) return;
      desk_.status.what = base::text("% to % by %", {edge["from"].get<std::string>(), edge["to"].get<std::string>(),
                                                     edge["kind"].get<std::string>()});
      desk_.status.device = "";
      desk_.status.done = done++;
      desk_.status.total = edges.size();
      desk_.show();
      try {
        measure(worker, edge);
      } catch (const Error& error) {
        if (error.code() == ErrorCode::io) throw;
        desk_.say(base::text("transfer % left out: %", {desk_.status.what, error.what()}));
      }
    }
  }

 private:
  std::string id(const std::string& name) const {
    for (const TunedDevice& d : desk_.devices)
      if (d.device->name() == name) return d.id();
    return "host";
  }

  void measure(Worker& worker, const json& edge) {
    const std::string from = edge["from"], to = edge["to"], kind = edge["kind"];
    std::vector<std::vector<double>> times(std::size(kSizes));
    // Round by round, so that what else the machine does meets all sizes alike.
    for (size_t round = 0; round < kRounds && kind != "share"; ++round)
      for (size_t s = 0; s < std::size(kSizes); ++s)
        times[s].push_back(desk_.ask(worker,
                                     {{"do", "move"}, {"from", from}, {"to", to}, {"kind", kind}, {"bytes", kSizes[s]}},
                                     kPatience)["ns"]);
    std::vector<Point> points;
    for (size_t s = 0; s < std::size(kSizes) && kind != "share"; ++s)
      points.push_back({static_cast<double>(kSizes[s]), median(times[s])});
    const Line line = fit(points);
    // Who reads what a device made has to wait for it.
    std::vector<double> fences;
    for (size_t round = 0; round < kRounds && from != "host"; ++round)
      fences.push_back(desk_.ask(worker, {{"do", "fence"}, {"device", from}}, kPatience)["ns"]);
    desk_.ledger.add_transfer({{"from", id(from)},
                               {"to", id(to)},
                               {"kind", kind},
                               {"alpha_ns", whole(line.alpha_ns + median(fences))},
                               {"beta_ps_per_byte", whole(line.beta_ps_per_byte)}});
  }

  Desk& desk_;
};

}  // namespace

// The slope is the median of all pairs' slopes, which one odd point does not move.
Line fit(const std::vector<Point>& points) {
  std::vector<double> slopes, rests;
  for (size_t i = 0; i < points.size(); ++i)
    for (size_t j = i + 1; j < points.size(); ++j)
      slopes.push_back((points[j].ns - points[i].ns) / (points[j].bytes - points[i].bytes));
  const double slope = std::max(median(slopes), 0.0);
  for (const Point& p : points) rests.push_back(p.ns - slope * p.bytes);
  return {std::max(median(rests), 0.0), slope * 1000};
}

void measure_transfers(Desk& desk) {
  const auto known = [&](const TunedDevice& d) { return desk.ledger.has_transfers(d.id()); };
  const auto needs_some = [&](const TunedDevice& d) {
    return !d.device->takes_host_pointers() || d.device->has_queues();
  };
  if (std::all_of(desk.devices.begin(), desk.devices.end(), [&](const auto& d) { return known(d) || !needs_some(d); }))
    return;
  try {
    TransferPhase(desk).run();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::io) throw;
    desk.say(base::text("transfers are not measured: %", {error.what()}));
  }
}

}  // namespace motley::tuner
