// What identifies a device as far as measurements go.
#pragma once

#include "plugin/registry.hpp"
#include "table/facts.hpp"

namespace motley::table {

// From what a plugin writes: lines "class key=value". Lines of another form are left out.
Fingerprint parse_fingerprint(const std::string& lines);

// Opens the device. Empty where it has none. Throws Error(plugin) where the device cannot be opened.
Fingerprint fingerprint_of(plugin::Device& device);

}  // namespace motley::table
