// One problem from its space to the verdict, with a worker that has faults.
#include "tune/problem.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "motley/error.hpp"
#include "temporary_folder.hpp"

namespace motley::tuner {
namespace {

using std::chrono::milliseconds;

struct Scene {
  Space space;
  Candidates candidates{space, 1};
  TemporaryFolder folder;
  std::unique_ptr<Journal> journal = std::make_unique<Journal>(folder / "j");
  std::unique_ptr<Supervisor> supervisor;

  explicit Scene(Space s) : space(std::move(s)) { connect(); }
  // As a new process would begin.
  void reopen() {
    supervisor.reset();
    journal.reset();
    journal = std::make_unique<Journal>(folder / "j");
    connect();
  }
  void connect() {
    supervisor = std::make_unique<Supervisor>(
        std::vector<std::string>{FAKE_CHILD}, *journal, "hw", "Conv",
        [this](size_t id) { return space.text(candidates.config(id)); },
        WatchdogPolicy{milliseconds(3000), milliseconds(3000), 5});
  }
  TunedProblem tune(const ProblemOptions& options) {
    return tune_problem(candidates, candidates.find(space.default_config()).value(), *supervisor, *journal, options);
  }
};

// 8 times with 5 faults each: only those without one are fit to run.
Space faulty_space() {
  return Space({{"t", {800, 700, 600, 500, 400, 300, 200, 100}, 0},
                {"fault", {"none", "crash", "wrong", "invalid", "garbage"}, 0}},
               {});
}

TEST(TuneProblem, FaultsAreQuarantined) {
  Scene scene(faulty_space());
  ProblemOptions options;
  options.evaluations = 100;
  size_t calls = 0;
  options.progress = [&](size_t, double) { ++calls; };
  const TunedProblem tuned = scene.tune(options);
  EXPECT_EQ(scene.space.text(scene.candidates.config(tuned.winner)), "fault=none,t=100");
  EXPECT_FALSE(tuned.is_default);
  EXPECT_NEAR(tuned.log_ratio_to_default.middle, std::log(100.0 / 800), 1e-9);
  EXPECT_EQ(tuned.median_ns, 100u);
  EXPECT_EQ(tuned.mad_ns, 0u);
  EXPECT_EQ(tuned.tried, 39u);  // all but the default
  EXPECT_EQ(tuned.failed, 32u);
  EXPECT_EQ(calls, 39u);
  for (const auto& [subject, outcomes] : scene.journal->all()) {
    const bool good = subject.config.find("fault=none") != std::string::npos;
    EXPECT_EQ(outcomes.back().ending == Ending::measured, good) << subject.config;
    EXPECT_EQ(scene.journal->strikes(subject) > 0, !good && subject.config.find("invalid") == std::string::npos)
        << subject.config;
  }
}

TEST(TuneProblem, ResumesFromTheJournal) {
  Scene scene(faulty_space());
  ProblemOptions options;
  options.evaluations = 100;
  size_t tried = 0;
  options.progress = [&](size_t count, double) { tried = count; };
  options.stop = [&] { return tried >= 15; };
  EXPECT_EQ(scene.tune(options).tried, 15u);
  scene.reopen();
  options.stop = {};
  const TunedProblem tuned = scene.tune(options);
  EXPECT_EQ(tuned.tried, 39u);
  EXPECT_EQ(scene.space.text(scene.candidates.config(tuned.winner)), "fault=none,t=100");
  // A config that failed was tried once, though there were two runs of the tuner.
  for (const auto& [subject, outcomes] : scene.journal->all())
    if (outcomes.back().ending != Ending::measured) {
      EXPECT_EQ(outcomes.size(), 1u) << subject.config;
    }
}

TEST(TuneProblem, DefaultThatIsBestStays) {
  Scene scene(Space({{"t", {100, 200, 300, 400, 99}, 0}}, {}));
  const TunedProblem tuned = scene.tune({});
  EXPECT_TRUE(tuned.is_default) << "1 % better is not at least 1 % better for sure";
  EXPECT_EQ(tuned.median_ns, 100u);
}

TEST(TuneProblem, DefaultThatFailsIsAnError) {
  Scene scene(Space({{"t", {100, 200}, 0}, {"fault", {"crash", "none"}, 0}}, {}));
  EXPECT_THROW(scene.tune({}), Error);
}

TEST(Rigor, Climbs) {
  EXPECT_EQ(evaluations(Rigor::estimate), 0u);
  EXPECT_LT(evaluations(Rigor::measure), evaluations(Rigor::patient));
  EXPECT_LT(evaluations(Rigor::patient), evaluations(Rigor::exhaustive));
}

}  // namespace
}  // namespace motley::tuner
