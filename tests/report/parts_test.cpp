// The parts that facts are made of: escapes, importance, the critical path, timelines, journals as a reader sees them.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/file.hpp"
#include "report/critical_path.hpp"
#include "report/importance.hpp"
#include "report/journal_file.hpp"
#include "report/page.hpp"
#include "report/timeline.hpp"
#include "samples.hpp"
#include "temporary_folder.hpp"

namespace motley::tuner {
namespace {

using nlohmann::json;

TEST(Page, FactsCannotEndTheirElement) {
  const json facts = {{"name", kHostile}, {kHostile, 1}};
  const std::string page = fill_page("<script>@MOTLEY_FACTS@</script>", facts);
  const std::string inside = page.substr(8, page.size() - 8 - 9);
  EXPECT_EQ(inside.find_first_of("<>&"), std::string::npos) << inside;
  EXPECT_EQ(inside.find("\xE2\x80\xA8"), std::string::npos);
  EXPECT_EQ(inside.find("\xE2\x80\xA9"), std::string::npos);
  EXPECT_EQ(json::parse(inside), facts) << "it still says the same";
}

TEST(Page, BytesThatAreNoTextAreReplaced) {
  const std::string text = html_safe_json({{"name", "\xFF\xC3"}});
  EXPECT_EQ(json::parse(text)["name"], "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Page, EveryByteAndPairSurvives) {
  std::string all;
  for (int c = 1; c < 128; ++c) all += static_cast<char>(c);
  for (const char* s : {"\xE2\x80\xA7", "\xE2\x80\xA8", "\xE2\x80\xAA", "ü", "\xF0\x9F\x98\x80"}) all += s;
  EXPECT_EQ(json::parse(html_safe_json(json(all))), json(all));
}

TEST(Page, TemplateNeedsAPlace) { EXPECT_THROW(fill_page("<html>", json::object()), Error); }

TEST(Importance, FindsTheParameterThatMatters) {
  std::vector<Sample> samples;
  for (int a = 0; a < 6; ++a)
    for (int b = 0; b < 6; ++b)
      samples.push_back(
          {{{"a", std::to_string(a)}, {"b", std::to_string(b)}, {"same", "x"}}, 100 * std::exp(a * 0.5 + b * 0.05)});
  const auto importance = importance_of(samples);
  ASSERT_EQ(importance.size(), 3u);
  EXPECT_EQ(importance[0].parameter, "a");
  // The variances of a and b are as 0.5 squared to 0.05 squared.
  EXPECT_NEAR(importance[0].share, 0.25 / 0.2525, 0.01);
  EXPECT_EQ(importance[0].values, 6u);
  EXPECT_LT(importance[1].share, 0.02);
  EXPECT_EQ(importance.back().share, 0);
}

TEST(Importance, OfNoiseIsNearNothing) {
  std::vector<Sample> samples;
  for (int i = 0; i < 400; ++i)
    samples.push_back({{{"a", std::to_string(i % 20)}}, 100 + 50 * std::fmod(std::sin(i * 12.9898) * 43758.5453, 1)});
  EXPECT_LT(importance_of(samples)[0].share, 0.05) << "20 groups of 20 explain 5 % by chance alone";
}

TEST(Importance, NeedsSpreadAndSamples) {
  EXPECT_TRUE(importance_of({{{{"a", "1"}}, 1}, {{{"a", "2"}}, 2}}).empty());
  EXPECT_TRUE(importance_of(std::vector<Sample>(20, {{{"a", "1"}}, 7})).empty());
  EXPECT_EQ(parameters_of("a=1,b=x=y,c,,d="),
            (std::map<std::string, std::string>{{"a", "1"}, {"b", "x=y"}, {"d", ""}}));
}

TEST(CriticalPath, TakesTheDearestChain) {
  // 0 → 1 → 3 and 0 → 2 → 3, where the edge to 2 costs more than node 1.
  EXPECT_EQ(critical_path({1, 5, 1, 1}, {{0, 1, 0}, {0, 2, 6}, {1, 3, 0}, {2, 3, 0}}), (std::vector<size_t>{0, 2, 3}));
  EXPECT_EQ(critical_path({1, 5, 1, 1}, {{0, 1, 0}, {0, 2, 3}, {1, 3, 0}, {2, 3, 0}}), (std::vector<size_t>{0, 1, 3}));
  EXPECT_EQ(critical_path({1, 9}, {{1, 0, 5}, {0, 7, 1}}), std::vector<size_t>{1})
      << "edges backwards and out of range";
  EXPECT_TRUE(critical_path({}, {}).empty());
  EXPECT_EQ(critical_path({0, 0}, {{0, 1, 0}}).size(), 1u);
}

TraceEvent event(TraceEvent::Kind kind, const std::string& name, uint64_t begin, uint64_t end) {
  TraceEvent e;
  e.kind = kind;
  e.name = name;
  e.device = "cpu";
  e.begin_ns = begin;
  e.end_ns = end;
  return e;
}

TEST(Timeline, ShowsTheMedianRunAndMedianTimes) {
  using Kind = TraceEvent::Kind;
  std::vector<TraceEvent> events;
  uint64_t at = 1000;
  for (const uint64_t length : {300, 100, 200}) {
    events.push_back(event(Kind::run, "", at, at + length));
    events.push_back(event(Kind::node, "n", at + 10, at + 10 + length / 2));
    events.push_back(event(Kind::node, "n", at + length - 5, at + length));  // again, as in a loop
    at += 1000;
  }
  events.push_back(event(Kind::node, "stray", at, at + 5));
  const Timeline line = timeline_of(events);
  EXPECT_EQ(line.runs, 3u);
  EXPECT_EQ(line.run_ns, 200);
  ASSERT_EQ(line.events.size(), 3u);
  EXPECT_EQ(line.events[0].begin_ns, 0u);
  EXPECT_EQ(line.events[0].end_ns, 200u);
  EXPECT_EQ(line.node_ns.at("n"), 105);
  EXPECT_FALSE(line.node_ns.contains("stray"));
  EXPECT_EQ(timeline_of({}).runs, 0u);
}

TEST(JournalFile, IsReadInOrderWhileItIsWritten) {
  TemporaryFolder folder;
  write_sample_journal(folder / "j");
  Journal writer(folder / "j");  // holds the lock
  const JournalFile file = read_journal(folder / "j");
  EXPECT_EQ(file.damaged, 0u);
  EXPECT_EQ(file.notes.size(), 3u);
  ASSERT_EQ(file.trials.size(), 2 * 61u);
  EXPECT_EQ(file.trials[0].subject.config, "kc=256,mc=96,nc=384");
  EXPECT_FALSE(file.trials.back().outcome) << "those without an end come last";
}

TEST(JournalFile, CutAnywhereItIsReadOrRefused) {
  TemporaryFolder folder;
  write_sample_journal(folder / "j");
  const std::string text = base::read_small_file(folder / "j", 1 << 20);
  size_t read = 0, refused = 0;
  for (size_t size = 0; size < text.size(); size += size < 400 ? 1 : 997) {
    try {
      const JournalFile file = parse_journal(std::string_view(text).substr(0, size), "it");
      EXPECT_EQ(file.damaged, 0u) << size;
      ++read;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      ++refused;
    }
  }
  EXPECT_GT(read, 50u);
  EXPECT_GT(refused, 10u);
  std::string bent = text;
  bent[bent.size() / 2] ^= 4;
  EXPECT_EQ(parse_journal(bent, "it").damaged, 1u);
  EXPECT_THROW(parse_journal("{\"journal\": 1}\n", "it"), Error);
  EXPECT_THROW(parse_journal("", "it"), Error);
}

}  // namespace
}  // namespace motley::tuner
