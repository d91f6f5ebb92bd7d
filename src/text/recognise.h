// Other formats that people hand over for HLO text.
#pragma once

#include <string>
#include <string_view>

namespace gshard {

// Throws Error(program) where `text` is StableHLO or other MLIR, a serialized HLO proto, or other binary data; the
// message names the command that gives HLO text.
void refuse_other_formats(std::string_view text, const std::string& file);

}  // namespace gshard
