// What a table knows for one device: which of its rows count here, and what they say of a problem.
#pragma once

#include "table/winner.hpp"

namespace motley::table {

// Where an answer comes from, the best first. Only `race` and `exact` were measured here; the rest are priors.
enum class Source : uint8_t {
  race,     // the plan that is followed was run with it
  exact,    // this problem on this device
  driver,   // as exact, with another driver
  nearest,  // a similar problem on this device
  sibling,  // this problem on a device that shares at least half of the hardware facts, with the same kernels
  family,   // this problem with the same kernels on other hardware
  none      // nothing fits: the plugin's default
};
inline constexpr size_t kSources = 7;
const char* to_string(Source source);

struct Answer {
  Source source = Source::none;
  std::string config;      // "": what the plugin does by itself
  // Measured here where `exact`, with another driver where `driver`, a neighbour's scaled by size where `nearest`; 0:
  // not known.
  uint64_t median_ns = 0;
  std::string from;        // of what is not exact: the problem or device that it comes from
  size_t refused = 0;      // better ones that the judge refused
};

// Whether a config can be used for the problem that is looked up, here and now.
class Judge {
 public:
  virtual bool accepts(const std::string& config) = 0;

 protected:
  ~Judge() = default;
};

// Immutable, and [any] after construction. The table stays where it is.
class Lookup {
 public:
  Lookup(const Table& table, const std::string& plugin, const Fingerprint& here);

  // Exact, then other driver, then the three nearest problems, sibling, family. An answer that the judge refuses is
  // passed over.
  Answer find(const std::string& problem, Judge& judge) const;

  // Why a device's rows are not used as measured here; null where they are.
  struct Standing {
    Source source = Source::none;
    const char* reason = nullptr;
    bool same_plugin = false;
  };
  const std::vector<Standing>& standings() const { return standings_; }  // per device of the table

 private:
  // The rows of one problem on one device of the table.
  struct Group {
    const std::string* problem;
    uint32_t device;
    std::vector<const KernelRow*> rows;
  };

  bool take(const std::string& problem, const Group& group, Source source, Judge& judge, Answer& answer) const;
  bool take_best(const std::string& problem, Source source, Judge& judge, Answer& answer) const;
  bool take_nearest(const std::string& problem, Judge& judge, Answer& answer) const;

  const Table& table_;
  std::vector<Standing> standings_;
  std::vector<double> agreement_;  // with the hardware here, per device of the table
  std::vector<Group> groups_;      // by problem; only of devices whose rows count
};

}  // namespace motley::table
