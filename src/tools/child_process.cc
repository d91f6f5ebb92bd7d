#include "tools/child_process.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/error.h"

extern char** environ;

namespace gshard {
namespace {

// Holds back the signals that tell us to stop, and that a child has ended, so that they can be waited for.
class HeldSignals {
 public:
  HeldSignals() {
    sigemptyset(&held_);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&held_, signal);
    ::pthread_sigmask(SIG_BLOCK, &held_, &before_);
  }
  ~HeldSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  const sigset_t& before() const { return before_; }
  int wait() const {
    int signal = 0;
    ::sigwait(&held_, &signal);
    return signal;
  }

 private:
  sigset_t held_{};
  sigset_t before_{};
};

// With the signals that we had before they were held back.
pid_t start(const std::vector<std::string>& words, const sigset_t& signals) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setsigmask(&attributes, &signals);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t process = 0;
  const int reason = ::posix_spawnp(&process, argv[0], nullptr, &attributes, argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  if (reason != 0) throw Error::program(fmt::format("cannot run {}: {}", words[0], std::strerror(reason)));
  return process;
}

}  // namespace

int run_command(const std::vector<std::string>& words) {
  const HeldSignals signals;
  const pid_t process = start(words, signals.before());
  int stopped_by = 0;
  int status = 0;
  while (::waitpid(process, &status, WNOHANG) == 0) {
    const int signal = signals.wait();
    if (signal == SIGCHLD) continue;
    stopped_by = signal;
    ::kill(process, SIGTERM);
  }
  if (stopped_by != 0) return 128 + stopped_by;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace gshard
