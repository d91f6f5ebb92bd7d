// Instructions and the types that must be inferred for them, or the errors.
#pragma once

#include <span>
#include <string_view>

namespace gshard {

struct Sample {
  // The types of the operands a, b, c, ..., separated by spaces.
  std::string_view parameters;
  // With or without a declared type; instructions before it end with "; ".
  std::string_view instruction;
  // The type, or "error: " and the start of the message.
  std::string_view expected;
};

std::span<const Sample> pointwise_samples();
std::span<const Sample> movement_samples();
std::span<const Sample> compute_samples();
std::span<const Sample> program_samples();

}  // namespace gshard
