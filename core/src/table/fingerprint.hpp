// What identifies a device as far as measurements go.
#pragma once

#include "plugin/registry.hpp"
#include "table/document.hpp"

namespace motley::table {

// Puts "key=value" where it stands in the ascending lines of a fingerprint; once, if it is there already. So the order
// in which somebody lists facts doesn't matter.
void add_fact(std::string& lines, std::string fact);

// From what a plugin writes: lines "class key=value". Lines of another form are left out.
Fingerprint parse_fingerprint(const std::string& lines);

// Opens the device. Empty where it has none. Throws Error(plugin) where the device cannot be opened.
Fingerprint fingerprint_of(plugin::Device& device);

// The share of the hardware facts of both that are the same in both, 0 to 1.
double agreement(const std::string& a, const std::string& b);

}  // namespace motley::table
