#include "run_tool.h"

#include <sys/wait.h>

#include <cstdlib>

namespace gshard {

const char* const kDouble = R"(HloModule double, entry_computation_layout={(f32[4]{0})->f32[4]{0}}

ENTRY %main (x: f32[4]) -> f32[4] {
  %x = f32[4]{0} parameter(0)
  ROOT %sum = f32[4]{0} add(%x, %x), metadata={op_name="double" source_file="model.py" source_line=3}
}

)";

Outcome Folder::gshard(const std::string& arguments) const { return shell("$GSHARD " + arguments); }

Outcome Folder::shell(const std::string& commands) const {
  write(".commands", commands + "\n");
  const std::string line = "cd " + path(".") + " && GSHARD=" GSHARD_TOOL " bash .commands >.out 2>.err </dev/null";
  const int status = std::system(line.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read(".out"), read(".err")};
}

}  // namespace gshard
