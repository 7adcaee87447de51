// Running checks in a child process.
#include "child.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "guard.hpp"

namespace motley::check {

namespace {

// The child ends with this code when it got to its end: plugins and drivers are known to call exit(0).
constexpr int kDone = 77;
constexpr uint32_t kLongest = 1u << 20;

// A message is a kind, a length and that many bytes.
struct Header {
  char kind;
  uint32_t size;
};

bool write_all(int fd, const void* data, size_t size) {
  const char* p = static_cast<const char*>(data);
  while (size) {
    const ssize_t n = write(fd, p, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    p += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

// What the parent hears. Bytes from the child are not trusted to be whole.
class Listener {
 public:
  void feed(const char* data, size_t size) {
    buffer_.append(data, size);
    while (buffer_.size() >= sizeof(Header)) {
      Header header;
      std::memcpy(&header, buffer_.data(), sizeof header);
      if (header.size > kLongest) {
        buffer_.clear();
        return;
      }
      if (buffer_.size() < sizeof header + header.size) return;
      const std::string text = buffer_.substr(sizeof header, header.size);
      buffer_.erase(0, sizeof header + header.size);
      take(header.kind, text);
    }
  }
  std::string stage = "starting", touched, note;
  bool judged = false;
  ChildReport report;

 private:
  void take(char kind, const std::string& text) {
    if (kind == 's') stage = text;
    if (kind == 'n') note = text;
    if (kind == 't') touched = text;  // from the signal handler of guard.cpp
    if (kind == 'c') report.cases = std::atoi(text.c_str());
    if (kind == 'f') {
      const size_t cut = text.find('=');
      if (cut != std::string::npos) report.facts.emplace_back(text.substr(0, cut), text.substr(cut + 1));
    }
    if (kind == 'v' && !text.empty() && text[0] >= '0' && text[0] <= '2') {
      judged = true;
      report.verdict = static_cast<Verdict>(text[0] - '0');
      report.message = text.substr(1);
      if (report.verdict == Verdict::pass) report.message = note;
    }
  }
  std::string buffer_;
};

std::string describe_end(int status, const Listener& listener) {
  if (!WIFSIGNALED(status))
    return "the plugin ended the process (exit code " + std::to_string(WEXITSTATUS(status)) + ")";
  if (!listener.touched.empty()) return "the plugin " + listener.touched;
  return std::string("the plugin crashed (") + strsignal(WTERMSIG(status)) + ")";
}

[[noreturn]] void be_child(int fd, const std::function<void(Reporter&)>& body) {
  setpgid(0, 0);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  dup2(STDERR_FILENO, STDOUT_FILENO);  // the table is the parent's
  watch_guards(fd);
  Reporter reporter(fd);
  try {
    body(reporter);
    reporter.verdict(Verdict::pass, "");
  } catch (const Unsupported& e) {
    reporter.verdict(Verdict::unsupported, e.what());
  } catch (const std::exception& e) {
    reporter.verdict(Verdict::fail, e.what());
  } catch (...) {
    reporter.verdict(Verdict::fail, "an exception of unknown type crossed the C border");
  }
  _exit(kDone);
}

bool has_ended(pid_t child) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

// Reads until the child has said all or ended; false when it began and finished nothing for `timeout_s`.
bool listen(int fd, pid_t child, double timeout_s, Listener& listener) {
  const auto timeout = std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(timeout_s));
  auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return false;
    pollfd p{fd, POLLIN, 0};
    const int ready = poll(&p, 1, static_cast<int>(std::min<long long>(left, 500)));
    if (ready < 0 && errno != EINTR) return true;
    if (ready == 0 && has_ended(child)) return true;  // a process that it left behind holds the pipe open
    if (ready <= 0) continue;
    char bytes[4096];
    const ssize_t n = read(fd, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return true;
    listener.feed(bytes, static_cast<size_t>(n));
    deadline = std::chrono::steady_clock::now() + timeout;
    if (listener.judged) return true;
  }
}

}  // namespace

void Reporter::send(char kind, const std::string& text) {
  Header header{};
  header.kind = kind;
  header.size = static_cast<uint32_t>(std::min<size_t>(text.size(), kLongest));
  if (!write_all(fd_, &header, sizeof header) || !write_all(fd_, text.data(), header.size)) _exit(1);
}
void Reporter::stage(const std::string& text) { send('s', text); }
void Reporter::count(int cases) { send('c', std::to_string(cases)); }
void Reporter::note(const std::string& text) { send('n', text); }
void Reporter::fact(const std::string& key, const std::string& value) { send('f', key + "=" + value); }
void Reporter::verdict(Verdict verdict, const std::string& message) {
  send('v', static_cast<char>('0' + static_cast<int>(verdict)) + message);
}

ChildReport run_in_child(double timeout_s, const std::function<void(Reporter&)>& body) {
  int pipe_fd[2];
  if (pipe(pipe_fd) != 0) throw std::runtime_error(std::string("no pipe for a child process: ") + std::strerror(errno));
  const auto begin = std::chrono::steady_clock::now();
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error(std::string("no child process: ") + std::strerror(errno));
  if (child == 0) {
    close(pipe_fd[0]);
    be_child(pipe_fd[1], body);
  }
  setpgid(child, child);
  close(pipe_fd[1]);

  Listener listener;
  const bool in_time = listen(pipe_fd[0], child, timeout_s, listener);
  if (!in_time) kill(-child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  kill(-child, SIGKILL);  // whatever the plugin started
  close(pipe_fd[0]);

  ChildReport report = std::move(listener.report);
  const std::string during = " during: " + listener.stage;
  if (!in_time) {
    report.verdict = Verdict::fail;
    report.message = "the plugin hung for " + std::to_string(static_cast<int>(timeout_s)) + " s" + during;
  } else if (!listener.judged || !WIFEXITED(status) || WEXITSTATUS(status) != kDone) {
    report.verdict = Verdict::fail;
    report.message = describe_end(status, listener) + during;
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return report;
}

}  // namespace motley::check
