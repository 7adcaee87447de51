// Counting allocations of the whole process, and failing those of the plugin: this program's malloc is everybody's.
#pragma once

#include <cstdint>

namespace motley::check {

// False where the C library or a sanitizer leaves no room for it; everything below then does nothing.
bool can_fail_allocations();

// Sanitizers keep freed memory for a while: resident memory grows then, and says nothing.
bool under_sanitizer();

struct AllocationCount {
  int64_t live = 0, live_bytes = 0;  // allocated and not yet freed; 0 where they are not counted
};
AllocationCount allocation_count();

// From now on the plugin's allocation number `nth` (from 0), of any thread, fails, or all from that one on. Allocations
// of drivers that the plugin opened are left alone (caller.hpp): what those make of it is not the plugin's doing.
enum class Failing { once, forever };
void fail_allocation(int64_t nth, Failing failing);
// Ends that. True if an allocation failed.
bool stop_failing();

}  // namespace motley::check
