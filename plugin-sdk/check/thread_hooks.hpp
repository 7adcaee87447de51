// Counting the threads that the plugin starts, apart from those of drivers that it uses: this program's pthread_create
// is everybody's.
#pragma once

namespace motley::check {

// False where the C library or a sanitizer leaves no room for it.
bool can_count_threads();
// Threads that the plugin started and that have not ended.
int plugin_threads();

}  // namespace motley::check
