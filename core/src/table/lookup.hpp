// What a table knows for one device: which of its rows count here, and what they say of a problem.
#pragma once

#include <memory>

#include "table/document.hpp"

namespace motley::table {

// Where an answer comes from, the best first. Only `race` and `exact` were measured here; the rest are priors.
enum class Source : uint8_t {
  race,     // the plan that is followed was run with it
  candidate,  // the planner chose it among what the device offers for the node
  exact,    // this problem on this device
  driver,   // as exact, with another driver
  nearest,  // a similar problem on this device
  sibling,  // this problem on a device that shares at least half of the hardware facts, with the same kernels
  family,   // this problem with the same kernels on other hardware
  none      // nothing fits: the plugin's default
};
inline constexpr size_t kSources = 8;
const char* to_string(Source source);

struct Answer {
  Source source = Source::none;
  std::string config;      // "": what the plugin does by itself
  // Measured here where `exact`, with another driver where `driver`, a neighbour's scaled by size where `nearest`; 0:
  // not known.
  uint64_t median_ns = 0;
  std::string from;        // of what is not exact: the problem or device that it comes from
  size_t refused = 0;      // better ones that the judge refused
  double error = 0;        // relative, of find_with: measured against the reference
};

// Whether a config can be used for the problem that is looked up, here and now.
class Judge {
 public:
  virtual bool accepts(const std::string& config) = 0;
  // Rows of configs that stand for a kernel of its own, such as one of lower precision, are no answer.
  virtual bool concerns(const std::string&) const { return true; }

 protected:
  ~Judge() = default;
};

// What a table says of one device. Immutable, and [any] after construction.
class Lookup {
 public:
  virtual ~Lookup() = default;

  // Exact, then other driver, then the three nearest problems, sibling, family. An answer that the judge refuses is
  // passed over, and so are rows of candidates.
  virtual Answer find(const std::string& problem, Judge& judge) const = 0;

  // The fastest config with all the pairs of `config` that was measured for the problem, here or with another driver.
  virtual Answer find_with(const std::string& problem, const std::string& config) const = 0;

  // What was measured here for the problem with exactly this config ("": the plugin's default): the mean of rows by
  // their runs, ns; 0 where there is no row.
  virtual uint64_t median_with(const std::string& problem, const std::string& config) const = 0;

  // Why a device's rows are not used as measured here; null where they are.
  struct Standing {
    Source source = Source::none;
    const char* reason = nullptr;
    bool same_plugin = false;
  };
  const std::vector<Standing>& standings() const { return standings_; }  // per device of the table

 protected:
  std::vector<Standing> standings_;
};

// For a device of `plugin` with the fingerprint `here`. The table stays where it is. In libmotley_tables.
std::unique_ptr<Lookup> make_lookup(const Table& table, const std::string& plugin, const Fingerprint& here);

}  // namespace motley::table
