// Long work says now and then how far it is: one short line, without a newline.
//
//   import_corpus(plan, [](const std::string& line) { std::cerr << line << '\n'; });
#pragma once

#include <functional>
#include <string>

namespace gshard {

// May be called from any thread, by one at a time.
using Progress = std::function<void(const std::string& line)>;

}  // namespace gshard
