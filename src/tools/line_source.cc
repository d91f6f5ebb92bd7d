#include "tools/line_source.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/error.h"

namespace gshard {

bool LineSource::has_input() const {
  pollfd waiting{file_, POLLIN, 0};
  return ::poll(&waiting, 1, 0) > 0;
}

void LineSource::read_some() {
  std::array<char, 1 << 16> bytes;
  ssize_t count = 0;
  do count = ::read(file_, bytes.data(), bytes.size());
  while (count < 0 && errno == EINTR);
  if (count < 0) throw Error::program(fmt::format("cannot read the input: {}", std::strerror(errno)));
  if (count == 0) {
    ended_ = true;
    if (!begun_.empty()) lines_.push_back(std::move(begun_));
    return;
  }
  std::string_view left(bytes.data(), static_cast<size_t>(count));
  for (size_t end = left.find('\n'); end != std::string_view::npos; end = left.find('\n')) {
    begun_ += left.substr(0, end);
    lines_.push_back(std::move(begun_));
    begun_.clear();
    left.remove_prefix(end + 1);
  }
  begun_ += left;
}

std::vector<std::string> LineSource::next(size_t most) {
  while (!ended_ && lines_.empty()) read_some();
  while (!ended_ && lines_.size() < most && has_input()) read_some();
  std::vector<std::string> taken;
  for (; taken.size() < most && !lines_.empty(); lines_.pop_front()) taken.push_back(std::move(lines_.front()));
  return taken;
}

}  // namespace gshard
