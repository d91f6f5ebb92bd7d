// Files that come with gshard: in the source tree beside its build folder, or where it was installed.
#pragma once

#include <string>

namespace gshard {

// The path of "scripts/fetch_corpus.py" and its like. Throws Error(program) where it is in neither place.
std::string shipped_file(const std::string& name);

}  // namespace gshard
