// What the command line asks for.
#pragma once

#include <cstdint>
#include <string>

namespace motley::check {

enum class Depth { quick, normal, exhaustive };

struct Options {
  std::string library;    // the plugin under test
  std::string reference;  // libmotley_reference, the oracle
  std::string device;     // only the device of this id; "": all
  std::string filter = "*", op;
  std::string expect, json, junit;
  double timeout_s = 120;  // that a check may go without progress
  Depth depth = Depth::normal;
  uint64_t seed = 1;
  uint32_t jobs = 1;  // checks of results side by side
  bool list = false, help = false;

  // One of three by depth.
  template <class T>
  T by_depth(T quick, T normal, T exhaustive) const {
    return depth == Depth::quick ? quick : depth == Depth::normal ? normal : exhaustive;
  }
};

extern const char* const kHelp;

// Throws std::invalid_argument with a sentence.
Options parse_options(int argc, char** argv);

}  // namespace motley::check
