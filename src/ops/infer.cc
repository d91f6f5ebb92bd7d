#include "ops/infer.h"

#include <array>
#include <utility>

namespace gshard {

void fail_with(const Instruction& instruction, const std::string& message) {
  throw Error::program(std::string(keyword_of(instruction.op())) + ": " + message);
}

std::string names_of(Types types) {
  static constexpr std::array<std::pair<Types, std::string_view>, 5> kNames = {
      {{Types::boolean, "pred"},
       {Types::signed_int, "signed integers"},
       {Types::unsigned_int, "unsigned integers"},
       {Types::floating, "floating-point numbers"},
       {Types::complex_float, "complex numbers"}}};
  std::string text;
  for (const auto& [type, name] : kNames) {
    if (has(types, type)) text += (text.empty() ? "" : ", ") + std::string(name);
  }
  return text;
}

}  // namespace gshard
