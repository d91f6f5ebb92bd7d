#include "tools/line_source.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace gshard {
namespace {

// 0 at the end of the stream. Waits where a stream that does not block has nothing yet.
size_t read_when_there(int file, std::span<char> into) {
  while (true) {
    const ssize_t count = ::read(file, into.data(), into.size());
    if (count >= 0) return static_cast<size_t>(count);
    if (errno == EAGAIN) {
      pollfd waiting{file, POLLIN, 0};
      ::poll(&waiting, 1, -1);
    } else if (errno != EINTR) {
      throw Error::program(fmt::format("cannot read the input: {}", std::strerror(errno)));
    }
  }
}

}  // namespace

bool LineSource::has_input() const {
  pollfd waiting{file_, POLLIN, 0};
  return ::poll(&waiting, 1, 0) > 0;
}

void LineSource::read_some() {
  std::array<char, 1 << 16> bytes;
  const size_t count = read_when_there(file_, bytes);
  if (count == 0) {
    ended_ = true;
    if (!begun_.empty()) end_line();
    return;
  }
  std::string_view left(bytes.data(), count);
  for (size_t end = left.find('\n'); end != std::string_view::npos; end = left.find('\n')) {
    begun_ += left.substr(0, end);
    end_line();
    left.remove_prefix(end + 1);
  }
  begun_ += left;
}

void LineSource::end_line() {
  std::string line = std::exchange(begun_, {});
  if (is_first_) {
    if (line.starts_with("\xff\xfe") || line.starts_with("\xfe\xff")) {
      throw Error::program("the input is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8");
    }
    if (line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
    is_first_ = false;
  }
  if (line.ends_with('\r')) line.pop_back();
  lines_.push_back(std::move(line));
}

std::vector<std::string> LineSource::next(size_t most) {
  while (!ended_ && lines_.empty()) read_some();
  while (!ended_ && lines_.size() < most && has_input()) read_some();
  std::vector<std::string> taken;
  for (; taken.size() < most && !lines_.empty(); lines_.pop_front()) taken.push_back(std::move(lines_.front()));
  return taken;
}

}  // namespace gshard
