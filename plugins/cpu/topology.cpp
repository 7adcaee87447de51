// Reads /proc and /sys, which need no privileges and no library.
#include "topology.hpp"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

namespace motley::cpu {

namespace {

// The value of the first line "key : value" among the keys, which are tried in order.
std::string cpuinfo(std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
      const size_t colon = line.find(':');
      if (colon == std::string::npos || line.compare(0, std::string(key).size(), key) != 0) continue;
      const size_t start = line.find_first_not_of(" \t", colon + 1);
      if (start != std::string::npos) return line.substr(start);
    }
  }
  return {};
}

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Sizes as /sys writes them: "2048K".
uint64_t cache_bytes(const std::string& text) {
  const uint64_t number = std::strtoull(text.c_str(), nullptr, 10);
  if (text.find('K') != std::string::npos) return number << 10;
  return text.find('M') != std::string::npos ? number << 20 : number;
}

}  // namespace

Topology read_topology() {
  Topology t;
#if defined(__aarch64__)
  const char* architecture = "ARMv8";
#elif defined(__x86_64__)
  const char* architecture = "x86-64";
#else
  const char* architecture = "CPU";
#endif
  t.model = cpuinfo({"model name", "Hardware", "Processor"});
  if (t.model.empty()) t.model = architecture;
  t.vendor = cpuinfo({"vendor_id", "CPU implementer"});
  if (t.vendor.empty()) t.vendor = architecture;
  t.cores = std::max(1u, std::thread::hardware_concurrency());
  const double mhz = std::atof(cpuinfo({"cpu MHz"}).c_str());
  const double khz = std::atof(first_line("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq").c_str());
  if (khz > 0) t.clock_ghz = khz / 1e6;
  else if (mhz > 0) t.clock_ghz = mhz / 1e3;
  t.l2_bytes = cache_bytes(first_line("/sys/devices/system/cpu/cpu0/cache/index2/size"));
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGE_SIZE);
  if (pages > 0 && page > 0) t.memory_bytes = static_cast<uint64_t>(pages) * static_cast<uint64_t>(page);
  return t;
}

}  // namespace motley::cpu
