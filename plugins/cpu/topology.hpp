// What kind of CPU this is, as far as choices and fingerprints need to know.
#pragma once

#include <cstdint>
#include <string>

namespace motley::cpu {

struct Topology {
  std::string model;  // "Intel(R) Xeon(R) Processor"; the architecture's name where the system tells no more
  std::string vendor;
  uint32_t cores = 1;     // logical processors
  double clock_ghz = 2;   // an estimate where the system does not tell
  uint64_t l2_bytes = 0;  // 0: unknown
  uint64_t memory_bytes = 0;
};

Topology read_topology();

}  // namespace motley::cpu
