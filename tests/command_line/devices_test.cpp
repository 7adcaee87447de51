// motley devices, plugins, explain and bench.
#include <algorithm>

#include "program.hpp"

namespace motley::test {

TEST(Devices, CpuAndReferenceAreThere) {
  const Outcome text = motley({"devices"});
  ASSERT_TRUE(succeeds(text));
  const Outcome outcome = motley({"devices", "--json"});
  ASSERT_TRUE(succeeds(outcome));
  std::vector<std::string> names;
  for (const auto& device : outcome.json()) {
    names.push_back(device["name"]);
    EXPECT_TRUE(device["shares_memory"].is_array()) << outcome.out;
  }
  for (const char* name : {"cpu", "reference"}) {
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << outcome.out;
    EXPECT_NE(text.out.find(std::string("\n") + name), std::string::npos) << text.out;
  }
}

TEST(Plugins, EachIsExplained) {
  const Outcome outcome = motley({"plugins", "--explain"});
  ASSERT_TRUE(succeeds(outcome));
  EXPECT_NE(outcome.out.find("cpu  loaded"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("manifest  /"), std::string::npos) << outcome.out;
}

TEST(Plugins, BrokenOnesAreReportedAndHideNothing) {
  const Scratch scratch;
  write_text(scratch / "nowhere.json",
             R"({"schema": "motley.plugin/1", "id": "nowhere", "vendor": "x", "version": "1.0.0",
                 "abi": {"major": 0, "min_minor": 1, "max_minor": 1}, "architecture": "x86_64",
                 "library": "no.so", "sha256": ")" +
                 std::string(64, '0') + "\"}");
  write_text(scratch / "garbage.json", "{{{");
  write_text(scratch / "libtext.so", "no library");
  const Outcome outcome = motley({"plugins", "--json", "--plugin-dir", scratch.path(), "--plugin",
                                  scratch / "libtext.so", "--plugin", scratch / "missing.so"});
  ASSERT_TRUE(succeeds(outcome));
  size_t broken = 0, loaded = 0;
  for (const auto& plugin : outcome.json()) {
    if (plugin["loaded"]) {
      ++loaded;
    } else {
      ++broken;
      EXPECT_GT(plugin["reason"].get<std::string>().size(), 10u) << plugin;
    }
  }
  EXPECT_EQ(broken, 4u) << outcome.out;
  EXPECT_GE(loaded, 2u);
}

TEST(Pins, AndTracesOnTheCommandLine) {
  const Scratch scratch;
  const std::string trace = scratch / "trace.json";
  const Outcome run = motley({"run", digits_onnx(), digit_picture("3_0.png"), "--devices", "cpu,reference", "--pin",
                              "*=reference", "--trace", trace});
  ASSERT_TRUE(succeeds(run));
  const std::vector<char> bytes = read_file(trace);
  const auto json = nlohmann::json::parse(bytes.begin(), bytes.end());
  size_t segments = 0;
  for (const auto& event : json["traceEvents"]) segments += event.value("cat", "") == "segment";
  EXPECT_GE(segments, 1u);
  EXPECT_TRUE(succeeds(motley({"bench", digits_onnx(), "--runs", "2", "--warmup", "1", "--trace", trace})));
  EXPECT_TRUE(fails_with(motley({"explain", digits_onnx(), "--pin", "nothing=cpu"}), "fits no node"));
  EXPECT_TRUE(fails_with(motley({"explain", digits_onnx(), "--pin", "cpu"}), "NODE=DEVICE"));
  EXPECT_TRUE(fails_with(motley({"run", digits_onnx(), digit_picture("3_0.png"), "--trace", "/nonexistent/t.json"}),
                         "/nonexistent"));
}

TEST(Explain, SaysWhereAndWhy) {
  const Outcome text = motley({"explain", digits_onnx()});
  ASSERT_TRUE(succeeds(text));
  EXPECT_NE(text.out.find("cpu"), std::string::npos) << text.out;
  const Outcome outcome = motley({"explain", digits_onnx(), "--devices", "reference", "--json"});
  ASSERT_TRUE(succeeds(outcome));
  const auto json = outcome.json();
  ASSERT_FALSE(json["nodes"].empty());
  for (const auto& node : json["nodes"]) {
    EXPECT_EQ(node["device"], "reference");
    EXPECT_NE(node["reason"], "");
  }
  EXPECT_GT(json["activation_bytes"].get<uint64_t>(), 0u);
}

TEST(Explain, SaysCostsAndTakesPolicies) {
  for (const char* policy : {"latency", "throughput", "power", "memory"}) {
    const Outcome outcome = motley({"explain", digits_onnx(), "--policy", policy, "--deny", "open*,vulkan", "--json"});
    ASSERT_TRUE(succeeds(outcome));
    const auto json = outcome.json();
    EXPECT_EQ(json["plan"]["policy"], policy);
    EXPECT_GT(json["plan"]["predicted_ns"].get<double>(), 0) << policy;
    EXPECT_LE(json["plan"]["bound"].get<double>(), json["plan"]["cost"].get<double>()) << policy;
    for (const auto& node : json["nodes"]) {
      EXPECT_EQ(node["cost_source"], "estimated");
      EXPECT_NE(node["runner_up"], node["device"]);
    }
  }
  const Outcome denied = motley({"explain", digits_onnx(), "--deny", "cpu", "--prefer", "reference", "--json"});
  ASSERT_TRUE(succeeds(denied));
  for (const auto& node : denied.json()["nodes"]) EXPECT_NE(node["device"], "cpu");
  EXPECT_TRUE(fails_with(motley({"explain", digits_onnx(), "--deny", "*"}), "denied"));
  const Outcome wrong = motley({"explain", digits_onnx(), "--policy", "speed"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.err.find("throughput"), std::string::npos) << wrong.err;
}

TEST(Explain, WrongDevicesAndShapes) {
  EXPECT_TRUE(fails_with(motley({"explain", digits_onnx(), "--devices", "warp9"}), "warp9"));
  EXPECT_TRUE(fails_with(motley({"explain", digits_onnx(), "--shape", "image=1,3,28,28"}), "image"));
  EXPECT_TRUE(fails_with(motley({"explain", digits_onnx(), "--shape", "nothing=1"}), "nothing"));
  EXPECT_TRUE(fails_with(motley({"explain", digits_onnx(), "--shape", "image=1,1,28,2e9"}), "1,1,28,2e9"));
  EXPECT_TRUE(fails_with(motley({"explain", digits_onnx(), "--shape", "image=9000000000000000000,1,28,28"}), "image"));
}

TEST(Bench, SeveralDevicesSideBySide) {
  const Outcome outcome = motley({"bench", digits_onnx(), "--runs", "4", "--warmup", "1", "--threads", "1", "--json",
                                  "--devices", "reference", "--devices", "cpu"});
  ASSERT_TRUE(succeeds(outcome));
  const auto json = outcome.json();
  ASSERT_EQ(json["results"].size(), 2u);
  EXPECT_EQ(json["threads"], 1);
  for (const auto& result : json["results"]) {
    EXPECT_EQ(result["runs"], 4);
    EXPECT_LE(result["min_ns"].get<double>(), result["median_ns"].get<double>());
    EXPECT_LE(result["median_ns"].get<double>(), result["p95_ns"].get<double>());
    EXPECT_FALSE(result["nodes"].empty());
  }
  EXPECT_EQ(json["results"][0]["speed_vs_first"], 1.0);

  const Outcome text = motley({"bench", digits_onnx(), "--runs", "2", "--shape", "3,1,28,28"});
  ASSERT_TRUE(succeeds(text));
  for (const char* word : {"median", "p95", "per op", "Conv"})
    EXPECT_NE(text.out.find(word), std::string::npos) << text.out;
}

}  // namespace motley::test
