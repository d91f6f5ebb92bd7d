// A program as the command line gets it: a file's text and the module that it says.
//
//   Program program = load("model.hlo");        // "-" is standard input
//   with_lines(program, [&] { return evaluate(*program.module, arguments); });
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/error.h"
#include "ir/module.h"

namespace gshard {

struct Program {
  std::string name;  // the path, or "<stdin>"
  std::string text;
  std::unique_ptr<Module> module;
};

// Reads, parses and verifies. Throws Error(program) with file, line, column and the line's text wherever the text is
// to blame.
Program load(const std::string& path);

// The same error with the text of its line, where it has a place in the program and lacks that.
Error with_line(const Program& program, Error error);

// Calls f; the errors that it throws show their lines of the program.
template <class F>
auto with_lines(const Program& program, F&& f) {
  try {
    return std::forward<F>(f)();
  } catch (const Error& error) {
    throw with_line(program, error);
  }
}

}  // namespace gshard
