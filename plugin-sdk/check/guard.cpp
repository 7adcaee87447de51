// Guard pages and the signal handler that knows them.
#include "guard.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <new>

namespace motley::check {

namespace {

// What the handler may read: plain fields, each slot published by `used`. Runs beyond the last slot have no words.
struct Slot {
  std::atomic<bool> used{false};
  uintptr_t begin = 0, end = 0;  // the pages between the guards
  char label[48] = {};
};
constexpr int kSlots = 4096;
Slot slots[kSlots];
std::mutex slot_mutex;
int next_slot = 0;
int report_fd = -1;

uint64_t page() {
  static const uint64_t size = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return size;
}

int take_slot(uintptr_t begin, uintptr_t end, const std::string& label) {
  const std::lock_guard lock(slot_mutex);
  for (int i = 0; i < kSlots; ++i) {
    const int s = (next_slot + i) % kSlots;
    if (slots[s].used.load()) continue;
    slots[s].begin = begin;
    slots[s].end = end;
    std::memset(slots[s].label, 0, sizeof slots[s].label);
    std::memcpy(slots[s].label, label.data(), std::min(label.size(), sizeof slots[s].label - 1));
    slots[s].used.store(true);
    next_slot = s + 1;
    return s;
  }
  return -1;
}

// Async-signal-safe: no allocation, no locks.
void tell(const char* what, const char* label) {
  char message[5 + 3 + 160] = {};
  struct {
    char kind;
    uint32_t size;
  } header{};
  char text[160] = {};
  std::strcpy(text, what);
  std::strcat(text, label);
  header.kind = 't';
  header.size = static_cast<uint32_t>(std::strlen(text));
  std::memcpy(message, &header, sizeof header);
  std::memcpy(message + sizeof header, text, header.size);
  const ssize_t written = write(report_fd, message, sizeof header + header.size);
  (void)written;
}

void on_fault(int signal, siginfo_t* info, void*) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (const Slot& slot : slots) {
    if (!slot.used.load()) continue;
    if (address >= slot.begin && address < slot.end) tell("touched what it may not, ", slot.label);
    else if (address >= slot.end && address < slot.end + page()) tell("touched memory past the end of ", slot.label);
    else if (address < slot.begin && address >= slot.begin - page()) tell("touched memory before ", slot.label);
    else continue;
    break;
  }
  ::signal(signal, SIG_DFL);  // the instruction is tried again, and the process dies of it
}

}  // namespace

GuardedPages::GuardedPages(uint64_t size, const std::string& label) {
  size_ = std::max<uint64_t>((size + page() - 1) / page(), 1) * page();
  void* memory = mmap(nullptr, size_ + 2 * page(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  begin_ = static_cast<std::byte*>(memory) + page();
  if (mprotect(begin_, size_, PROT_READ | PROT_WRITE) != 0) {
    munmap(memory, size_ + 2 * page());
    throw std::bad_alloc();
  }
  slot_ = take_slot(reinterpret_cast<uintptr_t>(begin_), reinterpret_cast<uintptr_t>(end()), label);
}
GuardedPages::~GuardedPages() {
  if (slot_ >= 0) slots[slot_].used.store(false);
  munmap(begin_ - page(), size_ + 2 * page());
}
void GuardedPages::make_read_only() { mprotect(begin_, size_, PROT_READ); }
void GuardedPages::make_inaccessible() { mprotect(begin_, size_, PROT_NONE); }

void watch_guards(int fd) {
  report_fd = fd;
  static char stack[64 << 10];  // for faults by a full stack
  stack_t alternative{};
  alternative.ss_sp = stack;
  alternative.ss_size = sizeof stack;
  sigaltstack(&alternative, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, nullptr);
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace motley::check
