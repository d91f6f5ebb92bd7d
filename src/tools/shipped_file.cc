#include "tools/shipped_file.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/error.h"

namespace gshard {

std::string shipped_file(const std::string& name) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const fs::path& base : {folder / "../share/gshard", folder / ".."}) {
    const fs::path path = (base / name).lexically_normal();
    if (fs::exists(path, error)) return path.string();
  }
  throw Error::program(fmt::format("{} is missing; it belongs beside the build folder or into share/gshard", name));
}

}  // namespace gshard
