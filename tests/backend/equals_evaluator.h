// Runs a module on the CPU backend and on the evaluator, and compares.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ir/module.h"

namespace gshard {

// "" where every output is equal up to rounding (2e-5 of the output's size for f32, what they hold for other types,
// times `slack` for programs in which rounding adds up), else what differs.
std::string difference_from_evaluator(const Module& module, std::span<const Literal> arguments, double slack = 1);

// Expects the program of that text to give what the evaluator gives, on random arguments of both signs, without its help.
void expect_equals_evaluator(const std::string& text);

// The steps of the compiled module that the evaluator does: "" where there are none.
std::string steps_of_the_evaluator(const Module& module);

}  // namespace gshard
