// Memory between pages that nobody may touch, and the words for who touched them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace motley::check {

// At least `size` bytes in whole pages with an inaccessible page on either side. Throws std::bad_alloc.
class GuardedPages {
 public:
  GuardedPages(uint64_t size, const std::string& label);
  ~GuardedPages();
  GuardedPages(const GuardedPages&) = delete;
  GuardedPages& operator=(const GuardedPages&) = delete;

  std::byte* begin() const { return begin_; }
  std::byte* end() const { return begin_ + size_; }
  uint64_t size() const { return size_; }
  // From now on it can only be read, or not even that.
  void make_read_only();
  void make_inaccessible();

 private:
  std::byte* begin_ = nullptr;
  uint64_t size_ = 0;
  int slot_ = -1;  // in the list that the signal handler reads
};

// In the child, once: a fault in or beside GuardedPages is told to the parent on `fd`, in words, before the process
// dies of it.
void watch_guards(int fd);

}  // namespace motley::check
