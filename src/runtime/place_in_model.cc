#include "runtime/place_in_model.h"

#include <fmt/format.h>

namespace gshard {

std::string place_in_model(const Instruction& instruction) {
  const std::string source = model_source_of(instruction);
  if (!source.empty() || instruction.text_line() == 0) return source;
  return fmt::format("line {}", instruction.text_line());
}

}  // namespace gshard
