// Running checks in a child process.
#include "child.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>

namespace motley::check {

namespace {

// The child ends with this code when it got to its end: plugins and drivers are known to call exit(0).
constexpr int kDone = 77;

// A message is a kind, a length and that many bytes. Results are fields separated by \x1f.
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

std::string pack(const Result& r) {
  return r.group + '\x1f' + r.name + '\x1f' + std::to_string(static_cast<int>(r.verdict)) + '\x1f' +
         std::to_string(r.cases) + '\x1f' + r.message;
}

bool unpack(const std::string& text, Result& r) {
  std::vector<std::string> fields;
  size_t begin = 0;
  while (fields.size() < 4) {
    const size_t end = text.find('\x1f', begin);
    if (end == std::string::npos) return false;
    fields.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  const int verdict = std::atoi(fields[2].c_str());
  if (verdict < 0 || verdict > 2) return false;
  r = {fields[0], fields[1], static_cast<Verdict>(verdict), text.substr(begin), std::atoi(fields[3].c_str())};
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
      if (header.size > (1u << 20)) {
        buffer_.clear();
        return;
      }
      if (buffer_.size() < sizeof header + header.size) return;
      const std::string text = buffer_.substr(sizeof header, header.size);
      buffer_.erase(0, sizeof header + header.size);
      Result result;
      if (header.kind == 's') stage = text;
      else if (header.kind == 'r' && unpack(text, result)) results.push_back(result);
    }
  }
  std::string stage = "starting";
  std::vector<Result> results;

 private:
  std::string buffer_;
};

std::string describe_end(int status) {
  if (WIFSIGNALED(status)) return std::string("the plugin crashed (") + strsignal(WTERMSIG(status)) + ")";
  return "the plugin ended the process (exit code " + std::to_string(WEXITSTATUS(status)) + ")";
}

}  // namespace

void Reporter::send(char kind, const std::string& text) {
  Header header{};
  header.kind = kind;
  header.size = static_cast<uint32_t>(text.size());
  if (!write_all(fd_, &header, sizeof header) || !write_all(fd_, text.data(), text.size())) _exit(1);
}
void Reporter::stage(const std::string& text) { send('s', text); }
void Reporter::result(const Result& result) { send('r', pack(result)); }

std::vector<Result> run_in_child(const std::string& group, double timeout_s,
                                 const std::function<void(Reporter&)>& body) {
  int pipe_fd[2];
  if (pipe(pipe_fd) != 0) throw std::runtime_error(std::string("no pipe for a child process: ") + std::strerror(errno));
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error(std::string("no child process: ") + std::strerror(errno));
  if (child == 0) {
    setpgid(0, 0);
    close(pipe_fd[0]);
    Reporter reporter(pipe_fd[1]);
    try {
      body(reporter);
    } catch (const std::exception& e) {
      reporter.result({group, "run", Verdict::fail, e.what(), 0});
    }
    _exit(kDone);
  }
  setpgid(child, child);
  close(pipe_fd[1]);

  Listener listener;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(timeout_s);
  bool late = false;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) {
      late = true;
      break;
    }
    pollfd p{pipe_fd[0], POLLIN, 0};
    const int ready = poll(&p, 1, static_cast<int>(std::min<long long>(left, 1000)));
    if (ready < 0 && errno != EINTR) break;
    if (ready <= 0) continue;
    char bytes[4096];
    const ssize_t n = read(pipe_fd[0], bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    listener.feed(bytes, static_cast<size_t>(n));
  }
  if (late) kill(-child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  kill(-child, SIGKILL);  // whatever the plugin started
  close(pipe_fd[0]);

  if (late)
    listener.results.push_back(
        {group, "time", Verdict::fail,
         "the plugin hung for " + std::to_string(static_cast<int>(timeout_s)) + " s during: " + listener.stage, 0});
  else if (!WIFEXITED(status) || WEXITSTATUS(status) != kDone)
    listener.results.push_back({group, "crash", Verdict::fail, describe_end(status) + " during: " + listener.stage, 0});
  return listener.results;
}

}  // namespace motley::check
