// The lines of a text file, plain or compressed with gzip or zstd (known by its first bytes, not by its name).
//
//   TextLines lines("europarl.de.gz");
//   for (std::string line; lines.next(line);) use(line, lines.number());
//
// A carriage return before the end of a line and a byte order mark before the first are not part of the text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace gshard {

// A longer line is no sentence, and most likely the file is no text.
inline constexpr size_t kLongestLine = size_t{1} << 20;

class TextLines {
 public:
  // Throws Error(program) where the file cannot be opened. "-" is standard input.
  explicit TextLines(const std::string& path);
  ~TextLines();

  // The next line, or false at the end. Throws Error(program) for damaged or cut off compressed data, UTF-16, and a
  // line longer than kLongestLine.
  bool next(std::string& line);
  // Of the line that next() gave last, from 1.
  int64_t number() const { return number_; }
  const std::string& path() const { return path_; }
  // This line, for messages; the column counts bytes from 1.
  TextPosition position(int64_t column) const;

  class Bytes;  // a plain file, a gzip or a zstd stream

 private:
  bool fill();

  std::string path_;
  std::unique_ptr<Bytes> bytes_;
  std::string buffer_;
  size_t at_ = 0;
  int64_t number_ = 0;
};

}  // namespace gshard
