// Small programs for every op that random ops (random_ops.h) do not cover: the types of the parameters a, b, c, ... and
// the instructions, the last of which is the result.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "ir/module.h"

namespace gshard {

struct GradientSample {
  std::string_view parameters;    // separated by spaces
  std::string_view instructions;  // separated by "; "
};

// One that has no gradient.
struct RefusedSample : GradientSample {
  std::string_view reason;  // part of the message
};

std::unique_ptr<Module> module_of(const GradientSample& sample);

// Programs whose gradient is that of their differences.
std::span<const GradientSample> differentiable_samples();
std::span<const RefusedSample> refused_samples();

}  // namespace gshard
