// T4, T1 and cache files: what is read is what was written, and damage gets a sentence.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "formats/python_json.hpp"
#include "formats/read.hpp"
#include "formats/text_file.hpp"
#include "formats/write.hpp"
#include "motley/error.hpp"
#include "temporary_folder.hpp"

namespace motley::tuner {
namespace {

constexpr const char* kT4 = R"({"schema_version": "1.0.0", "metadata": {"timeunit": "miliseconds"}, "results": [
  {"timestamp": "t", "configuration": {"x": 16, "mode": "a"}, "times": {"compilation": 2, "runtimes": [3, 1, 2, 1]},
   "invalidity": "correct", "correctness": 1, "measurements": [{"name": "time", "value": 1.75, "unit": ""}], "objectives": ["time"]},
  {"timestamp": "t", "configuration": {"x": 8, "mode": "b"}, "times": {"runtimes": [1]},
   "invalidity": "runtime", "correctness": 0, "measurements": [{"name": "time", "value": "RuntimeFailedConfig", "unit": ""}], "objectives": ["time"]}
]})";

std::filesystem::path data() { return std::filesystem::path(MOTLEY_SOURCE_DIR) / "../shared/data/tuning"; }

TEST(T4, TrustsInvalidity) {
  const Recording r = read_t4(kT4, "the text");
  ASSERT_EQ(r.observations.size(), 2u);
  EXPECT_EQ(r.parameters[0].name, "mode");
  EXPECT_EQ(r.parameters[1].values[0], Value(8));
  EXPECT_EQ(r.observations[0].config, (Config{0, 1}));
  EXPECT_EQ(r.observations[0].runs_ns, (std::vector<double>{3e6, 1e6, 2e6, 1e6}));
  EXPECT_EQ(typical_ns(r.observations[0]), 1e6);  // without the first run
  EXPECT_EQ(r.observations[1].validity, Validity::runtime);
  EXPECT_EQ(typical_ns(r.observations[1]), 0);
  EXPECT_TRUE(r.observations[1].runs_ns.empty());
}

void expect_same(const Recording& a, const Recording& b) {
  ASSERT_EQ(a.observations.size(), b.observations.size());
  ASSERT_EQ(a.parameters.size(), b.parameters.size());
  for (size_t p = 0; p < a.parameters.size(); ++p)
    EXPECT_EQ(a.parameters[p].values.size(), b.parameters[p].values.size());
  for (size_t i = 0; i < a.observations.size(); ++i) {
    EXPECT_EQ(a.observations[i].validity, b.observations[i].validity);
    ASSERT_EQ(a.observations[i].runs_ns.size(), b.observations[i].runs_ns.size());
    EXPECT_NEAR(typical_ns(a.observations[i]), typical_ns(b.observations[i]), 1e-6 * typical_ns(a.observations[i]));
  }
}

TEST(Formats, RoundTrip) {
  const Recording r = read_t4(kT4, "the text");
  expect_same(read_t4(write_t4(r), "the T4"), r);
  EXPECT_EQ(write_t4(read_t4(write_t4(r), "the T4")), write_t4(r));
  const Recording cache = read_cache(write_cache(r), "the cache");
  ASSERT_EQ(cache.observations.size(), 2u);
  expect_same(read_cache(write_cache(cache), "the cache"), cache);
  expect_same(read_t4(write_t4(cache), "the T4"), cache);
}

TEST(Formats, FilesMayBeCompressed) {
  const TemporaryFolder folder;
  std::ofstream(folder / "conv_X1_T4.json.gz", std::ios::binary) << gzip(kT4);
  const Recording r = read_recording(folder / "conv_X1_T4.json.gz");
  EXPECT_EQ(r.kernel, "conv");
  EXPECT_EQ(r.device, "X1");
  EXPECT_EQ(r.observations.size(), 2u);
  std::ofstream(folder / "cut.json.gz", std::ios::binary) << gzip(kT4).substr(0, 60);
  EXPECT_THROW(read_recording(folder / "cut.json.gz"), Error);
  std::string damaged = gzip(kT4);
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
  std::ofstream(folder / "damaged.json.gz", std::ios::binary) << damaged;
  EXPECT_THROW(read_recording(folder / "damaged.json.gz"), Error);
  std::ofstream(folder / "bomb.gz", std::ios::binary) << gzip(std::string(1 << 20, ' '));
  EXPECT_THROW(read_text_file(folder / "bomb.gz", 1 << 16), Error);
  EXPECT_THROW(read_recording(folder / "missing.json"), Error);
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(T4, DamageIsAnError) {
  const std::string good = kT4;
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{}"), good.substr(0, good.size() - 3),
        with(good, "miliseconds", "fortnights"), with(good, "\"correct\"", "\"fine\""), with(good, "[3, 1,", "[3, -1,"),
        with(good, "[3, 1,", "[3, \"x\","), with(good, "\"x\": 16", "\"z\": 16"),
        with(good, "\"x\": 16", "\"x\": [16]"), with(good, "\"x\": 16", "\"x\": 16, \"x\": 16"),
        with(good, "\"x\": 16", "\"x\": 16, \"y\": 1"), with(good, "\"results\"", "\"result\""),
        with(good, "16", "1e999"),
        "{\"metadata\": {\"timeunit\": \"ms\"}, \"results\": " + std::string(100, '[') + std::string(100, ']') + "}"})
    EXPECT_THROW(read_t4(text, "the text"), Error) << text.substr(0, 200);
}

// A file of three configs that work, the second of which is changed.
std::string three_rows(const std::string& from, const std::string& to) {
  std::string rows;
  for (int x = 1; x <= 3; ++x) {
    std::string row = R"({"configuration": {"x": )" + std::to_string(x) +
                      R"(}, "times": {"runtimes": [3, 2]}, "invalidity": "correct", "measurements": []})";
    rows += (x > 1 ? "," : "") + (x == 2 ? with(row, from, to) : row);
  }
  return R"({"metadata": {"timeunit": "ms"}, "results": [)" + rows + "]}";
}

TEST(T4, ADamagedRowCostsOnlyItself) {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{{"[3, 2]", "[NaN, 2]"},
                                                                                 {"[3, 2]", "[Infinity]"},
                                                                                 {"[3, 2]", "[-Infinity, 1]"},
                                                                                 {"[3, 2]", "[0, 0]"},
                                                                                 {"[3, 2]", "[]"},
                                                                                 {"[3, 2]", "null"},
                                                                                 {"\"correct\"", "\"odd\""},
                                                                                 {"\"times\"", "\"thymes\""}}) {
    const Recording r = read_t4(three_rows(from, to), "the text");
    EXPECT_EQ(r.damaged, 1u) << to;
    ASSERT_EQ(r.observations.size(), 3u) << to;
    EXPECT_EQ(typical_ns(r.observations[1]), 0) << to;
    EXPECT_EQ(typical_ns(r.observations[2]), 2e6) << to;
  }
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"{\"x\": 2}", "{}"}, {"\"x\"", "\"y\""}, {"{\"x\": 2}", "7"}, {": 2}", ": null}"}}) {
    const Recording r = read_t4(three_rows(from, to), "the text");
    EXPECT_EQ(r.damaged, 1u) << to;
    EXPECT_EQ(r.observations.size(), 2u) << to;
  }
}

TEST(T4, MayLeaveOutWhatIsUsual) {
  std::string text = three_rows("x", "x");
  text = with(text, R"("metadata": {"timeunit": "ms"}, )", "");
  for (int i = 0; i < 3; ++i) text = with(text, R"(, "invalidity": "correct", "measurements": [])", "");
  const Recording r = read_t4(text, "the text");
  EXPECT_EQ(r.damaged, 0u);
  EXPECT_EQ(typical_ns(r.observations[0]), 2e6);
}

TEST(Formats, PythonsNumbersAreNoneInStrings) {
  EXPECT_EQ(without_special_numbers(R"({"NaN": "-Infinity \" NaN", "a": [NaN, -Infinity,Infinity, -1]})"),
            R"({"NaN": "-Infinity \" NaN", "a": [null, null,null, -1]})");
  EXPECT_EQ(without_special_numbers("N"), "N");
}

TEST(Cache, ADamagedRowCostsOnlyItself) {
  const Recording r = read_cache(R"({"tune_params": {"x": [1, 2, 3]}, "cache": {
    "1": {"x": 1, "time": 2.5}, "2": {"x": 2, "time": NaN}, "3": {"x": 3}, "4": {"time": 2}}})",
                                 "the text");
  EXPECT_EQ(r.damaged, 3u);
  ASSERT_EQ(r.observations.size(), 3u);
  EXPECT_EQ(typical_ns(r.observations[1]), 0);
  EXPECT_EQ(typical_ns(r.observations[2]), 0);
}

TEST(Cache, OfATuningThatWasStoppedIsOpen) {
  const std::string row = R"("1": {"x": 1, "time": 2.5, "times": [2.5]})",
                    start = R"({"device_name": "d", "kernel_name": "k", "tune_params_keys": ["x"],
      "tune_params": {"x": [1, 2]}, "objective": "time", "cache": {)";
  EXPECT_EQ(read_cache(start + row + ",\n", "the text").observations.size(), 1u);
  EXPECT_EQ(read_cache(start + row + "}}", "the text").observations.size(), 1u);
  EXPECT_THROW(read_cache(start + row.substr(0, row.size() - 2) + ",", "the text"), Error) << "within a row";
  EXPECT_THROW(read_cache(",", "the text"), Error);
}

TEST(Cache, OldFailuresAreFailures) {
  const Recording r = read_cache(R"({"device_name": "d", "kernel_name": "k", "tune_params_keys": ["x"], "cache": {
    "1": {"x": 1, "time": 2.5}, "2": {"x": 2, "time": 1e20}, "3": {"x": 3, "time": "InvalidConfig"}}})",
                                 "the text");
  EXPECT_EQ(typical_ns(r.observations[0]), 2.5e6);
  EXPECT_EQ(r.observations[1].validity, Validity::runtime);
  EXPECT_EQ(r.observations[2].validity, Validity::constraints);
  EXPECT_THROW(read_cache(R"({"tune_params_keys": ["x"], "cache": {"1": {"time": 2.5}}})", "the text"), Error);
  EXPECT_THROW(read_cache(R"({"tune_params_keys": ["x"], "cache": {"1": {"x": 1}}})", "the text"), Error);
  EXPECT_THROW(read_cache(R"({"tune_params_keys": ["x"], "cache": {"1": []}})", "the text"), Error);
}

TEST(T1, SpacesRoundTrip) {
  const PublishedSpace read = read_t1(R"({"ConfigurationSpace": {"TuningParameters": [
    {"Name": "x", "Type": "int", "Values": "[1, 2, 4]", "Default": 2}, {"Name": "m", "Type": "string", "Values": "['a', 'b']", "Default": "b"}],
    "Conditions": [{"Expression": "x > 1", "Parameters": ["x"]}]}, "KernelSpecification": {"KernelName": "k"}})",
                                      "the text");
  EXPECT_EQ(read.kernel, "k");
  EXPECT_EQ(read.space.enumerate(100)->size(), 4u);
  EXPECT_EQ(read.space.text(read.space.default_config()), "m=b,x=2");
  const PublishedSpace again = read_t1(write_t1(read.kernel, read.space), "the T1");
  EXPECT_EQ(again.kernel, "k");
  EXPECT_EQ(again.space.text(again.space.default_config()), "m=b,x=2");
  EXPECT_EQ(again.space.enumerate(100), read.space.enumerate(100));
}

// The published spaces enumerate to exactly the configs that were recorded for them.
TEST(T1, AgreesWithTheRecordings) {
  if (!std::filesystem::exists(data())) GTEST_SKIP() << "no recorded data at " << data();
  for (const auto& [space_file, recording_file] : {std::pair{"convolution_T1.json", "convolution_A4000_T4.json.gz"},
                                                   std::pair{"dedispersion_T1.json", "dedispersion_A100_T4.json.gz"}}) {
    const PublishedSpace published = read_t1(read_text_file(data() / space_file), space_file);
    const Recording recording = read_recording(data() / recording_file);
    const auto configs = published.space.enumerate(1000000);
    ASSERT_TRUE(configs);
    EXPECT_EQ(configs->size(), recording.observations.size()) << space_file;
    const Space recorded(recording.parameters, {});
    for (const Observation& o : recording.observations)
      EXPECT_TRUE(published.space.valid(published.space.parse(recorded.text(o.config))));
  }
}

}  // namespace
}  // namespace motley::tuner
