// What several tables know together, and what differs between two.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace motley::tuner {

// The union of the tables' rows in canonical form: commutative, associative, and a table merged with itself is itself.
// Rows are observations, so nothing is averaged or dropped here; which config wins is computed from all of them when
// the table is used. Documents are as table::parse_document returns them. Throws Error(invalid_argument) for no
// document.
nlohmann::json merge_tables(const std::vector<nlohmann::json>& documents);

// One line of a comparison.
struct Difference {
  enum class Kind { added, removed, changed } kind = Kind::changed;
  std::string what;  // "kernel": a problem on a device; "device", "transfer", "plan"
  std::string name;
  std::string before, after;  // the winner and its time, or the row; empty where there is none
  double ratio = 1;           // of a kernel's times, after over before
};
// Kernels by what would be chosen, the rest by row; in the order of names.
std::vector<Difference> diff_tables(const nlohmann::json& before, const nlohmann::json& after);

// What a table says of one problem on one of its devices.
struct Decision {
  std::string problem, device, config;  // "" : the plugin's default
  std::string candidate;                // pairs of the config that make it a kernel of its own; "": the plain kernel
  uint64_t median_ns = 0;               // of that config; 0: not known
  double ratio = 1;                     // to the default
  size_t observations = 0;
};
std::vector<Decision> decisions_of(const nlohmann::json& document);

}  // namespace motley::tuner
