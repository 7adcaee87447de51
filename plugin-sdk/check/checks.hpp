// The groups of checks, each run in a child process of its own.
#pragma once

#include <string>
#include <vector>

#include "cases.hpp"
#include "child.hpp"

namespace motley::check {

struct Options {
  std::string library;     // the plugin under test
  std::string reference;   // libmotley_reference, the oracle
  double timeout_s = 120;  // per group
  bool quick = false;      // every third case
};

// Entry point, struct sizes, required functions, unknown extensions, device descriptions.
void check_rules(const Options& options, Reporter& reporter);
// Open, compile and release again and again; bad graphs; short error buffers; several threads.
void check_lifetimes(const Options& options, Reporter& reporter);
// Every op that the plugin claims, for all cases of one label, against the reference.
void check_op(const Options& options, const std::string& label, const std::vector<Case>& cases, Reporter& reporter);
// Tuning spaces: every single-parameter change of the default config that config_check admits compiles and is right.
void check_tuning(const Options& options, const std::vector<Case>& cases, Reporter& reporter);

}  // namespace motley::check
