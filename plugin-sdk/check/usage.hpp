// What the process holds: descriptors, threads, memory. For finding what a plugin leaves behind.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace motley::check {

int open_descriptors();
int running_threads();
uint64_t resident_bytes();

// Calls `body` often enough to tell growth from noise, and says what grows with each call: allocations, descriptors,
// threads, pages. "" where nothing does.
std::string growth(const std::function<void()>& body, int warm, int rounds);

}  // namespace motley::check
