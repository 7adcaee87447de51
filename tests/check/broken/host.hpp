// The parts of the host plugin that breaks.
#pragma once

#include "motley/plugin.hpp"

namespace motley::test {

// Changes the table of functions that the SDK made.
void break_table(motley_plugin& table);
// Adds exec_export, cache_verdict and exec_import to it.
void add_cache(motley_plugin& table);

}  // namespace motley::test
