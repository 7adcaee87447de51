// From the marks of a run to events, and events as JSON.
#include "run/trace.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/sort.hpp"
#include "base/text.hpp"
#include "run/instance.hpp"
#include "run/watch.hpp"

namespace motley::run {

using plan::Step;

uint64_t Trace::now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

void Trace::begin_run() { marks_.clear(); }

void Trace::add_event(TraceEvent event) {
  if (events_.size() < kMostEvents) events_.push_back(std::move(event));
}

// Numbers are sorted, not events, whose moves would cost the library 30 kB.
std::vector<TraceEvent> Trace::sorted() const {
  const std::vector<uint32_t> order = base::sorted_order(events_.size(), [this](uint32_t i, uint32_t k) {
    const TraceEvent &a = events_[i], &b = events_[k];
    return a.begin_ns != b.begin_ns ? a.begin_ns < b.begin_ns : a.end_ns > b.end_ns;
  });
  std::vector<TraceEvent> events;
  events.reserve(order.size());
  for (uint32_t i : order) events.push_back(events_[i]);
  return events;
}

namespace {

// One run's marks as events.
class Reader {
 public:
  Reader(const Instance& instance, const std::vector<Trace::Mark>& marks, Trace& trace)
      : instance_(instance),
        plan_(instance.plan()),
        marks_(marks),
        trace_(trace),
        busy_until_(plan_.schedule.lanes.size(), 0) {}

  void run() {
    for (size_t i = 0; i < marks_.size(); ++i) {
      const Step& step = plan_.schedule.steps[marks_[i].step];
      switch (step.kind) {
        case Step::Kind::submit: add_segment(i, step); break;
        case Step::Kind::move: add_move(i, step); break;
        case Step::Kind::wait: add_wait(i, step); break;
        case Step::Kind::reclaim: break;  // takes no time worth showing
      }
    }
  }

 private:
  std::string place_name(uint32_t place) const {
    return place == plan::kHost ? "host" : plan_.schedule.lanes[plan_.schedule.places[place].lane].device->name();
  }
  // When the host knew that a point was reached.
  uint64_t known_at(size_t mark, plan::Point point) const {
    for (size_t i = mark; i < marks_.size(); ++i) {
      const Step& step = plan_.schedule.steps[marks_[i].step];
      if (step.kind == Step::Kind::wait && step.point.lane == point.lane && step.point.value >= point.value)
        return marks_[i].end_ns;
    }
    return marks_.back().end_ns;
  }

  void add_segment(size_t mark, const Step& step) {
    const plan::Segment& segment = plan_.segments[step.segment];
    const std::string device = segment.device->name();
    const graph::Node& first = plan_.graph.nodes[segment.spec.nodes.front()];
    const std::string detail = base::text("% nodes from %", {segment.spec.nodes.size(), first.name});
    const std::string name = base::text("segment %", {step.segment});
    uint64_t begin = marks_[mark].begin_ns, end = marks_[mark].end_ns;
    if (step.point.value) {
      trace_.add_event({TraceEvent::Kind::submit, name, "host", device, step.segment, 0, begin, end});
      end = known_at(mark, step.point);
    }
    uint64_t& busy = busy_until_[segment.lane];
    begin = std::max(begin, std::min(busy, end));
    read_rows(segment);
    if (!rows_.empty()) fit_rows(begin, end);
    if (!rows_.empty() && step.point.value) {  // work in the background ends before the host hears of it
      begin = rows_.front().begin_ns;
      for (const NodeTime& row : rows_) begin = std::min(begin, row.begin_ns);
      end = begin;
      for (const NodeTime& row : rows_) end = std::max(end, row.end_ns);
    }
    busy = end;
    trace_.add_event({TraceEvent::Kind::segment, name, device, detail, step.segment, 0, begin, end});
    for (const NodeTime& row : rows_)
      trace_.add_event({TraceEvent::Kind::node, row.node, device,
                        row.kernel.empty() ? row.op : base::text("%, %", {row.op, row.kernel}), step.segment, 0,
                        row.begin_ns, row.end_ns});
  }

  void read_rows(const plan::Segment& segment) {
    rows_.clear();
    read_times(plan_, segment, rows_);
    for (size_t i = 1; i < rows_.size(); ++i)  // they are nearly in order
      for (size_t k = i; k > 0 && rows_[k].begin_ns < rows_[k - 1].begin_ns; --k) std::swap(rows_[k], rows_[k - 1]);
  }

  // A device's clock may be off: then its rows are moved to where the host saw the work, and cut where they overlap.
  void fit_rows(uint64_t begin, uint64_t end) {
    uint64_t last = 0;
    for (const NodeTime& row : rows_) last = std::max(last, row.end_ns);
    int64_t shift = 0;
    if (rows_.front().begin_ns < begin) shift = static_cast<int64_t>(begin - rows_.front().begin_ns);
    else if (last > end) shift = -static_cast<int64_t>(std::min(last - end, rows_.front().begin_ns - begin));
    uint64_t before = begin;
    for (NodeTime& row : rows_) {
      const auto moved = [&](uint64_t t) {
        return std::clamp(static_cast<uint64_t>(static_cast<int64_t>(t) + shift), before, std::max(before, end));
      };
      row.begin_ns = moved(row.begin_ns);
      row.end_ns = std::max(row.begin_ns, moved(row.end_ns));
      before = row.end_ns;
    }
  }

  void add_move(size_t mark, const Step& step) {
    const uint64_t bytes = plan_.graph.tensor(step.tensor).bytes();
    const bool queued = step.point.value != 0;
    const std::string device = queued ? plan_.schedule.lanes[step.point.lane].device->name() : "host";
    const std::string way = to_string(instance_.way_of(step));
    uint64_t begin = marks_[mark].begin_ns, end = marks_[mark].end_ns;
    if (queued) {
      end = known_at(mark, step.point);
      uint64_t& busy = busy_until_[step.point.lane];
      begin = std::max(begin, std::min(busy, end));
      // The device may have begun the next segment when the host hears of this copy; the copy is shown up to its start.
      end = std::max(begin, std::min(end, next_submit(mark, step.point.lane, end)));
      busy = end;
    }
    trace_.add_event({TraceEvent::Kind::transfer, plan_.graph.tensor(step.tensor).name, device,
                      base::text("from % to % by %", {place_name(step.from), place_name(step.to), way}), step.segment,
                      bytes, begin, end});
  }
  uint64_t next_submit(size_t mark, uint32_t lane, uint64_t otherwise) const {
    for (size_t i = mark + 1; i < marks_.size(); ++i) {
      const Step& step = plan_.schedule.steps[marks_[i].step];
      if (step.point.value && step.point.lane == lane && step.kind != Step::Kind::wait) return marks_[i].begin_ns;
    }
    return otherwise;
  }

  void add_wait(size_t mark, const Step& step) {
    trace_.add_event({TraceEvent::Kind::wait, "wait", "host", plan_.schedule.lanes[step.point.lane].device->name(), 0,
                      0, marks_[mark].begin_ns, marks_[mark].end_ns});
  }

  const Instance& instance_;
  const plan::Plan& plan_;
  const std::vector<Trace::Mark>& marks_;
  Trace& trace_;
  std::vector<uint64_t> busy_until_;  // per lane
  std::vector<NodeTime> rows_;
};

// ---- JSON ----

void add_text(std::string& json, const std::string& text) {
  json += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    char escaped[8];
    if (c == '"' || c == '\\') json += '\\', json += c;
    else if (byte < 0x20) std::snprintf(escaped, sizeof escaped, "\\u%04x", byte), json += escaped;
    else json += c;
  }
  json += '"';
}

const char* category(TraceEvent::Kind kind) {
  static constexpr const char* kNames[] = {"run", "segment", "node", "submit", "transfer", "wait", "lost"};
  return kNames[static_cast<size_t>(kind)];
}

// Microseconds with three decimals.
void add_time(std::string& json, const char* key, uint64_t ns) {
  char text[48];
  std::snprintf(text, sizeof text, ",\"%s\":%llu.%03u", key, static_cast<unsigned long long>(ns / 1000),
                static_cast<unsigned>(ns % 1000));
  json += text;
}

}  // namespace

void Trace::end_run(const Instance& instance) {
  if (!marks_.empty()) Reader(instance, marks_, *this).run();
  marks_.clear();
}

}  // namespace motley::run

namespace motley {

std::string trace_json(const std::vector<TraceEvent>& events) {
  std::vector<std::string> tracks = {"host"};
  const auto track_of = [&](const std::string& device) {
    const auto it = std::find(tracks.begin(), tracks.end(), device);
    if (it != tracks.end()) return static_cast<size_t>(it - tracks.begin());
    tracks.push_back(device);
    return tracks.size() - 1;
  };
  std::string json = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
  for (const TraceEvent& event : events) {
    const bool instant = event.kind == TraceEvent::Kind::lost;
    json += base::text("{\"ph\":\"%\",\"pid\":1,\"tid\":%,\"cat\":\"%\",\"name\":",
                       {instant ? "i" : "X", track_of(event.device), run::category(event.kind)});
    run::add_text(json, event.kind == TraceEvent::Kind::wait ? base::text("wait for %", {event.detail}) : event.name);
    run::add_time(json, "ts", event.begin_ns);
    if (instant) json += ",\"s\":\"g\"";
    else run::add_time(json, "dur", event.end_ns - event.begin_ns);
    json += ",\"args\":{\"detail\":";
    run::add_text(json, event.detail);
    json += base::text(",\"segment\":%,\"bytes\":%}},\n", {event.segment, event.bytes});
  }
  for (size_t t = 0; t < tracks.size(); ++t) {
    json += base::text("{\"ph\":\"M\",\"pid\":1,\"tid\":%,\"name\":\"thread_name\",\"args\":{\"name\":", {t});
    run::add_text(json, tracks[t]);
    json += "}},\n";
  }
  return json + "{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":\"motley\"}}]}\n";
}

}  // namespace motley
