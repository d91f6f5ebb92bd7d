#include "tools/program.h"

#include <spdlog/spdlog.h>

#include <chrono>

#include "tools/table.h"

namespace gshard {

Program read_program(const std::string& path) {
  const auto start = std::chrono::steady_clock::now();
  Program program = load(path);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  spdlog::info("{}: read and verified {} in {:.3f} s", program.name, human_bytes(program.text.size()), taken.count());
  return program;
}

}  // namespace gshard
