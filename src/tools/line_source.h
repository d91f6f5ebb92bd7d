// Lines of a stream as they come: as many as are there, without waiting for more.
//
//   LineSource source(0);                                    // standard input
//   for (auto lines = source.next(64); !lines.empty(); lines = source.next(64)) answer(lines);
//
// A program that reads lines and writes answers so can talk to another one line by line, and yet takes many at a time
// from a file.
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
  // stream. Throws Error(program) where reading fails.
  std::vector<std::string> next(size_t most);

 private:
  bool has_input() const;
  void read_some();

  int file_;
  bool ended_ = false;
  std::deque<std::string> lines_;
  std::string begun_;  // a line whose end has not come yet
};

}  // namespace gshard
