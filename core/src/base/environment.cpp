// Environment variables, and the processor cores that this process may use.
#include "base/environment.hpp"

#include <sched.h>
#include <sys/auxv.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "base/text.hpp"

namespace motley::base {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

File open_text(const std::string& path) {
  return {std::fopen(path.c_str(), "re"), [](std::FILE* f) { return f ? std::fclose(f) : 0; }};
}

// Cores that one cgroup's quota is worth, rounded up; 0 where it has none.
uint32_t quota_of(const std::string& folder) {
  const File file = open_text(base::text("%/cpu.max", {folder}));
  long long quota = 0, period = 0;
  if (!file || std::fscanf(file.get(), "%lld %lld", &quota, &period) != 2 || quota <= 0 || period <= 0) return 0;
  return static_cast<uint32_t>(std::min<long long>((quota - 1) / period + 1, 4096));
}

// The smallest quota on the way from this process's cgroup (version 2) to the root; 0 where there is none.
uint32_t cgroup_cores() {
  const File file = open_text("/proc/self/cgroup");
  char line[4096];
  std::string path;
  while (file && std::fgets(line, sizeof line, file.get())) {
    if (std::string(line).rfind("0::", 0) == 0) path = line + 3;
  }
  while (!path.empty() && (path.back() == '\n' || path.back() == '/')) path.pop_back();
  uint32_t cores = quota_of("/sys/fs/cgroup");
  for (; !path.empty(); path.resize(path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/'))) {
    const uint32_t here = quota_of(base::text("/sys/fs/cgroup%", {path}));
    if (here != 0) cores = cores == 0 ? here : std::min(cores, here);
  }
  return cores;
}

}  // namespace

bool elevated() { return getauxval(AT_SECURE) != 0; }

const char* environment(const char* name) { return elevated() ? nullptr : std::getenv(name); }

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> items;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    if (end > begin) items.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return items;
}

uint32_t available_cores() {
  uint32_t cores = std::max(1u, std::thread::hardware_concurrency());
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
    cores = static_cast<uint32_t>(CPU_COUNT(&set));
  const uint32_t quota = cgroup_cores();
  return quota == 0 ? cores : std::min(cores, quota);
}

}  // namespace motley::base
