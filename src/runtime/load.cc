#include "runtime/load.h"

#include <string_view>

#include "runtime/file.h"
#include "text/parse.h"
#include "text/verify.h"

namespace gshard {
namespace {

// The line counted from 1; empty where the text has fewer.
std::string_view line_of(std::string_view text, int64_t line) {
  for (; line > 1; --line) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

}  // namespace

Program load(const std::string& path) {
  Program program{display_name(path), read_text(path), nullptr};
  program.module = parse_module(program.text, program.name);
  with_lines(program, [&] { verify(*program.module); });
  return program;
}

Error with_line(const Program& program, Error error) {
  if (!error.position() || error.position()->line <= 0 || !error.position()->line_text.empty()) return error;
  TextPosition position = *error.position();
  if (position.file.empty()) position.file = program.name;
  if (position.file != program.name) return error;
  position.line_text = line_of(program.text, position.line);
  return std::move(error).at(std::move(position));
}

}  // namespace gshard
