// A worker process, from the tuner's side.
#include "worker/child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "base/text.hpp"

namespace motley::tuner {

namespace {

struct Ends {
  base::Descriptor ours, childs;
};
Ends make_channel() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    base::throw_io_error("cannot make a channel to a worker process", "socketpair");
  return {base::Descriptor(ends[0]), base::Descriptor(ends[1])};
}

// In the child, between fork and exec: only calls that are safe there.
[[noreturn]] void become(char* const* arguments, int requests, int replies, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a tuner that is killed leaves no worker behind
  if (::getppid() != parent) ::_exit(126);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  // Out of the way first: one's number may be the other's place.
  const int first_free = 10;
  const int moved_requests = ::fcntl(requests, F_DUPFD, first_free),
            moved_replies = ::fcntl(replies, F_DUPFD, first_free);
  if (moved_requests < 0 || moved_replies < 0 || ::dup2(moved_requests, kRequestDescriptor) < 0 ||
      ::dup2(moved_replies, kReplyDescriptor) < 0)
    ::_exit(126);
  ::close(moved_requests);
  ::close(moved_replies);
  ::execvp(arguments[0], arguments);
  ::_exit(127);
}

}  // namespace

Child::Child(const std::vector<std::string>& command) {
  if (command.empty()) base::fail(ErrorCode::invalid_argument, "a worker needs a program to run");
  Ends to_child = make_channel(), from_child = make_channel();
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) base::throw_io_error("cannot start the worker", command[0]);
  if (pid_ == 0) become(arguments.data(), to_child.childs.get(), from_child.childs.get(), parent);
  requests_ = std::move(to_child.ours);
  replies_ = std::move(from_child.ours);
}

Child::~Child() {
  if (!running()) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Receipt Child::ask(const nlohmann::json& request, std::chrono::milliseconds patience, nlohmann::json& reply) {
  if (!running()) return Receipt::gone;
  Receipt receipt = Receipt::gone;
  if (send_message(requests_.get(), request)) receipt = receive_message(replies_.get(), Clock::now() + patience, reply);
  if (receipt != Receipt::message) end(receipt, patience);
  return receipt;
}

void Child::end(Receipt why, std::chrono::milliseconds patience) {
  // One that closed its end is about to die by itself, and how it does is worth knowing; but not worth waiting long.
  int status = 0;
  pid_t ended = 0;
  constexpr int kTries = 100;
  for (int i = 0; why == Receipt::gone && i < kTries && (ended = ::waitpid(pid_, &status, WNOHANG)) == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  if (ended <= 0) {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  pid_ = -1;
  if (why == Receipt::late) how_ = base::text("took longer than % ms", {static_cast<int64_t>(patience.count())});
  else if (why == Receipt::garbage) how_ = "answered with what is no message";
  else if (WIFSIGNALED(status)) how_ = base::text("crashed (signal %)", {WTERMSIG(status)});
  else how_ = base::text("ended (code %)", {WEXITSTATUS(status)});
}

}  // namespace motley::tuner
