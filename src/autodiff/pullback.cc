#include "autodiff/pullback.h"

#include <fmt/format.h>

#include "base/error.h"
#include "ops/table.h"

namespace gshard {

std::vector<Value> Pullback::operands_from(size_t i) const {
  std::vector<Value> operands;
  for (; i < operand_count(); ++i) operands.push_back(operand(i));
  return operands;
}

void Pullback::give_leaf(size_t operand, size_t leaf, Value cotangent) {
  if (cotangent.instruction() == nullptr || !wants(operand, leaf)) return;
  walk_.give(*instruction_.operand(operand), leaf, cotangent);
}

void Pullback::refuse(std::string_view reason) const {
  const std::string message =
      fmt::format("gradient: %{} = {} has none: {}", instruction_.name(), keyword_of(instruction_.op()), reason);
  const auto& metadata = instruction_.notes().metadata;
  if (instruction_.text_line() != 0) {
    const Module& module = *instruction_.parent()->parent();
    throw Error::program(message).at({module.file(), instruction_.text_line(), instruction_.text_column(), ""});
  }
  if (metadata == nullptr || metadata->source_file.empty()) throw Error::program(message);
  throw Error::program(message).at({metadata->source_file, metadata->source_line, metadata->source_column, ""});
}

}  // namespace gshard
