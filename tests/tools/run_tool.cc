#include "run_tool.h"

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace gshard {

const char* const kDouble = R"(HloModule double, entry_computation_layout={(f32[4]{0})->f32[4]{0}}

ENTRY %main (x: f32[4]) -> f32[4] {
  %x = f32[4]{0} parameter(0)
  ROOT %sum = f32[4]{0} add(%x, %x), metadata={op_name="double" source_file="model.py" source_line=3}
}

)";

Folder::Folder() {
  std::string name = std::filesystem::temp_directory_path() / "gshard-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void Folder::write(const std::string& name, const std::string& text) const {
  std::ofstream(path(name), std::ios::binary) << text;
}

std::string Folder::read(const std::string& name) const {
  std::ifstream in(path(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Outcome Folder::gshard(const std::string& arguments) const { return shell("$GSHARD " + arguments); }

Outcome Folder::shell(const std::string& commands) const {
  write(".commands", commands + "\n");
  const std::string line = "cd " + path_ + " && GSHARD=" GSHARD_TOOL " bash .commands >.out 2>.err </dev/null";
  const int status = std::system(line.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read(".out"), read(".err")};
}

}  // namespace gshard
