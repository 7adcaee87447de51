// Running checks in a child process.
#include "child.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "guard.hpp"

namespace motley::check {

namespace {

using Clock = std::chrono::steady_clock;

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

struct Child::State {
  int fd = -1;
  pid_t pid = -1;
  double timeout_s = 0;
  Listener listener;
  bool over = false, hung = false;
  Clock::time_point begin = Clock::now(), heard = begin;
};

Child::Child(double timeout_s, const ChildBody& body) : state_(std::make_unique<State>()) {
  int pipe_fd[2];
  if (pipe(pipe_fd) != 0) throw std::runtime_error(std::string("no pipe for a child process: ") + std::strerror(errno));
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) {
    close(pipe_fd[0]);
    close(pipe_fd[1]);
    throw std::runtime_error(std::string("no child process: ") + std::strerror(errno));
  }
  if (child == 0) {
    close(pipe_fd[0]);
    be_child(pipe_fd[1], body);
  }
  setpgid(child, child);
  close(pipe_fd[1]);
  state_->fd = pipe_fd[0];
  state_->pid = child;
  state_->timeout_s = timeout_s;
}

Child::~Child() {
  if (state_->fd >= 0) finish();
}

bool Child::is_over() const { return state_->over; }

// It is over when the child has said all, has ended, or began and finished nothing for `timeout_s`.
void Child::hear(bool readable) {
  State& s = *state_;
  if (readable) {
    char bytes[4096];
    const ssize_t n = read(s.fd, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) return;
    if (n > 0) s.listener.feed(bytes, static_cast<size_t>(n));
    s.over = n <= 0 || s.listener.judged;
    s.heard = Clock::now();
  } else if (has_ended(s.pid)) {
    s.over = true;  // a process that it left behind holds the pipe open
  } else if (std::chrono::duration<double>(Clock::now() - s.heard).count() > s.timeout_s) {
    s.over = s.hung = true;
  }
}

void Child::listen(std::span<const std::unique_ptr<Child>> children) {
  std::vector<pollfd> polled;
  double least = 0.5;
  for (const auto& child : children) {
    polled.push_back({child->state_->fd, POLLIN, 0});
    least = std::min(least, child->state_->timeout_s);
  }
  const int ready = poll(polled.data(), polled.size(), static_cast<int>(least * 1000) + 1);
  if (ready < 0) {
    if (errno != EINTR) throw std::runtime_error(std::string("children can't be heard: ") + std::strerror(errno));
    return;
  }
  for (size_t i = 0; i < polled.size(); ++i) children[i]->hear(polled[i].revents != 0);
}

ChildReport Child::finish() {
  State& s = *state_;
  if (s.hung || !s.over) kill(-s.pid, SIGKILL);
  int status = 0;
  while (waitpid(s.pid, &status, 0) < 0 && errno == EINTR) {
  }
  kill(-s.pid, SIGKILL);  // whatever the plugin started
  close(s.fd);
  s.fd = -1;

  ChildReport report = std::move(s.listener.report);
  const std::string during = " during: " + s.listener.stage;
  if (s.hung) {
    report.verdict = Verdict::fail;
    report.message = "the plugin hung for " + std::to_string(static_cast<int>(s.timeout_s)) + " s" + during;
  } else if (!s.listener.judged || !WIFEXITED(status) || WEXITSTATUS(status) != kDone) {
    report.verdict = Verdict::fail;
    report.message = describe_end(status, s.listener) + during;
  }
  report.seconds = std::chrono::duration<double>(Clock::now() - s.begin).count();
  return report;
}

ChildReport run_in_child(double timeout_s, const ChildBody& body) {
  const std::array<std::unique_ptr<Child>, 1> child{std::make_unique<Child>(timeout_s, body)};
  while (!child[0]->is_over()) Child::listen(child);
  return child[0]->finish();
}

}  // namespace motley::check
