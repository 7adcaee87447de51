// Medians over traced runs.
#include "report/timeline.hpp"

#include <algorithm>

#include "measure/statistics.hpp"

namespace motley::tuner {

using nlohmann::json;

namespace {

const char* name_of(TraceEvent::Kind kind) {
  switch (kind) {
    case TraceEvent::Kind::run: return "run";
    case TraceEvent::Kind::segment: return "segment";
    case TraceEvent::Kind::node: return "node";
    case TraceEvent::Kind::submit: return "submit";
    case TraceEvent::Kind::transfer: return "transfer";
    case TraceEvent::Kind::wait: return "wait";
    case TraceEvent::Kind::lost: return "lost";
  }
  return "";
}

uint64_t duration(const TraceEvent& event) { return event.end_ns > event.begin_ns ? event.end_ns - event.begin_ns : 0; }

// The times of one thing, run by run.
template <class Key>
class Times {
 public:
  void add(const Key& key, size_t run, double ns) {
    std::vector<double>& times = times_[key];
    times.resize(std::max(times.size(), run + 1));
    times[run] += ns;
  }
  std::map<Key, double> medians() const {
    std::map<Key, double> result;
    for (const auto& [key, times] : times_) result[key] = median(times);
    return result;
  }

 private:
  std::map<Key, std::vector<double>> times_;
};

std::vector<const TraceEvent*> runs_of(const std::vector<TraceEvent>& events) {
  std::vector<const TraceEvent*> runs;
  for (const TraceEvent& event : events)
    if (event.kind == TraceEvent::Kind::run) runs.push_back(&event);
  std::sort(runs.begin(), runs.end(), [](const auto* a, const auto* b) { return a->begin_ns < b->begin_ns; });
  return runs;
}

// The run that an event is part of; runs.size() where there is none.
size_t run_at(const std::vector<const TraceEvent*>& runs, const TraceEvent& event) {
  const auto after = std::upper_bound(runs.begin(), runs.end(), event.begin_ns,
                                      [](uint64_t at, const TraceEvent* run) { return at < run->begin_ns; });
  if (after == runs.begin() || event.begin_ns > (*std::prev(after))->end_ns) return runs.size();
  return static_cast<size_t>(after - runs.begin()) - 1;
}

size_t middle_run(const std::vector<const TraceEvent*>& runs) {
  std::vector<size_t> order(runs.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return duration(*runs[a]) < duration(*runs[b]); });
  return order[(order.size() - 1) / 2];
}

}  // namespace

Timeline timeline_of(const std::vector<TraceEvent>& events) {
  Timeline line;
  const auto runs = runs_of(events);
  line.runs = runs.size();
  if (runs.empty()) return line;
  const size_t shown = middle_run(runs);
  Times<std::string> nodes, transfers;
  Times<uint32_t> segments;
  for (const TraceEvent& event : events) {
    const size_t run = run_at(runs, event);
    if (run == runs.size()) continue;
    const auto ns = static_cast<double>(duration(event));
    if (event.kind == TraceEvent::Kind::node) {
      nodes.add(event.name, run, ns);
      line.kernel[event.name] = event.detail;
    }
    if (event.kind == TraceEvent::Kind::segment) segments.add(event.segment, run, ns);
    if (event.kind == TraceEvent::Kind::transfer) transfers.add(event.name, run, ns);
    if (run != shown) continue;
    line.events.push_back(event);
    line.events.back().begin_ns -= runs[shown]->begin_ns;
    line.events.back().end_ns = line.events.back().begin_ns + duration(event);
  }
  std::vector<double> times;
  for (const TraceEvent* run : runs) times.push_back(static_cast<double>(duration(*run)));
  line.run_ns = median(times);
  line.node_ns = nodes.medians();
  line.segment_ns = segments.medians();
  line.transfer_ns = transfers.medians();
  return line;
}

json events_json(const std::vector<TraceEvent>& events) {
  json list = json::array();
  for (const TraceEvent& event : events) {
    json row = {{"kind", name_of(event.kind)}, {"name", event.name},         {"device", event.device},
                {"segment", event.segment},    {"begin_ns", event.begin_ns}, {"end_ns", event.end_ns}};
    if (!event.detail.empty()) row["detail"] = event.detail;
    if (event.bytes) row["bytes"] = event.bytes;
    list.push_back(std::move(row));
  }
  return list;
}

}  // namespace motley::tuner
