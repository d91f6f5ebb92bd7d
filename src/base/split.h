// The parts of a text between separators.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gshard {

// "a,,b" has the parts "a", "" and "b"; the empty text has none.
std::vector<std::string> split(std::string_view text, char separator);

}  // namespace gshard
