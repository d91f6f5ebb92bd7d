#include "tools/terminal.h"

#include <poll.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace gshard {
namespace {

std::string_view code_of(Style style) {
  switch (style) {
    case Style::heading:
      return "\x1b[1m";
    case Style::good:
      return "\x1b[32m";
    case Style::bad:
      return "\x1b[1;31m";
    case Style::faint:
      return "\x1b[2m";
  }
  return "";
}

spdlog::level::level_enum level_of(Verbosity verbosity) {
  switch (verbosity) {
    case Verbosity::quiet:
      return spdlog::level::err;
    case Verbosity::normal:
      return spdlog::level::warn;
    case Verbosity::verbose:
      return spdlog::level::debug;
  }
  return spdlog::level::warn;
}

// Whether the cursor stands behind a status.
bool status_is_shown = false;

// Makes room for a line.
void clear_status() {
  if (status_is_shown) std::fputs("\r\x1b[K", stderr);
  status_is_shown = false;
}

bool moves_cursor(int stream) {
  const char* term = std::getenv("TERM");
  return term != nullptr && std::strcmp(term, "dumb") != 0 && ::isatty(stream) == 1;
}

size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

bool wants_colours(Stream stream) {
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  return moves_cursor(stream == Stream::out ? STDOUT_FILENO : STDERR_FILENO);
}

std::string styled(Style style, std::string_view text, Stream stream) {
  if (!wants_colours(stream)) return std::string(text);
  return std::string(code_of(style)).append(text).append("\x1b[0m");
}

void put(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {  // a stream that does not block, and is full
      pollfd waiting{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&waiting, 1, -1);
      continue;
    }
    if (written < 0 && errno == EPIPE) std::_Exit(0);
    if (written < 0) throw Error::program(std::string("cannot write to standard output: ") + std::strerror(errno));
    text.remove_prefix(static_cast<size_t>(written));
  }
}

void put_progress(const std::string& line) {
  if (!spdlog::should_log(spdlog::level::warn)) return;
  clear_status();
  const std::string text = line + "\n";
  std::fwrite(text.data(), 1, text.size(), stderr);
}

bool shows_status() { return spdlog::should_log(spdlog::level::warn) && moves_cursor(STDERR_FILENO); }

void put_status(const std::string& line) {
  if (!shows_status()) return;
  const std::string text = "\r" + line.substr(0, terminal_width() - 1) + "\x1b[K";
  std::fwrite(text.data(), 1, text.size(), stderr);
  status_is_shown = true;
}

void put_warning(const std::string& text) {
  clear_status();
  spdlog::warn("{}", text);
}

void put_error(const Error& error) {
  std::string report = error.report();
  // The place up to the word "error:" stays as it is; the caret, where there is one, is the last character.
  const std::string_view word = "error:";
  if (report.ends_with("^")) report.replace(report.size() - 1, 1, styled(Style::good, "^", Stream::error));
  const size_t place = error.position() ? error.position()->file.size() : 0;
  if (const size_t at = report.find(word, place); at != std::string::npos) {
    report.replace(at, word.size(), styled(Style::bad, word, Stream::error));
  }
  report += '\n';
  clear_status();
  std::fwrite(report.data(), 1, report.size(), stderr);
}

void set_verbosity(Verbosity verbosity) {
  const auto mode = wants_colours(Stream::error) ? spdlog::color_mode::always : spdlog::color_mode::never;
  auto logger = std::make_shared<spdlog::logger>("gshard", std::make_shared<spdlog::sinks::stderr_color_sink_st>(mode));
  logger->set_pattern("%^%l%$: %v");
  logger->set_level(level_of(verbosity));
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace gshard
