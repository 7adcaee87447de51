// Workloads that differ from the published ones: fields missing, other devices and memories, odd graphs, mistakes.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include "answers.hpp"
#include "dagbench.hpp"
#include "motley/error.hpp"
#include "place/parallel.hpp"

namespace placement_bench {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kMoves = 20000;

// Layers of up to three nodes, with the same fields as the published files.
json made_up(int layers, unsigned seed) {
  std::mt19937 random(seed);
  const auto upto = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n + 1)); };
  json j = {
      {"maxFPGAs", 3}, {"maxCPUs", 1}, {"maxSizePerFPGA", 1e6}, {"nodes", json::array()}, {"edges", json::array()}};
  std::vector<int> before;
  int id = 100;
  for (int layer = 0; layer < layers; ++layer) {
    std::vector<int> now;
    for (int i = 0; i <= upto(2); ++i) {
      const double ms = upto(1000) / 100.0;
      j["nodes"].push_back({{"id", id},
                            {"name", "n" + std::to_string(id)},
                            {"cpuLatency", 10 * ms},
                            {"fpgaLatency", ms},
                            {"supportedOnFpga", upto(9) ? 1 : 0},
                            {"size", upto(100)}});
      const double cost = upto(200) / 100.0;
      for (int from : before)
        if (upto(1)) j["edges"].push_back({{"sourceId", from}, {"destId", id}, {"cost", cost}});
      now.push_back(id++);
    }
    before = now;
  }
  return j;
}

// Every answer keeps to the published rules (or solving throws) and to its own bound.
void expect_sound(const json& j) {
  const Workload w = read_workload(j, "made up");
  const Pipelines p = solve_throughput(w, kMoves);
  constexpr double kSlack = 1 + 1e-9;
  EXPECT_LE(p.contiguous.bound, p.contiguous.value * kSlack);
  EXPECT_LE(p.free.bound, p.free.value * kSlack);
  EXPECT_LE(p.free.value, p.contiguous.value * kSlack);
  EXPECT_LE(p.free.bound, p.contiguous.value * kSlack);
  for (const Workload::Node& node : w.nodes)
    if (node.backward) return;
  const Answer latency = solve_latency(w, kMoves);
  EXPECT_LE(latency.bound, latency.value * kSlack);
}

std::string why_refused(const json& j) {
  try {
    read_workload(j, "w");
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

TEST(PlacementWorkload, OptionalFieldsMayBeMissing) {
  json j = made_up(6, 1);
  for (const char* field : {"maxFPGAs", "maxCPUs", "maxSizePerFPGA"}) j.erase(field);
  for (json& node : j["nodes"])
    for (const char* field : {"size", "name", "supportedOnFpga"}) node.erase(field);
  for (json& edge : j["edges"]) edge.erase("cost");
  EXPECT_TRUE(is_workload(j));
  const Workload w = read_workload(j, "w");
  EXPECT_EQ(w.accelerators, 1u);
  EXPECT_EQ(w.hosts, 1u);
  for (const Workload::Node& node : w.nodes) EXPECT_TRUE(node.on_accelerator);
  expect_sound(j);
  for (json& node : j["nodes"]) node.erase("fpgaLatency");  // only the host runs them
  expect_sound(j);
  for (json& node : j["nodes"]) node["id"] = "node " + node["id"].dump();
  for (json& edge : j["edges"])
    for (const char* end : {"sourceId", "destId"}) edge[end] = "node " + edge[end].dump();
  expect_sound(j);
}

TEST(PlacementWorkload, MistakesAreNamed) {
  const auto refused = [](const std::function<void(json&)>& change) {
    json j = made_up(5, 2);
    change(j);
    return why_refused(j);
  };
  const auto says = [&](const std::function<void(json&)>& change, const std::string& part) {
    const std::string why = refused(change);
    EXPECT_NE(why.find(part), std::string::npos) << "\"" << why << "\" does not say " << part;
  };
  says([](json& j) { j["nodes"][1].erase("cpuLatency"); }, "node 101 has no cpuLatency");
  says([](json& j) { j["nodes"][1].erase("id"); }, "has no id");
  says([](json& j) { j["nodes"][0]["fpgaLatency"] = -1; }, "fpgaLatency (-1) is not a finite number from 0 on");
  says([](json& j) { j["nodes"][0]["cpuLatency"] = "3"; }, "cpuLatency (\"3\") is no number");
  says([](json& j) { j["nodes"][1]["id"] = 100; }, "two nodes have the id 100");
  says([](json& j) { j["nodes"] = json::array(); }, "has no nodes");
  says([](json& j) { j["nodes"] = 4; }, "has no list of nodes");
  says([](json& j) { j["edges"].push_back({{"sourceId", 100}, {"destId", 7}}); }, "leads from or to no node");
  says([](json& j) { j["edges"].push_back({{"sourceId", 100}, {"destId", 100}}); }, "wait for each other in a circle");
  says(
      [](json& j) {
        j["edges"].push_back({{"sourceId", 100}, {"destId", 101}});
        j["edges"].push_back({{"sourceId", 101}, {"destId", 100}});
      },
      "wait for each other in a circle");
  says([](json& j) { j["maxFPGAs"] = 2.5; }, "maxFPGAs (2.5) is not a whole number up to 1000");
  says([](json& j) { j["maxFPGAs"] = 100000; }, "is not a whole number up to 1000");
  says([](json& j) { j["nodes"][0]["cpuLatency"] = 1e300; }, "are more than 4e9 ms");
  says(
      [](json& j) {
        for (json& edge : j["edges"]) edge["cost"] = 3e9;
      },
      "are more than 4e9 ms");
  says([](json& j) { j["nodes"][0]["size"] = 1e300; }, "are more than 4e18 bytes");
  EXPECT_EQ(refused([](json&) {}), "");
  // No device at all is the solver's to say.
  json none = made_up(3, 3);
  none["maxFPGAs"] = none["maxCPUs"] = 0;
  EXPECT_THROW(solve_throughput(read_workload(none, "w"), kMoves), motley::Error);
}

TEST(PlacementWorkload, OddGraphsAreSolved) {
  json apart = made_up(6, 4);
  apart["edges"] = json::array();
  expect_sound(apart);
  json zero = made_up(6, 5);
  for (json& node : zero["nodes"]) node["size"] = node["fpgaLatency"] = node["cpuLatency"] = 0;
  for (json& edge : zero["edges"]) edge["cost"] = 0;
  expect_sound(zero);
  json one = made_up(1, 6);
  expect_sound(one);
  json twice = made_up(6, 7);
  const json edges = twice["edges"];
  for (const json& edge : edges) twice["edges"].push_back(edge);
  expect_sound(twice);
  json long_chain = made_up(400, 8);
  expect_sound(long_chain);
  json crowded = made_up(2, 9);
  crowded["maxFPGAs"] = crowded["maxCPUs"] = 1000;
  expect_sound(crowded);
  EXPECT_EQ(read_workload(crowded, "w").accelerators, crowded["nodes"].size());
}

TEST(PlacementWorkload, AnyDevicesAndMemoriesWillDo) {
  for (unsigned seed = 10; seed < 40; ++seed) {
    json j = made_up(4 + static_cast<int>(seed % 5), seed);
    j["maxFPGAs"] = std::vector<int>{1, 2, 6, 17, 40}[seed % 5];
    j["maxCPUs"] = std::vector<int>{1, 2, 9}[seed % 3];
    j["maxSizePerFPGA"] = std::vector<double>{0, 50, 300, 1e18, 1e30}[seed % 4];
    for (json& node : j["nodes"])
      if (seed % 2) node["colorClass"] = node["id"].get<int>() % 5;
    SCOPED_TRACE(seed);
    expect_sound(j);
  }
}

// Ours and the bound against every split of small workloads.
TEST(PlacementWorkload, BoundsHoldForEverySplit) {
  int tight = 0;
  for (unsigned seed = 50; seed < 110; ++seed) {
    json j = made_up(3, seed);
    j["maxFPGAs"] = 2 + seed % 2;
    j["maxCPUs"] = seed % 3 ? 1 : 0;
    j["maxSizePerFPGA"] = seed % 4 ? 1e6 : 150;
    for (json& edge : j["edges"]) edge["cost"] = edge["cost"].get<double>() * (seed % 5 ? 1 : 10);
    const Workload w = read_workload(j, "w");
    if (w.nodes.size() > 7) continue;
    double best = -1;
    std::vector<uint32_t> device(w.nodes.size(), 0);
    std::string why;
    for (bool more = true; more;) {
      const double load = load_ms(w, device, false, why);
      if (load >= 0 && (best < 0 || load < best)) best = load;
      size_t n = 0;
      while (n < device.size() && ++device[n] == w.accelerators + w.hosts) device[n++] = 0;
      more = n < device.size();
    }
    if (best < 0) {
      EXPECT_THROW(solve_throughput(w, kMoves), motley::Error);
      continue;
    }
    Pipelines p;
    try {
      p = solve_throughput(w, kMoves);
    } catch (const motley::Error&) {
      continue;  // no contiguous split
    }
    EXPECT_LE(p.free.bound, best * (1 + 1e-9)) << seed;
    EXPECT_GE(p.free.value, best * (1 - 1e-9)) << seed;
    tight += p.free.bound > 0.999 * best;
  }
  EXPECT_GE(tight, 20);
}

TEST(PlacementWorkload, TaskGraphsNameTheirMistakes) {
  const json good = {{"network",
                      {{"nodes", {{{"name", "a"}, {"speed", 1}}, {{"name", "b"}, {"speed", 2}}}},
                       {"edges", {{{"source", "a"}, {"target", "b"}, {"speed", 1}}}}}},
                     {"task_graph",
                      {{"tasks", {{{"name", "t"}, {"cost", 1}}, {{"name", "u"}, {"cost", 0}}}},
                       {"dependencies", {{{"source", "t"}, {"target", "u"}, {"size", 0}}}}}}};
  ASSERT_TRUE(is_dag(good));
  EXPECT_GT(solve_parallel(read_dag(good)).timeline.makespan_ns, 0);
  for (const auto& [part, change] : std::vector<std::pair<std::string, std::function<void(json&)>>>{
           {"is not above 0", [](json& j) { j["network"]["nodes"][0]["speed"] = 0; }},
           {"no such target", [](json& j) { j["network"]["edges"][0]["target"] = "c"; }},
           {"is not above 0", [](json& j) { j["network"]["edges"][0]["speed"] = -1; }},
           {"below 0 or too large", [](json& j) { j["task_graph"]["tasks"][0]["cost"] = -1; }},
           {"no such source", [](json& j) { j["task_graph"]["dependencies"][0]["source"] = "v"; }},
           {"has no name", [](json& j) { j["task_graph"]["tasks"][0].erase("name"); }},
           {"the name of", [](json& j) { j["task_graph"]["tasks"][0]["name"] = 7; }},
           {"the cost of", [](json& j) { j["task_graph"]["tasks"][0]["cost"] = "1"; }},
           {"two tasks", [](json& j) { j["task_graph"]["tasks"][1]["name"] = "t"; }},
           {"has no nodes", [](json& j) { j["network"] = json::array(); }},
           {"tasks is no list", [](json& j) { j["task_graph"]["tasks"] = json::object(); }}}) {
    json bad = good;
    change(bad);
    try {
      read_dag(bad);
      ADD_FAILURE() << bad << " is taken";
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what() << " does not say " << part;
    }
  }
  json circle = good;
  circle["task_graph"]["dependencies"].push_back({{"source", "u"}, {"target", "t"}, {"size", 1}});
  EXPECT_THROW(solve_parallel(read_dag(circle)), motley::Error);
}

// Copies of a published workload with other devices, memories and fields.
TEST(PlacementWorkload, ChangedCopiesOfPublishedOnesAreSolved) {
  const char* given = std::getenv("MOTLEY_TEST_DATA");
  const fs::path file = fs::path(given ? given : MOTLEY_TEST_DATA) /
                        "partition/dnn-partitioning/throughput/LayerGraphs/bert24_inference.json";
  if (!fs::exists(file)) GTEST_SKIP() << file << " is not there";
  const json published = json::parse(std::ifstream(file));
  const Pipelines same = solve_throughput(read_workload(published, "bert24"), kMoves);
  json renamed = published;
  for (json& node : renamed["nodes"]) node["id"] = 1000 - node["id"].get<int>();
  for (json& edge : renamed["edges"])
    for (const char* end : {"sourceId", "destId"}) edge[end] = 1000 - edge[end].get<int>();
  for (json& node : renamed["nodes"])
    for (const char* field : {"isBackwardNode", "colorClass", "name"}) node.erase(field);
  EXPECT_NEAR(solve_throughput(read_workload(renamed, "renamed"), kMoves).contiguous.value, same.contiguous.value,
              1e-6);
  json roomy = published;
  roomy["maxFPGAs"] = 24;
  EXPECT_LE(solve_throughput(read_workload(roomy, "roomy"), kMoves).contiguous.value, same.contiguous.value);
  json tight = published;
  tight["maxSizePerFPGA"] = published["maxSizePerFPGA"].get<double>() / 50;
  EXPECT_GE(solve_throughput(read_workload(tight, "tight"), kMoves).contiguous.value,
            same.contiguous.value * (1 - 1e-9));
  for (json copy : {roomy, tight, renamed}) {
    copy["maxCPUs"] = 3;
    expect_sound(copy);
  }
}

}  // namespace
}  // namespace placement_bench
