// The trace of a run: events on one clock, in order, nested, complete; and as JSON.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "networks.hpp"

namespace motley::test {
namespace {

using Kind = TraceEvent::Kind;

Session traced(const Runtime& rt) {
  return rt.compile(
      small_cnn(),
      {.pins = {{"conv*", "virtual:gpu0"}, {"relu1", "template"}, {"*", "cpu"}}, .optimize = false, .trace = true});
}

// On a track, an event begins when the one before has ended, or lies within it.
void expect_nested(const std::vector<TraceEvent>& events) {
  std::map<std::string, std::vector<const TraceEvent*>> open;
  for (const TraceEvent& e : events) {
    EXPECT_LE(e.begin_ns, e.end_ns);
    auto& stack = open[e.device];
    while (!stack.empty() && stack.back()->end_ns <= e.begin_ns) stack.pop_back();
    if (!stack.empty()) {
      EXPECT_LE(e.end_ns, stack.back()->end_ns) << e.device << ": " << e.name << " in " << stack.back()->name;
    }
    stack.push_back(&e);
  }
}

TEST(Trace, HasEverySegmentTransferAndWait) {
  VirtualGpuControl& gpus = virtual_gpus();
  const Runtime rt = mixed_runtime();
  for (const uint32_t host : {MOTLEY_EDGE_NONE, MOTLEY_EDGE_COPY, MOTLEY_EDGE_IMPORT}) {
    gpus.host = host;
    Session s = traced(rt);
    outputs_of(s);
    const auto events = s.trace();
    expect_nested(events);
    std::map<uint32_t, std::string> segments;
    size_t transfers = 0, waits = 0, runs = 0;
    std::set<std::string> nodes;
    for (const TraceEvent& e : events) {
      if (e.kind == Kind::segment) segments[e.segment] = e.device;
      if (e.kind == Kind::node) nodes.insert(e.name);
      transfers += e.kind == Kind::transfer;
      waits += e.kind == Kind::wait;
      runs += e.kind == Kind::run;
    }
    const Explanation explanation = s.explain();
    for (const Placement& p : explanation.nodes) {
      EXPECT_EQ(segments[p.segment], p.device) << p.node;
      EXPECT_TRUE(nodes.count(p.node) || p.op == "Reshape") << p.node << " is not timed";
    }
    size_t moved = 0;
    for (const Transfer& t : explanation.transfers) moved += t.way != "share";
    EXPECT_EQ(transfers, moved);
    EXPECT_GT(waits, 0u);
    EXPECT_EQ(runs, 1u);
  }
}

TEST(Trace, JsonIsInTheTraceEventFormat) {
  virtual_gpus();
  const Runtime rt = mixed_runtime();
  Session s = traced(rt);
  for (int i = 0; i < 3; ++i) outputs_of(s);
  const auto events = s.trace();
  const nlohmann::json json = nlohmann::json::parse(trace_json(events));
  std::map<int, std::string> tracks;
  for (const auto& e : json.at("traceEvents"))
    if (e.at("ph") == "M" && e.at("name") == "thread_name") tracks[e.at("tid")] = e.at("args").at("name");
  EXPECT_EQ(tracks[0], "host");
  size_t complete = 0;
  double last = 0;
  std::set<std::string> names;
  for (const auto& e : json.at("traceEvents")) {
    if (e.at("ph") != "X") continue;
    const TraceEvent& event = events[complete++];
    EXPECT_EQ(tracks.at(e.at("tid")), event.device);
    EXPECT_GE(e.at("ts").get<double>(), last) << "in order";
    last = e.at("ts");
    EXPECT_NEAR(e.at("dur").get<double>() * 1000, static_cast<double>(event.end_ns - event.begin_ns), 1);
    EXPECT_EQ(e.at("pid"), 1);
    EXPECT_TRUE(e.at("args").contains("detail"));
    names.insert(e.at("name"));
  }
  EXPECT_EQ(complete, events.size());
  for (const char* name : {"run", "segment 0", "conv1", "wait for virtual:gpu0", "relu1_out"})
    EXPECT_TRUE(names.count(name)) << name;
}

TEST(Trace, NamesAreEscaped) {
  TraceEvent event;
  event.name = "a \"quoted\"\\ name\nof two lines, 100%";
  event.device = "host";
  const nlohmann::json json = nlohmann::json::parse(trace_json({event}));
  EXPECT_EQ(json.at("traceEvents").at(0).at("name"), event.name);
}

TEST(Trace, CanBeTurnedOnAndOff) {
  virtual_gpus();
  const Runtime rt = mixed_runtime();
  Session s = rt.compile(small_cnn());
  outputs_of(s);
  EXPECT_TRUE(s.trace().empty());
  s.set_tracing(true);
  outputs_of(s);
  const size_t one = s.trace().size();
  EXPECT_GT(one, 0u);
  outputs_of(s);
  EXPECT_EQ(s.trace().size(), 2 * one);
  s.set_tracing(false);
  outputs_of(s);
  EXPECT_TRUE(s.trace().empty());
}

}  // namespace
}  // namespace motley::test
