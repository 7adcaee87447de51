// What tables and journals together know of each problem on each device.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "report/devices.hpp"
#include "report/journal_file.hpp"

namespace motley::tuner {

// What is known of one config of a problem.
struct ConfigFacts {
  double ns = 0, mad_ns = 0;  // 0: not known
  double ratio = 0;           // time over the default's; 0: not known
  double ratio_high = 0;      // upper end of its 95 % interval; 0: not known
  size_t runs = 0;
  std::string rigor;               // "" where only a journal knows it
  std::string ending, reason;      // as in the journal, or "interrupted"; "measured" from a table
  std::vector<double> log_ratios;  // of the journal
  size_t strikes = 0;
  size_t order = 0;  // of its first trial in the journals, from 1; 0: not there
  bool in_table = false;
};

struct ProblemFacts {
  std::map<std::string, ConfigFacts> configs;  // "" is the default, where its own text is not known
  std::string default_config;                  // its text, where a journal tells
  size_t trials = 0;
};

class ReportProblems {
 public:
  void add_table(const nlohmann::json& document);
  // Ids of devices come from `devices`.
  void add_journal(const JournalFile& journal, ReportDevices& devices);

  // See facts.hpp, "problems".
  nlohmann::json facts();

 private:
  std::map<std::pair<std::string, std::string>, ProblemFacts> problems_;  // (problem, device)
};

}  // namespace motley::tuner
