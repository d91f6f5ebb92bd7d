#include "base/error.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace gshard {
namespace {

// Long lines are cut to a window around the column, so that a report stays readable in a terminal.
constexpr size_t kCaretWindow = 120;

}  // namespace

Error Error::at(TextPosition position) && {
  position_ = std::move(position);
  return std::move(*this);
}

std::string Error::report() const {
  if (!position_) return std::string("error: ") + what();
  const TextPosition& p = *position_;
  std::string text = p.file;
  if (p.line > 0) text += ":" + std::to_string(p.line) + ":" + std::to_string(p.column);
  text += std::string(": error: ") + what();
  if (p.line_text.empty()) return text;

  const size_t column = p.column > 0 ? static_cast<size_t>(p.column - 1) : 0;
  size_t first = column > kCaretWindow / 2 ? column - kCaretWindow / 2 : 0;
  if (p.line_text.size() <= kCaretWindow) first = 0;
  std::string shown = p.line_text.substr(std::min(first, p.line_text.size()), kCaretWindow);
  for (char& c : shown) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) c = c == '\t' ? ' ' : '?';
  }
  text += "\n" + shown + "\n" + std::string(column - first, ' ') + "^";
  return text;
}

void check_failed(const char* condition, const char* file, int line, std::string_view message) {
  std::fprintf(stderr, "%s:%d: internal error: %s%s%.*s\n", file, line, condition, message.empty() ? "" : ": ",
               static_cast<int>(message.size()), message.data());
  std::abort();
}

}  // namespace gshard
