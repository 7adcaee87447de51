// One case through import, compile and run.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cases.hpp"

namespace motley::conformance {

enum class Status { passed, failed, skipped };
const char* to_string(Status status);

struct Result {
  std::string name, op;
  Status status = Status::failed;
  std::string reason;             // empty where it passed
  std::set<std::string> devices;  // that ran a node; empty where everything was folded into constants
  bool fixed_shapes = false;      // inputs that steer shapes were given as constants
};

// Where nodes run: as the runtime likes, on the devices in turn op by op, or anywhere, once per seed. Forced ones run
// after a plain one, and each must give the expected outputs.
struct PlacementMode {
  enum class Kind { none, alternate, random } kind = Kind::none;
  unsigned seeds = 1;
};

// Never throws: what goes wrong is the result. "unsupported" errors of import and compile skip the case. Of `options` devices and
// fallback count.
Result run_case(const Runtime& runtime, const Case& c, const CompileOptions& options,
                const PlacementMode& placement = {});

}  // namespace motley::conformance
