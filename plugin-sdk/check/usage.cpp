// Reading /proc and the counts of allocation.cpp.
#include "usage.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "allocation_hooks.hpp"

namespace motley::check {

namespace {

// Resident memory wobbles by some pages per call in any process; this much a call is none of that.
constexpr uint64_t kPagesPerCall = 16 << 10;
// A driver's own threads take and give back when they like, once; a leak comes back each time.
constexpr int kAttempts = 3;

int entries(const char* folder) {
  int count = 0;
  if (DIR* d = opendir(folder)) {
    while (readdir(d)) ++count;
    closedir(d);
  }
  return count;
}

}  // namespace

int open_descriptors() { return entries("/proc/self/fd"); }
int running_threads() { return entries("/proc/self/task") - 2; }
uint64_t resident_bytes() {
  unsigned long long total = 0, resident = 0;
  if (FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%llu %llu", &total, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

namespace {

// What grew over some rounds, or "".
std::string growth_once(const std::function<void()>& body, int rounds) {
  const int descriptors = open_descriptors(), threads = running_threads();
  const uint64_t resident = resident_bytes();
  const AllocationCount before = allocation_count();
  for (int i = 0; i < rounds; ++i) body();
  const AllocationCount after = allocation_count();
  const std::string rest = " (over " + std::to_string(rounds) + " rounds)";
  if (open_descriptors() > descriptors)
    return "leaks file descriptors: " + std::to_string(open_descriptors() - descriptors) + rest;
  if (running_threads() >= threads + rounds / 2)
    return "leaves threads running: " + std::to_string(running_threads() - threads) + rest;
  if (after.live - before.live >= rounds)
    return "leaks memory: " + std::to_string(after.live - before.live) + " allocations of " +
           std::to_string(after.live_bytes - before.live_bytes) + " bytes together" + rest;
  const uint64_t now = resident_bytes();
  if (!under_sanitizer() && now > resident && now - resident > kPagesPerCall * static_cast<uint64_t>(rounds))
    return "grows: " + std::to_string((now - resident) >> 10) + " KiB more resident" + rest;
  return {};
}

}  // namespace

std::string growth(const std::function<void()>& body, int warm, int rounds) {
  for (int i = 0; i < warm; ++i) body();
  std::string grown;
  for (int attempt = 0; attempt < kAttempts; ++attempt)
    if (grown = growth_once(body, rounds); grown.empty()) break;
  return grown;
}

}  // namespace motley::check
