// The journal: nothing acknowledged is lost, whatever happens to the process or the end of the file.
#include "journal/journal.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "journal/record.hpp"
#include "motley/error.hpp"
#include "temporary_folder.hpp"

namespace motley::tuner {
namespace {

Subject subject(int number) { return {"hw x", "Conv 1", "tile=" + std::to_string(number)}; }
Outcome outcome(int number) { return {Ending::measured, {0.25 * number, -0.125}, static_cast<uint64_t>(number), ""}; }

std::string read_all(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}
void write_all(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

TEST(Record, TellsDamageInEveryBit) {
  std::string line = encode_record({{"kind", "note"}, {"x", 1}});
  ASSERT_EQ(line.back(), '\n');
  line.pop_back();
  ASSERT_TRUE(decode_record(line));
  EXPECT_EQ((*decode_record(line))["x"], 1);
  for (size_t bit = 0; bit < line.size() * 8; ++bit) {
    std::string damaged = line;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(decode_record(damaged)) << "bit " << bit;
  }
}

TEST(Journal, KeepsWhatItWasTold) {
  const TemporaryFolder folder;
  {
    Journal journal(folder / "j");
    journal.begin(subject(1));
    journal.finish(subject(1), outcome(1));
    journal.note("session", {{"seed", 7}});
  }
  const Journal again(folder / "j");
  ASSERT_EQ(again.outcomes(subject(1)).size(), 1u);
  EXPECT_EQ(again.outcomes(subject(1))[0].log_ratios, outcome(1).log_ratios);
  EXPECT_EQ(again.outcomes(subject(1))[0].median_ns, 1u);
  EXPECT_EQ(again.notes().size(), 1u);
  EXPECT_EQ(again.damaged_lines(), 0u);
  EXPECT_EQ(again.strikes(subject(1)), 0u);
}

TEST(Journal, BansAfterTwoStrikes) {
  const TemporaryFolder folder;
  for (int time = 0; time < 2; ++time) {
    Journal journal(folder / "j");
    EXPECT_FALSE(journal.banned(subject(1)));
    journal.begin(subject(1));  // and the process ends here
  }
  Journal journal(folder / "j");
  EXPECT_TRUE(journal.banned(subject(1)));
  EXPECT_THROW(journal.begin(subject(1)), Error);
  EXPECT_FALSE(journal.banned(subject(2)));
  Subject elsewhere = subject(1);
  elsewhere.fingerprint = "hw y";
  EXPECT_FALSE(journal.banned(elsewhere));
}

TEST(Journal, CountsCrashesHangsAndWrongResultsAsStrikes) {
  const TemporaryFolder folder;
  Journal journal(folder / "j");
  int number = 0;
  for (const Ending ending : {Ending::wrong, Ending::crashed, Ending::hung, Ending::invalid, Ending::failed}) {
    const Subject s = subject(++number);
    journal.begin(s);
    journal.finish(s, {ending, {}, 0, "because"});
    const bool strike = ending != Ending::invalid && ending != Ending::failed;
    EXPECT_EQ(journal.strikes(s), strike ? 1u : 0u) << to_string(ending);
  }
}

// The file cut at every byte: what stands before the cut is read, what comes after is written whole. Each write waits
// for the disk, so what comes after is tried at every fifth byte and around the ends of lines.
TEST(Journal, SurvivesACutAtEveryByte) {
  const TemporaryFolder folder;
  constexpr int kRecords = 3;
  {
    Journal journal(folder / "whole");
    for (int i = 0; i < kRecords; ++i) {
      journal.begin(subject(i));
      journal.finish(subject(i), outcome(i));
    }
  }
  const std::string whole = read_all(folder / "whole");
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    const std::string text = whole.substr(0, cut);
    write_all(folder / "cut", text);
    const auto lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
    const size_t finished = lines > 0 ? (lines - 1) / 2 : 0;
    {
      Journal journal(folder / "cut");
      ASSERT_EQ(journal.all().size(), finished) << "cut at " << cut;
      ASSERT_EQ(journal.damaged_lines(), text.empty() || text.back() == '\n' ? 0u : 1u) << "cut at " << cut;
      const bool near_end = whole.find('\n', cut > 0 ? cut - 1 : 0) <= cut + 1;
      if (cut % 5 != 0 && !near_end) continue;
      journal.begin(subject(99));
      journal.finish(subject(99), outcome(99));
    }
    const Journal again(folder / "cut");
    ASSERT_EQ(again.all().size(), finished + 1) << "cut at " << cut;
    ASSERT_EQ(again.damaged_lines(), 0u) << "cut at " << cut;
  }
}

TEST(Journal, AFolderIsNone) {
  const TemporaryFolder folder;
  try {
    Journal journal(folder / "");
    ADD_FAILURE() << "a folder is taken for a journal";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).rfind("cannot open the journal \"", 0), 0u) << error.what();
  }
}

TEST(Journal, SkipsADamagedLine) {
  const TemporaryFolder folder;
  {
    Journal journal(folder / "j");
    for (int i = 0; i < 3; ++i) {
      journal.begin(subject(i));
      journal.finish(subject(i), outcome(i));
    }
  }
  std::string text = read_all(folder / "j");
  text[text.find("tile=1")] = 'x';
  write_all(folder / "j", text);
  const Journal journal(folder / "j");
  EXPECT_EQ(journal.damaged_lines(), 1u);
  EXPECT_EQ(journal.all().size(), 3u);
}

TEST(Journal, RefusesWhatIsNoJournal) {
  const TemporaryFolder folder;
  for (const std::string text : {"not a journal", "one line\nand another\n", "{\"journal\":\"motley.journal/1\"}\n"}) {
    write_all(folder / "other", text);
    EXPECT_THROW(Journal(folder / "other"), Error) << text;
    EXPECT_EQ(read_all(folder / "other"), text);
  }
  write_all(folder / "newer", encode_record({{"journal", "motley.journal/2"}}));
  EXPECT_THROW(Journal(folder / "newer"), Error);
}

TEST(Journal, HasOneWriter) {
  const TemporaryFolder folder;
  const Journal first(folder / "j");
  EXPECT_THROW(Journal(folder / "j"), Error);
}

TEST(Journal, MergeIsAUnion) {
  const TemporaryFolder folder;
  Journal a(folder / "a"), b(folder / "b");
  for (Journal* journal : {&a, &b}) {
    journal->begin(subject(1));
    journal->finish(subject(1), outcome(1));
  }
  b.begin(subject(1));
  b.finish(subject(1), outcome(2));
  const auto one = merge({&a, &b}), other = merge({&b, &a, &b});
  ASSERT_EQ(one.size(), 1u);
  ASSERT_EQ(one.at(subject(1)).size(), 2u);
  EXPECT_EQ(other.at(subject(1)).size(), 2u);
  EXPECT_EQ(one.at(subject(1))[0].median_ns, other.at(subject(1))[0].median_ns);
}

// A child writes records and says which are acknowledged; it is killed at a random moment, again and again. The records
// it spoke of are all there, and the config that was open at each death has its strike.
TEST(Journal, LosesNothingToKillAtRandomMoments) {
  const TemporaryFolder folder;
  const std::string path = folder / "j";
  constexpr int kKills = 40;
  std::mt19937 random(11);
  int next = 0;
  size_t acknowledged = 0;
  for (int kill_number = 0; kill_number < kKills; ++kill_number) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      try {
        Journal journal(path);
        for (int i = next;; ++i) {
          journal.begin(subject(i));
          journal.finish(subject(i), outcome(i));
          if (::write(ends[1], &i, sizeof i) != sizeof i) ::_exit(2);
        }
      } catch (const std::exception&) {
        ::_exit(3);
      }
    }
    ::close(ends[1]);
    int last = -1;
    // Waits for a first record, so that every child writes some.
    ASSERT_EQ(::read(ends[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
    ++acknowledged;
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20000));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
    for (int number = 0; ::read(ends[0], &number, sizeof number) == static_cast<ssize_t>(sizeof number); last = number)
      ++acknowledged;
    ::close(ends[0]);
    const Journal journal(path);
    for (int i = next; i <= last; ++i) {
      ASSERT_EQ(journal.outcomes(subject(i)).size(), 1u) << "record " << i << " after kill " << kill_number;
      ASSERT_EQ(journal.outcomes(subject(i))[0].log_ratios, outcome(i).log_ratios);
    }
    ASSERT_LE(journal.strikes(subject(last + 1)), 1u);
    next = last + 2;  // the one after may be open
  }
  EXPECT_GE(acknowledged, static_cast<size_t>(kKills));
}

}  // namespace
}  // namespace motley::tuner
