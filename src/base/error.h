// Errors: the two ways in which gshard stops.
//
// A user's mistake (a bad file, a wrong option, a shape that does not fit) throws one gshard::Error, which says
// what is wrong with the actual values, where, and what to do. Our own bug fails a GSHARD_CHECK and aborts, in
// release builds too.
//
//   throw Error::program("dot: dimension 1 of operand 0 is 64, dimension 0 of operand 1 is 32").at(position);
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace gshard {

// The value is the exit code of the command line.
enum class ErrorKind : int {
  usage = 2,      // wrong options or config
  program = 3,    // a bad module or bad data
  memory = 4,     // too large to hold
  diverged = 5,   // training produced non-finite values
  lost_peer = 6,  // another device or rank failed
};

// A place in a text: lines and columns count from 1; `line_text` is the whole line, for the caret.
struct TextPosition {
  std::string file;
  int64_t line = 0;
  int64_t column = 0;
  std::string line_text;
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

  static Error usage(const std::string& message) { return {ErrorKind::usage, message}; }
  static Error program(const std::string& message) { return {ErrorKind::program, message}; }
  static Error memory(const std::string& message) { return {ErrorKind::memory, message}; }

  // The same error with its place in a text.
  Error at(TextPosition position) &&;

  ErrorKind kind() const { return kind_; }
  int exit_code() const { return static_cast<int>(kind_); }
  const std::optional<TextPosition>& position() const { return position_; }

  // "file:line:column: error: message", then, where the line is known, the line and a caret under the column.
  // Without a position: "error: message". No trailing newline.
  std::string report() const;

 private:
  ErrorKind kind_;
  std::optional<TextPosition> position_;
};

[[noreturn]] void check_failed(const char* condition, const char* file, int line, std::string_view message);

}  // namespace gshard

#define GSHARD_CHECK(condition, ...)                                                                         \
  do {                                                                                                       \
    if (!(condition)) ::gshard::check_failed(#condition, __FILE__, __LINE__, std::string_view{__VA_ARGS__}); \
  } while (false)
