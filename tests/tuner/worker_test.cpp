// The worker and its supervisor: every fault is one record, and the next candidate gets a worker that works.
#include <gtest/gtest.h>

#include "motley/error.hpp"
#include "temporary_folder.hpp"
#include "worker/supervisor.hpp"

namespace motley::tuner {
namespace {

using std::chrono::milliseconds;

const std::vector<std::string> kCommand = {FAKE_CHILD};
// Long enough for a busy machine to start a process; a hang costs this much.
const WatchdogPolicy kPolicy{milliseconds(1500), milliseconds(1500), 5};

TEST(Watchdog, FollowsTheIncumbent) {
  const WatchdogPolicy policy;
  EXPECT_EQ(patience(policy, 0), milliseconds(2000));
  EXPECT_EQ(patience(policy, 1e6), milliseconds(2000));
  EXPECT_EQ(patience(policy, 1e9), milliseconds(5000));
  EXPECT_EQ(patience(policy, 1e12), milliseconds(10000));
}

TEST(Child, AnswersAndEnds) {
  Child child(kCommand);
  nlohmann::json reply;
  ASSERT_EQ(child.ask({{"do", "run"}, {"config", "t=5"}}, milliseconds(10000), reply), Receipt::message);
  EXPECT_EQ(reply["ns"], 5);
  EXPECT_EQ(child.ask({{"do", "run"}, {"config", "t=5,fault=exit"}}, milliseconds(10000), reply), Receipt::gone);
  EXPECT_FALSE(child.running());
  EXPECT_EQ(child.how_it_ended(), "ended (code 5)");
}

TEST(Child, ProgramThatIsMissing) {
  Child child({"/no/such/program"});
  nlohmann::json reply;
  EXPECT_EQ(child.ask({{"do", "run"}}, milliseconds(10000), reply), Receipt::gone);
  EXPECT_EQ(child.how_it_ended(), "ended (code 127)");
}

TEST(Worker, OpensInANewProcessWhereTheOldOneCannotLetGo) {
  Worker worker(kCommand);
  const auto request = [](const char* config) { return nlohmann::json{{"do", "open"}, {"config", config}}; };
  worker.open("first", request("t=1"), milliseconds(10000));
  worker.open("second", request("t=2,fault=used"), milliseconds(10000));
  EXPECT_EQ(worker.restarts(), 1u);
  EXPECT_THROW(worker.open("third", request("t=3,fault=crash"), milliseconds(10000)), Error);
}

struct Scene {
  TemporaryFolder folder;
  Journal journal{folder / "j"};
  std::vector<std::string> configs;
  Supervisor supervisor{kCommand, journal, "hw", "Conv", [this](size_t i) { return configs[i]; }, kPolicy};

  explicit Scene(std::vector<std::string> texts) : configs(std::move(texts)) {}
  Ending ending(size_t candidate) {
    const auto& outcomes = journal.outcomes({"hw", "Conv", configs[candidate]});
    return outcomes.empty() ? Ending::measured : outcomes.back().ending;
  }
};

TEST(Supervisor, GoodConfigIsMeasured) {
  Scene scene({"t=100", "t=50"});
  for (size_t candidate : {0, 1}) {
    ASSERT_TRUE(scene.supervisor.begin(candidate));
    EXPECT_EQ(scene.supervisor.run_ns(candidate), candidate == 0 ? 100 : 50);
    scene.supervisor.finish(candidate, {0.5});
  }
  const auto& outcomes = scene.journal.outcomes({"hw", "Conv", "t=50"});
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].median_ns, 50u);
  EXPECT_EQ(scene.supervisor.restarts(), 0u);
}

struct Fault {
  const char* name;
  Ending ending;
  uint32_t strikes;
  const char* reason;
};
class Faults : public testing::TestWithParam<std::tuple<Fault, const char*>> {};

TEST_P(Faults, AreRecordsAndNoEnd) {
  const auto& [fault, when] = GetParam();
  Scene scene({std::string("t=100,fault=") + fault.name + ",in=" + when, "t=50"});
  if (std::string(when) == "check") {
    EXPECT_FALSE(scene.supervisor.begin(0));
  } else {
    ASSERT_TRUE(scene.supervisor.begin(0));
    if (std::string(when) == "confirm") {
      EXPECT_EQ(scene.supervisor.run_ns(0), 100);
      EXPECT_FALSE(scene.supervisor.confirm(0));
    }
    EXPECT_EQ(scene.supervisor.run_ns(0), 0);
    EXPECT_EQ(scene.supervisor.run_ns(0), 0) << "a candidate that failed does not run again";
  }
  EXPECT_EQ(scene.ending(0), fault.ending);
  EXPECT_NE(scene.supervisor.last_failure().reason.find(fault.reason), std::string::npos)
      << scene.supervisor.last_failure().reason;
  EXPECT_EQ(scene.journal.strikes({"hw", "Conv", scene.configs[0]}), fault.strikes);
  scene.supervisor.finish(0, {1});  // must not turn it into a success
  EXPECT_EQ(scene.ending(0), fault.ending);
  ASSERT_TRUE(scene.supervisor.begin(1));
  EXPECT_EQ(scene.supervisor.run_ns(1), 50);
}

INSTANTIATE_TEST_SUITE_P(All, Faults,
                         testing::Combine(testing::Values(Fault{"crash", Ending::crashed, 1, "signal 6"},
                                                          Fault{"exit", Ending::crashed, 1, "code 5"},
                                                          Fault{"hang", Ending::hung, 1, "longer than"},
                                                          Fault{"garbage", Ending::crashed, 1, "no message"},
                                                          Fault{"flood", Ending::crashed, 1, "no message"},
                                                          Fault{"wrong", Ending::wrong, 1, "element 3"},
                                                          Fault{"invalid", Ending::invalid, 0, "local memory"},
                                                          Fault{"throw", Ending::failed, 0, "plugin threw"}),
                                          testing::Values("check", "run", "confirm")),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param).name) + "_in_" + std::get<1>(test.param);
                         });

TEST(Supervisor, NoTimeIsAFailure) {
  Scene scene({"t=1,fault=timeless"});
  ASSERT_TRUE(scene.supervisor.begin(0));
  EXPECT_EQ(scene.supervisor.run_ns(0), 0);
  EXPECT_EQ(scene.ending(0), Ending::failed);
}

TEST(Supervisor, TwoStrikesAndOut) {
  Scene scene({"t=1,fault=crash"});
  EXPECT_FALSE(scene.supervisor.begin(0));
  EXPECT_FALSE(scene.supervisor.begin(0));
  EXPECT_EQ(scene.journal.outcomes({"hw", "Conv", scene.configs[0]}).size(), 2u);
  EXPECT_FALSE(scene.supervisor.begin(0));
  EXPECT_EQ(scene.journal.outcomes({"hw", "Conv", scene.configs[0]}).size(), 2u) << "a banned config is not tried";
  EXPECT_NE(scene.supervisor.last_failure().reason.find("banned"), std::string::npos);
}

}  // namespace
}  // namespace motley::tuner
