// Work in a child process, so that a crash is a result and not the end.
#include "worker.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "motley/error.hpp"

namespace motley::conformance {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

void write_all(int fd, const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(fd, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) ::_exit(3);
    at += written;
    size -= static_cast<size_t>(written);
  }
}

// A message is its length, then its text.
void send(int fd, const std::string& text) {
  const auto size = static_cast<uint32_t>(text.size());
  write_all(fd, &size, sizeof size);
  write_all(fd, text.data(), text.size());
}

class Child {
 public:
  Child(size_t first, size_t last, const WorkerLimits& limits, const std::function<std::string(size_t)>& work)
      : seconds_(limits.seconds) {
    int ends[2];
    if (::pipe(ends) != 0) throw Error(ErrorCode::io, "cannot make a pipe to a worker process");
    std::fflush(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) throw Error(ErrorCode::io, "cannot start a worker process");
    if (pid_ == 0) {
      ::close(ends[0]);
      work_through(ends[1], first, last, limits, work);
    }
    ::close(ends[1]);
    fd_ = ends[0];
  }
  ~Child() {
    ::close(fd_);
    if (!ended_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // The next message; nothing where the child is gone or too slow, and then `how_it_ended` says how.
  std::optional<std::string> receive() {
    deadline_ = std::chrono::steady_clock::now() + std::chrono::seconds(seconds_);
    uint32_t size = 0;
    if (!read_all(&size, sizeof size)) return std::nullopt;
    std::string text(size, '\0');
    if (!read_all(text.data(), size)) return std::nullopt;
    return text;
  }

  std::string how_it_ended() {
    if (too_slow_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      ended_ = true;
      return "took longer than " + std::to_string(seconds_) + " s";
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    ended_ = true;
    if (WIFSIGNALED(status)) return "crashed (signal " + std::to_string(WTERMSIG(status)) + ")";
    return "ended its process (code " + std::to_string(WEXITSTATUS(status)) + ")";
  }

 private:
  [[noreturn]] static void work_through(int fd, size_t first, size_t last, const WorkerLimits& limits,
                                        const std::function<std::string(size_t)>& work) {
    if (limits.memory_bytes != 0 && !kSanitized) {
      const rlimit limit{limits.memory_bytes, limits.memory_bytes};
      ::setrlimit(RLIMIT_AS, &limit);
    }
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    for (size_t i = first; i < last; ++i) send(fd, work(i));
    std::fflush(nullptr);
    ::_exit(0);
  }

  bool read_all(void* data, size_t size) {
    char* at = static_cast<char*>(data);
    while (size > 0) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
      pollfd poll_fd{fd_, POLLIN, 0};
      const int ready = left.count() > 0 ? ::poll(&poll_fd, 1, static_cast<int>(left.count())) : 0;
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) {
        too_slow_ = true;
        return false;
      }
      const ssize_t count = ::read(fd_, at, size);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      at += count;
      size -= static_cast<size_t>(count);
    }
    return true;
  }

  int seconds_;
  pid_t pid_ = -1;
  int fd_ = -1;
  bool ended_ = false, too_slow_ = false;
  std::chrono::steady_clock::time_point deadline_;
};

}  // namespace

void run_in_workers(size_t count, const WorkerLimits& limits, const std::function<std::string(size_t)>& work,
                    const std::function<void(size_t, const Outcome&)>& done) {
  ::signal(SIGPIPE, SIG_IGN);
  for (size_t next = 0; next < count;) {
    const size_t last = limits.process_each ? next + 1 : count;
    Child child(next, last, limits, work);
    bool alive = true;
    while (alive && next < last) {
      if (const std::optional<std::string> text = child.receive()) {
        done(next++, {true, *text});
      } else {
        done(next++, {false, child.how_it_ended()});
        alive = false;
      }
    }
  }
}

}  // namespace motley::conformance
