// Lines of a stream as they come: as many as are there, without waiting for more.
//
//   LineSource source(0);                                    // standard input
//   for (auto lines = source.next(64); !lines.empty(); lines = source.next(64)) answer(lines);
//
// A program that reads lines and writes answers so can talk to another one line by line, and yet takes many at a time
// from a file. As of files (corpus/text_lines.h), a carriage return before the end of a line and a byte order mark
// before the first are not part of the text.
#pragma once

#include <deque>
#include <string>
#include <vector>

namespace gshard {

class LineSource {
 public:
  // Of an open file, which stays the caller's.
  explicit LineSource(int file) : file_(file) {}

  // Up to `most` lines, without their ends: waits for one, and takes what else is there. Nothing at the end of the
  // stream. Throws Error(program) where reading fails, and for UTF-16.
  std::vector<std::string> next(size_t most);

 private:
  bool has_input() const;
  void read_some();
  void end_line();

  int file_;
  bool is_first_ = true;  // of the lines: none has ended yet
  bool ended_ = false;
  std::deque<std::string> lines_;
  std::string begun_;  // a line whose end has not come yet
};

}  // namespace gshard
