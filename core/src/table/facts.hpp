// What identifies a device as far as measurements go, and configs, as text.
#pragma once

#include <string>

namespace motley::table {

// What decides whether a measurement counts here, per class "key=value\n" lines in ascending order.
struct Fingerprint {
  std::string hw, driver, kernels;
  bool operator==(const Fingerprint&) const = default;
};

// Puts "key=value" where it stands in the ascending lines of a fingerprint; once, if it is there already. So the order
// in which somebody lists facts doesn't matter.
void add_fact(std::string& lines, std::string fact);

// The share of the hardware facts of both that are the same in both, 0 to 1.
double agreement(const std::string& a, const std::string& b);

// Whether a config has all the "key=value" pairs of another.
bool has_pairs(const std::string& config, const std::string& pairs);

}  // namespace motley::table
