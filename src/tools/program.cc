#include "tools/program.h"

#include <spdlog/spdlog.h>

#include <chrono>

#include "runtime/output_file.h"
#include "tools/table.h"
#include "tools/terminal.h"

namespace gshard {

Program read_program(const std::string& path) {
  const auto start = std::chrono::steady_clock::now();
  Program program = load(path);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  spdlog::info("{}: read and verified {} in {:.3f} s", program.name, human_bytes(program.text.size()), taken.count());
  return program;
}

void put_result(const std::string& path, std::string_view text) {
  if (path == "-") return put(text);
  write_text(path, text);  // what stood there, maybe the program that was read, stays until all of the text is stored
}

}  // namespace gshard
