// The config to use for a problem, from all that was observed of it.
#pragma once

#include <span>
#include <string>

#include "table/document.hpp"

namespace motley::table {

struct Winner {
  const std::string* config = nullptr;  // null: what the plugin does by itself
  uint64_t median_ns = 0;               // of the runs with it; 0: not known
  double ratio = 1;                     // to the default's time
};

// Rows that say different things of one config are pooled: log ratios weighted by runs, never the smallest time. The
// winner is the config whose 95 % interval ends lowest, and only if it ends below 99 % of the default's time. All rows
// are of one problem on one device; those of a config stand together. The result depends on the rows' order only where
// two configs tie.
Winner winner_of(std::span<const KernelRow* const> rows);

// An order of rows in which what belongs together stands together: by problem, device and config, then by all the rest.
bool comes_before(const KernelRow& a, const KernelRow& b);

}  // namespace motley::table
